//! A server on listening sockets: what its parent prepares for its workers.

use super::{Args, TOOL, acceptor, configuration, endpoints, tell};
use crate::class::Class;
use crate::cli::drain::Runner;
use crate::cli::{Done, Stop, say};
use crate::config::Config;
use crate::log;
use crate::serve::confine;
use crate::serve::identity::Identity;
use crate::serve::intake::Desk;
use crate::serve::link::Worker;
use crate::serve::listen::{Endpoint, Listener, Place};
use crate::serve::local;
use crate::serve::parent::{self, ParentError, Site};
use crate::serve::service::{self, Post};
use crate::spool::Spool;

/// Serves until it is told to stop.
pub fn serve(args: Args, config: Config, inherited: Vec<Listener>) -> Done {
    let mut network = Network {
        args,
        inherited,
        bound: Vec::new(),
    };
    let work = network.prepare_with(config)?;
    parent::run(network, work).map_err(|error| match error {
        ParentError::Worker(status, words) => {
            say(TOOL, &words);
            Stop::Code(status)
        }
        error => Stop::new(Class::OsErr, error.to_string()),
    })
}

struct Network {
    args: Args,
    /// Opened by a service manager, kept to the end.
    inherited: Vec<Listener>,
    /// Opened by us, and where: kept over a reload.
    bound: Vec<(Place, Vec<Listener>)>,
}

/// What a worker begins with: all that only its parent may read or open.
struct Work {
    config: Config,
    posts: Vec<Post>,
    identity: Option<Identity>,
}

impl Network {
    fn prepare_with(&mut self, config: Config) -> Result<Work, Stop> {
        let mut posts = Vec::new();
        for listener in self.listeners(&config)? {
            let acceptor = acceptor(&config, &listener.options)?;
            if acceptor.is_none() && listener.implicit_tls {
                let text = format!("{listener} needs tls.certificate and tls.key");
                return Err(Stop::new(Class::Config, text));
            }
            posts.push((listener, acceptor));
        }
        if posts.is_empty() {
            return Err(Stop::usage(
                "nothing to listen on: give --listen HOST:PORT, or --stdin",
            ));
        }
        let identity = Identity::of(&config.spool, &config.service_user)?;
        Ok(Work {
            config,
            posts,
            identity,
        })
    }

    /// Sockets that stand already are taken again. Where a service manager gave
    /// some, the configuration's places are not opened.
    fn listeners(&mut self, config: &Config) -> Result<Vec<Listener>, Stop> {
        let failed = |e: std::io::Error| Stop::new(Class::OsErr, format!("a socket: {e}"));
        let mut listeners = Vec::new();
        for listener in &self.inherited {
            let (role, implicit_tls) = match self.args.role {
                Some(role) => role,
                None => (listener.role, listener.implicit_tls),
            };
            let socket = listener.socket.try_clone().map_err(failed)?;
            let options = listener.options.clone();
            listeners.push(Listener::new(socket, role, implicit_tls, options));
        }
        let wanted = match self.inherited.is_empty() || !self.args.listen.is_empty() {
            true => endpoints(&self.args, config)?,
            false => Vec::new(),
        };
        let mut bound = Vec::new();
        for endpoint in &wanted {
            let opened = self.open(endpoint)?;
            for listener in &opened {
                listeners.push(listener.try_clone().map_err(failed)?);
            }
            bound.push((endpoint.place.clone(), opened));
        }
        self.bound = bound;
        Ok(listeners)
    }

    fn open(&self, endpoint: &Endpoint) -> Result<Vec<Listener>, Stop> {
        match self
            .bound
            .iter()
            .find(|(place, _)| *place == endpoint.place)
        {
            Some((_, listeners)) => Ok(endpoint.adopt(listeners)?),
            None => Ok(endpoint.bind()?),
        }
    }
}

fn words(stop: Stop) -> String {
    match stop {
        Stop::Failed(_, text) => text,
        other => format!("{other:?}"),
    }
}

impl Site for Network {
    type Work = Work;

    fn prepare(&mut self) -> Result<Work, String> {
        let config = configuration(&self.args);
        let work = config.and_then(|config| self.prepare_with(config));
        work.map_err(words)
    }

    fn work(&self, work: &Work, link: Worker) -> Result<(), String> {
        match begin(work, &link) {
            Ok((desk, posts)) => service::run(&work.config, desk, posts, link)
                .map_err(|e| format!("cannot serve: {e}")),
            Err(stop) => {
                let status = match &stop {
                    Stop::Failed(class, _) => class.exit_status(),
                    _ => Class::Software.exit_status(),
                };
                link.failed(status, &words(stop));
                Ok(())
            }
        }
    }

    /// With port 0 these lines tell the port.
    fn begun(&mut self, work: &Work) {
        let mut lines = String::new();
        for (listener, _) in &work.posts {
            lines.push_str(&format!("listening {listener}\n"));
            log::listening(listener);
        }
        // Nobody reads them: the server serves all the same.
        let _ = tell(&lines);
    }

    fn mail(&mut self, work: &Work) {
        let runner = Runner::new(&work.config.spool, self.args.config.as_deref());
        match Spool::open(&work.config.spool) {
            Ok(spool) => drop(runner.wake(&spool)),
            Err(error) => log::unattended(&work.config.spool.display(), &error),
        }
    }
}

/// The worker's first acts. Root ends here: what comes after reads what
/// strangers wrote.
fn begin(work: &Work, link: &Worker) -> Result<(Desk, Vec<Post>), Stop> {
    if let Some(identity) = &work.identity {
        identity.assume()?;
    }
    let config = &work.config;
    let spool = Spool::open_or_create(&config.spool, None)?;
    let news = link.news();
    let desk = local::desk(config, spool, Box::new(move |_| news.tell()));
    confine::confine(config);
    let mut posts = Vec::new();
    for (listener, acceptor) in &work.posts {
        let failed = |e: std::io::Error| Stop::new(Class::OsErr, format!("{listener}: {e}"));
        posts.push((listener.try_clone().map_err(failed)?, acceptor.clone()));
    }
    Ok((desk, posts))
}
