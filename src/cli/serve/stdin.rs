//! One session for whoever started us: a pipe, or a connection that inetd or a
//! service manager accepted.

use std::net::TcpStream;

use super::{Args, acceptor, committed, own_spool};
use crate::class::Class;
use crate::cli::{Done, Stop};
use crate::config::Config;
use crate::net::stdio;
use crate::serve::listen::{self, Options};
use crate::serve::{local, service};

/// A socket from inetd is a stranger's; a pipe is a program's of this host.
pub fn serve(args: &Args, config: &Config) -> Done {
    match stdio::internet_socket() {
        Some(socket) => serve_socket(args, config, socket, None),
        None => {
            let desk = local::desk(config, own_spool(config)?, committed(args, config));
            Ok(local::run_server(config, &desk)?)
        }
    }
}

/// A connection; what it is for says the command line, its name, or its port.
pub fn serve_socket(args: &Args, config: &Config, socket: TcpStream, word: Option<&str>) -> Done {
    let failed = |e: std::io::Error| Stop::new(Class::OsErr, format!("cannot serve: {e}"));
    let port = socket.local_addr().map_err(failed)?.port();
    let named = args.role.or_else(|| listen::role(word?));
    let post = named.unwrap_or_else(|| listen::role_of_port(port));
    let acceptor = acceptor(config, &Options::default())?;
    let desk = local::desk(config, own_spool(config)?, committed(args, config));
    service::run_one(config, desk, socket, post, acceptor).map_err(failed)
}
