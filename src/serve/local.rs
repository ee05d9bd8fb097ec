//! One session for a caller on descriptors 0 and 1: `sendmail -bs` and
//! `smtp-serve --stdin`. Names no runtime and no TLS.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use super::intake::{self, Caller, Committed, Desk, Intake, Room};
use super::policy::{Client, Policy};
use crate::class::{Class, Classify};
use crate::config::Config;
use crate::net::stdio::{self, Carrier, End, Handler, Standard};
use crate::smtp::server::{Role, Session};
use crate::spool::Spool;

/// Why a session on descriptors 0 and 1 did not end well.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("SMTP on standard input: {0}")]
    Io(#[from] io::Error),
    /// What was received of the message is dropped.
    #[error("the input ended in the middle of a message; it was not sent")]
    Broken,
}

impl Classify for LocalError {
    fn class(&self) -> Class {
        match self {
            LocalError::Io(_) => Class::Io,
            LocalError::Broken => Class::Protocol,
        }
    }
}

/// Runs one session. Where descriptor 0 is an Internet socket the other side is
/// a stranger, with deadlines and without relaying; else it is `caller`, who
/// may send anywhere and whose headers are completed. `committed` is called
/// after each message that is safe in the spool.
pub fn run(
    config: &Config,
    spool: Spool,
    caller: Caller,
    committed: Box<dyn Fn(&Spool) + Send + Sync>,
) -> Result<(), LocalError> {
    let desk = desk(config, spool, committed);
    match stdio::internet_socket() {
        None => session(
            config,
            true,
            &mut Intake::for_caller(&desk, caller),
            &mut Standard,
        ),
        Some(mut socket) => {
            let client = client(&socket)?;
            session(config, false, &mut Intake::new(&desk, client), &mut socket)
        }
    }
}

/// Runs one session of the server proper on descriptors 0 and 1, for a program
/// that speaks to us through a pipe: nothing is completed, the line ends are as
/// strict as on the network, only relaying is free and nobody is hurried.
pub fn run_server(config: &Config, desk: &Desk) -> Result<(), LocalError> {
    let mut intake = Intake::new(desk, Client::default());
    session(config, false, &mut intake, &mut Standard)
}

/// What sessions share, from the configuration.
pub fn desk(config: &Config, spool: Spool, committed: Committed) -> Desk {
    Desk {
        spool,
        policy: Policy::new(config),
        hostname: config.hostname.clone(),
        origin: config.origin.clone(),
        reserve: config.serve.reserve,
        room: Room::default(),
        filter: (!config.serve.filter.command.is_empty()).then(|| {
            (
                config.serve.filter.clone(),
                filter_limit(config.message_size),
            )
        }),
        committed,
    }
}

/// A filter may add to a message; 0: any size is taken.
fn filter_limit(message_size: u64) -> u64 {
    const ADDED: u64 = 1 << 20;
    match message_size {
        0 => u64::MAX,
        size => size.saturating_add(ADDED),
    }
}

fn client(socket: &TcpStream) -> io::Result<Client> {
    Ok(Client {
        address: Some(socket.peer_addr()?.ip().to_canonical()),
        own_address: Some(socket.local_addr()?.ip().to_canonical()),
        ..Client::default()
    })
}

fn session(
    config: &Config,
    local: bool,
    handler: &mut impl Handler,
    carrier: &mut impl Carrier,
) -> Result<(), LocalError> {
    let settings = intake::settings(config, Role::Mx, local, false);
    let mut session = Session::new(settings, false, Instant::now());
    match stdio::drive(&mut session, handler, carrier)? {
        End::Closed | End::Eof => Ok(()),
        End::Broken => Err(LocalError::Broken),
    }
}
