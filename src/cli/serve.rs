//! `smtp-serve`: from the command line to a running server.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Parser;

use super::drain::Runner;
use super::{Done, Stop};
use crate::class::Class;
use crate::config::{Config, Overrides};
use crate::net::stdio;
use crate::net::tls::Acceptor;
use crate::serve::intake::Committed;
use crate::serve::listen::{Endpoint, ListenError, Listener};
use crate::serve::{identity, local, service};
use crate::smtp::addr::{AddrError, Domain};
use crate::spool::Spool;
use crate::{log, sys};

const TOOL: &str = "smtp-serve";

/// Takes mail by SMTP and puts it into the spool.
#[derive(Debug, Parser)]
#[command(name = TOOL, version, disable_help_subcommand = true)]
pub struct Args {
    /// Listen here: HOST:PORT, ROLE://HOST:PORT or ROLE:/PATH; may be repeated
    #[arg(long, value_name = "PLACE")]
    listen: Vec<String>,
    /// Serve one session on standard input and output
    #[arg(long, conflicts_with = "listen")]
    stdin: bool,
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

/// What will be done; nothing has happened yet.
#[derive(Debug)]
struct Plan {
    config: Config,
    config_file: Option<PathBuf>,
    /// Empty: one session on standard input.
    endpoints: Vec<Endpoint>,
}

/// The program.
pub fn run(args: Vec<OsString>) -> Done {
    let plan = plan(super::parse::<Args>(TOOL, args)?)?;
    log::open(plan.config.log, TOOL);
    if plan.endpoints.is_empty() {
        serve_stdin(&plan)
    } else {
        serve_network(&plan)
    }
}

fn plan(args: Args) -> Result<Plan, Stop> {
    let over = Overrides {
        config: args.config.clone(),
        spool: args.spool,
        privileged: sys::is_privileged(),
    };
    let mut config = Config::load(&over)?;
    if let Some(hostname) = args.hostname {
        let wrong = |e: AddrError| Stop::from(e).about(&format!("--hostname {hostname}"));
        match Domain::parse(&hostname).map_err(wrong)? {
            Domain::Name(name) => config.hostname = name,
            _ => return Err(Stop::usage("--hostname: a name, not an address")),
        }
    }
    for text in args.relay_from {
        let network = text.parse();
        let wrong = |e| Stop::usage(format!("--relay-from {text}: {e}"));
        config.serve.relay_from.push(network.map_err(wrong)?);
    }
    config.tls.certificate = args.tls_certificate.or(config.tls.certificate);
    config.tls.key = args.tls_key.or(config.tls.key);
    let endpoints = match (args.stdin, args.listen.as_slice()) {
        (true, _) => Vec::new(),
        (false, []) => endpoints(&config.serve.listen)
            .map_err(|e| Stop::new(Class::Config, format!("serve.listen: {e}")))?,
        (false, places) => endpoints(places)?,
    };
    if endpoints.is_empty() && !args.stdin {
        return Err(Stop::usage(
            "nothing to listen on: give --listen HOST:PORT, or --stdin",
        ));
    }
    let has_tls = config.tls.certificate.is_some();
    if has_tls != config.tls.key.is_some() {
        return Err(Stop::new(
            Class::Config,
            "tls.certificate and tls.key come together",
        ));
    }
    if !has_tls && endpoints.iter().any(|e| e.implicit_tls) {
        return Err(Stop::new(
            Class::Config,
            "TLS from the first octet needs tls.certificate and tls.key",
        ));
    }
    Ok(Plan {
        config,
        config_file: args.config,
        endpoints,
    })
}

fn endpoints(places: &[String]) -> Result<Vec<Endpoint>, ListenError> {
    places.iter().map(|text| text.parse()).collect()
}

fn serve_network(plan: &Plan) -> Done {
    let mut listeners = Vec::new();
    for endpoint in &plan.endpoints {
        listeners.extend(endpoint.bind()?);
    }
    let acceptor = acceptor(&plan.config)?;
    let desk = local::desk(&plan.config, open_spool(plan)?, committed(plan));
    tell(&listeners)?;
    let stopped = service::run(&plan.config, desk, listeners, acceptor);
    stopped.map_err(|e| Stop::new(Class::OsErr, format!("cannot serve: {e}")))
}

/// A socket from inetd is a stranger's; a pipe is a program's of this host.
fn serve_stdin(plan: &Plan) -> Done {
    let socket = stdio::internet_socket();
    let acceptor = match socket {
        Some(_) => acceptor(&plan.config)?,
        None => None,
    };
    let desk = local::desk(&plan.config, open_spool(plan)?, committed(plan));
    match socket {
        None => Ok(local::run_server(&plan.config, &desk)?),
        Some(socket) => service::run_one(&plan.config, desk, socket, acceptor)
            .map_err(|e| Stop::new(Class::OsErr, format!("cannot serve: {e}"))),
    }
}

fn acceptor(config: &Config) -> Result<Option<Acceptor>, Stop> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => Ok(Some(Acceptor::from_files(certificate, key)?)),
        _ => Ok(None),
    }
}

/// Root ends here: what comes after reads what strangers wrote.
fn open_spool(plan: &Plan) -> Result<Spool, Stop> {
    identity::leave_root(&plan.config.spool, &plan.config.service_user)?;
    Ok(Spool::open_or_create(&plan.config.spool, None)?)
}

/// Scripts and tests wait for these lines; with port 0 they tell the port.
fn tell(listeners: &[Listener]) -> Done {
    let mut lines = String::new();
    for listener in listeners {
        lines.push_str(&format!("listening {listener}\n"));
        log::listening(listener);
    }
    let mut out = std::io::stdout();
    out.write_all(lines.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| Stop::new(Class::Io, format!("standard output: {e}")))
}

/// After a commit somebody must deliver. Drains that have ended are reaped
/// when the next is asked for.
fn committed(plan: &Plan) -> Committed {
    let runner = Runner::new(&plan.config.spool, plan.config_file.as_deref());
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
