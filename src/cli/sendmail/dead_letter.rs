//! `~/dead.letter`: a message that could neither be queued nor go back by mail
//! (`-oem`, `-oew`).

use super::super::Stop;
use super::super::submit::{Caller, Incoming, Input};
use crate::class::Class;
use crate::deliver::append_to_mbox;
use crate::smtp::addr::ReversePath;
use crate::sys;

const NAME: &str = "dead.letter";

/// Keeps the message in the caller's home, as the caller; `stop` says where
/// then, or why not.
pub fn save(
    stop: Stop,
    caller: &Caller,
    sender: &ReversePath,
    message: &mut Incoming<Input>,
) -> Stop {
    // Without a home there is no place to keep it.
    let Some(home) = caller.home() else {
        return stop;
    };
    let path = home.join(NAME);
    let sender = sender
        .mailbox()
        .map_or_else(String::new, ToString::to_string);
    let append = || append_to_mbox(&path, caller.uid, &sender, &mut message.whole());
    // Root may be at work as the spool's owner.
    let kept = sys::with_effective_user(caller.uid, append).and_then(|done| done);
    let path = path.display();
    stop.and(&match kept {
        Ok(()) => Stop::new(Class::Data, format!("the message is in {path}")),
        Err(error) => Stop::new(
            Class::Io,
            format!("nor could it be kept in {path}: {error}"),
        ),
    })
}
