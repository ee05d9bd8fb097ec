//! `smtp-serve`: from the command line to a running server.

mod network;
mod stdin;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Parser;

use super::drain::Runner;
use super::{Done, Stop};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::net::tls::Acceptor;
use crate::serve::identity::Identity;
use crate::serve::intake::Committed;
use crate::serve::listen::{self, Endpoint, Inherited, ListenError, Options};
use crate::smtp::addr::{AddrError, Domain};
use crate::smtp::server::Role;
use crate::spool::Spool;
use crate::{log, sys};

const TOOL: &str = "smtp-serve";

/// Takes mail by SMTP and puts it into the spool.
#[derive(Clone, Debug, Parser)]
#[command(name = TOOL, version, disable_help_subcommand = true)]
pub struct Args {
    /// Listen here: HOST:PORT, ROLE://HOST:PORT or ROLE:/PATH; may be repeated
    #[arg(long, value_name = "PLACE")]
    listen: Vec<String>,
    /// Serve one session on standard input and output
    #[arg(long, conflicts_with = "listen")]
    stdin: bool,
    /// What an inherited socket is for; else its name or port says it
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<(Role, bool)>,
    /// Write the log as JSON
    #[arg(long)]
    json: bool,
    /// Networks that may send to anybody
    #[arg(long, value_name = "NETWORK")]
    relay_from: Vec<String>,
    /// Name in the greeting
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// Key of the certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The spool
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn role(word: &str) -> Result<(Role, bool), String> {
    listen::role(word)
        .ok_or_else(|| "roles are mx, submission, submissions, smtps and lmtp".to_owned())
}

/// The program.
pub fn run(args: Vec<OsString>) -> Done {
    // Before any other descriptor is opened.
    let inherited = listen::inherited();
    let args = super::parse::<Args>(TOOL, args)?;
    let config = configuration(&args)?;
    log::open(config.log, TOOL);
    if args.json {
        log::as_json();
    }
    match inherited.map_err(|e| Stop::new(Class::OsErr, format!("inherited sockets: {e}")))? {
        Inherited::Connection(socket, word) => {
            stdin::serve_socket(&args, &config, socket, word.as_deref())
        }
        Inherited::Listeners(sockets) if sockets.is_empty() && args.stdin => {
            stdin::serve(&args, &config)
        }
        Inherited::Listeners(sockets) => network::serve(args, config, sockets),
    }
}

/// The files, and the command line over them.
fn configuration(args: &Args) -> Result<Config, Stop> {
    let over = Overrides {
        config: args.config.clone(),
        spool: args.spool.clone(),
        privileged: sys::is_privileged(),
    };
    let mut config = Config::load(&over)?;
    if let Some(hostname) = &args.hostname {
        let wrong = |e: AddrError| Stop::from(e).about(&format!("--hostname {hostname}"));
        match Domain::parse(hostname).map_err(wrong)? {
            Domain::Name(name) => config.hostname = name,
            _ => return Err(Stop::usage("--hostname: a name, not an address")),
        }
    }
    for text in &args.relay_from {
        let network = text.parse();
        let wrong = |e| Stop::usage(format!("--relay-from {text}: {e}"));
        config.serve.relay_from.push(network.map_err(wrong)?);
    }
    config.tls.certificate = args.tls_certificate.clone().or(config.tls.certificate);
    config.tls.key = args.tls_key.clone().or(config.tls.key);
    if config.tls.certificate.is_some() != config.tls.key.is_some() {
        return Err(Stop::new(
            Class::Config,
            "tls.certificate and tls.key come together",
        ));
    }
    Ok(config)
}

/// Where to listen: by the command line, else by the configuration.
fn endpoints(args: &Args, config: &Config) -> Result<Vec<Endpoint>, Stop> {
    let read = |places: &[String]| -> Result<Vec<Endpoint>, ListenError> {
        places.iter().map(|text| text.parse()).collect()
    };
    match args.listen.as_slice() {
        [] => read(&config.serve.listen)
            .map_err(|e| Stop::new(Class::Config, format!("serve.listen: {e}"))),
        places => Ok(read(places)?),
    }
}

/// A listener's own certificate, or the server's.
fn acceptor(config: &Config, own: &Options) -> Result<Option<Acceptor>, Stop> {
    let own = own.certificate.as_ref().zip(own.key.as_ref());
    let shared = config.tls.certificate.as_ref().zip(config.tls.key.as_ref());
    match own.or(shared) {
        Some((certificate, key)) => Ok(Some(Acceptor::from_files(certificate, key)?)),
        None => Ok(None),
    }
}

/// For a session that has no parent: root ends here, for what comes after reads
/// what strangers wrote.
fn own_spool(config: &Config) -> Result<Spool, Stop> {
    if let Some(identity) = Identity::of(&config.spool, &config.service_user)? {
        identity.assume()?;
    }
    Ok(Spool::open_or_create(&config.spool, None)?)
}

/// After a commit somebody must deliver. Drains that have ended are reaped
/// when the next is asked for.
fn committed(args: &Args, config: &Config) -> Committed {
    let runner = Runner::new(&config.spool, args.config.as_deref());
    let drains = Mutex::new(Vec::new());
    Box::new(move |spool| {
        let mut drains = drains.lock().unwrap_or_else(PoisonError::into_inner);
        drains.retain(|pid| !has_ended(*pid));
        drains.extend(runner.wake(spool));
    })
}

fn has_ended(pid: u32) -> bool {
    use rustix::process::{Pid, WaitOptions, waitpid};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None)))
}

/// Scripts and tests wait for what is written here.
fn tell(lines: &str) -> Done {
    let mut out = std::io::stdout();
    out.write_all(lines.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| Stop::new(Class::Io, format!("standard output: {e}")))
}
