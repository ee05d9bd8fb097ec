//! A site to deliver from: spool, configuration, mailboxes in one directory.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use smtputils::config::Config;
use smtputils::deliver::{self, Mode, Summary};
use smtputils::smtp::addr::{Mailbox, ReversePath};
use smtputils::smtp::param::{MailParams, RcptParams};
use smtputils::spool::{Entry, Envelope, Id, Origin, Place, Recipient, Spool};

use crate::dns::Dns;

pub struct Site {
    pub dir: tempfile::TempDir,
    extra: String,
}

impl Site {
    /// `extra`: more configuration; top-level keys first.
    pub fn new(extra: &str) -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("mail")).unwrap();
        Spool::open_or_create(&dir.path().join("spool"), None).unwrap();
        Site {
            dir,
            extra: extra.to_string(),
        }
    }

    /// Sends by MX through this name server, to this port.
    pub fn with_dns(dns: &Dns, port: u16, extra: &str) -> Site {
        Site::new(&format!(
            "{extra}\n[dns]\nservers = [\"{}\"]\ntimeout = \"1s\"\nattempts = 1\n\
             [delivery]\nport = {port}\nallow_networks = [\"127.0.0.0/8\"]\n\
             connect_timeout = \"2s\"\ncommand_timeout = \"3s\"\n",
            dns.address
        ))
    }

    pub fn configure(&mut self, extra: &str) {
        self.extra = extra.to_string();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> Config {
        let dir = self.dir.path().display();
        let mut text = format!(
            "hostname = \"here.example\"\norigin = \"here.example\"\n\
             local_domains = [\"here.example\"]\nspool = \"{dir}/spool\"\nlog = \"none\"\n\
             aliases = [\"{dir}/aliases\"]\n"
        );
        if !self.extra.contains("local =") {
            text.push_str(&format!("local = \"maildir:{dir}/mail/{{user}}\"\n"));
        }
        text.push_str(&self.extra);
        Config::parse("test", &text).unwrap()
    }

    pub fn spool(&self) -> Spool {
        Spool::open(&self.path("spool")).unwrap()
    }

    pub fn aliases(&self, text: &str) {
        std::fs::write(self.path("aliases"), text).unwrap();
    }

    /// A local user with a mailbox.
    pub fn user(&self, name: &str) {
        for sub in ["", "/tmp", "/new", "/cur"] {
            std::fs::create_dir(self.path(&format!("mail/{name}{sub}"))).unwrap();
        }
    }

    /// What a local user got.
    pub fn inbox(&self, name: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(&format!("mail/{name}/new"))) else {
            return Vec::new();
        };
        let read = |e: std::io::Result<std::fs::DirEntry>| {
            let octets = std::fs::read(e.unwrap().path()).unwrap();
            String::from_utf8_lossy(&octets).into_owned()
        };
        entries.map(read).collect()
    }

    pub fn queue(&self, from: &str, to: &[&str]) -> Id {
        self.queue_text(from, to, "Subject: test\r\n\r\nhello\r\n.dot\r\n")
    }

    pub fn queue_text(&self, from: &str, to: &[&str], text: &str) -> Id {
        self.queue_at(from, to, text, jiff::Timestamp::now())
    }

    pub fn queue_at(&self, from: &str, to: &[&str], text: &str, time: jiff::Timestamp) -> Id {
        let recipient = |to: &&str| {
            let (address, params) = to.split_once(' ').unwrap_or((to, ""));
            Recipient {
                address: Mailbox::parse(address).unwrap(),
                params: RcptParams::parse(params).unwrap(),
            }
        };
        let envelope = Envelope {
            sender: match from {
                "" => ReversePath::Null,
                from => ReversePath::Mailbox(Mailbox::parse(from).unwrap()),
            },
            params: MailParams::default(),
            recipients: to.iter().map(recipient).collect(),
            origin: Origin {
                time,
                kind: "local".to_string(),
                words: Vec::new(),
            },
        };
        let spool = self.spool();
        let mut draft = spool.draft(&envelope).unwrap();
        draft.write_all(text.as_bytes()).unwrap();
        draft.commit().unwrap()
    }

    pub fn run(&self) -> Summary {
        self.run_mode(Mode::Pass { all: true })
    }

    pub fn run_mode(&self, mode: Mode) -> Summary {
        deliver::run(self.config(), self.spool(), mode, None).unwrap()
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.spool().list().unwrap()
    }

    /// Where the messages are.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.entries().iter().map(|e| e.place).collect();
        places.sort();
        places
    }
}

pub fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or(Duration::ZERO).as_secs()
}
