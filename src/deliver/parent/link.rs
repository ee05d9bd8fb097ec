//! The worker's requests: a datagram with two descriptors, the claimed message
//! and one to answer on.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use super::super::{Summary, result};
use crate::spool::{Attempt, Id, Outcome, Target};

/// Longest request; an error's words are cut to it.
const LONGEST: usize = 4096;

/// What the worker asks. It says which message and which target; who that is,
/// the parent finds out itself.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    Expand { id: String },
    Deliver { id: String, target: u32 },
    Done(Summary),
    Failed(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Targets(Vec<Target>),
    Attempt(Attempt),
    /// The message does not read right.
    Damaged(String),
    Refused(String),
}

/// A request as the parent has it.
#[derive(Debug)]
pub struct Asked {
    pub ask: Ask,
    /// Message and socket for the answer, where the request has them.
    pub descriptors: Option<(OwnedFd, UnixStream)>,
}

/// The worker's end.
#[derive(Debug)]
pub struct Link {
    socket: UnixDatagram,
}

impl Link {
    pub fn new(socket: UnixDatagram) -> Link {
        Link { socket }
    }

    /// The targets of a message, by the parent's aliases.
    pub fn expand(&self, message: BorrowedFd<'_>, id: Id) -> Result<Vec<Target>, String> {
        let ask = Ask::Expand { id: id.to_string() };
        match self.ask(&ask, message) {
            Ok(Answer::Targets(targets)) => Ok(targets),
            Ok(Answer::Refused(words) | Answer::Damaged(words)) => Err(words),
            Ok(Answer::Attempt(_)) => Err("the parent's answer makes no sense".to_string()),
            Err(error) => Err(format!("asking the parent: {error}")),
        }
    }

    /// Delivers a target into its mailbox. `Err`: the message does not read
    /// right. A delivery process that died may have delivered: that is unknown.
    pub fn deliver(&self, message: BorrowedFd<'_>, id: Id, target: u32) -> Result<Attempt, String> {
        let ask = Ask::Deliver {
            id: id.to_string(),
            target,
        };
        match self.ask(&ask, message) {
            Ok(Answer::Attempt(attempt)) => Ok(attempt),
            Ok(Answer::Damaged(words)) => Err(words),
            Ok(Answer::Refused(words)) => Ok(result::deferred("4.3.0", words)),
            Ok(Answer::Targets(_)) => Ok(result::deferred("4.3.0", "no delivery process")),
            Err(error) => {
                let words = format!("the delivery process gave no answer: {error}");
                Ok(result::ours(Outcome::Unknown, "4.3.0", words))
            }
        }
    }

    pub fn done(&self, summary: Summary) -> io::Result<()> {
        self.send(&Ask::Done(summary), &[])
    }

    pub fn failed(&self, words: &str) -> io::Result<()> {
        let words = words.chars().take(LONGEST / 8).collect();
        self.send(&Ask::Failed(words), &[])
    }

    fn ask(&self, ask: &Ask, message: BorrowedFd<'_>) -> io::Result<Answer> {
        let (mut ours, theirs) = UnixStream::pair()?;
        self.send(ask, &[message, theirs.as_fd()])?;
        // With ours alone left, the answer ends when the answerer does.
        drop(theirs);
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer)?;
        serde_json::from_slice(&answer).map_err(io::Error::from)
    }

    fn send(&self, ask: &Ask, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let octets = serde_json::to_vec(ask)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let slices = [IoSlice::new(&octets)];
        sendmsg(&self.socket, &slices, &mut control, SendFlags::empty())?;
        Ok(())
    }
}

/// The next request. `Ok(None)`: one that makes no sense.
pub fn receive(socket: impl AsFd) -> io::Result<Option<Asked>> {
    let mut octets = [0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(&mut octets)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let n = recvmsg(&socket, &mut slices, &mut control, flags)?.bytes;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let mut descriptors = descriptors.next().into_iter().flatten();
    let pair = match (descriptors.next(), descriptors.next()) {
        (Some(message), Some(reply)) => Some((message, UnixStream::from(reply))),
        _ => None,
    };
    let ask = serde_json::from_slice(octets.get(..n).unwrap_or_default());
    Ok(ask.ok().map(|ask| Asked {
        ask,
        descriptors: pair,
    }))
}

/// Answers; nobody waits for a worker that is gone.
pub fn reply(mut socket: UnixStream, answer: &Answer) {
    if let Ok(octets) = serde_json::to_vec(answer) {
        let _ = socket.write_all(&octets);
    }
}
