//! A server of its own for each test: a directory, a configuration, a process
//! on a free port of the loopback, and a client to talk to it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use smtputils::spool::{Head, Spool};
use tempfile::TempDir;

/// Every wait of a test ends here.
pub const PATIENCE: Duration = Duration::from_secs(30);

const BUILT: &str = env!("CARGO_BIN_EXE_smtp-serve");

pub struct Site {
    pub dir: TempDir,
}

impl Site {
    /// `more`: further lines of the configuration, tables last.
    pub fn new(more: &str) -> Site {
        let dir = tempfile::tempdir().unwrap();
        // Started as root the server becomes another user, who must pass here.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let site = Site { dir };
        // The program starts a smtp-queue that stands beside it; none stands
        // here, so that what was queued stays to be looked at.
        if fs::hard_link(BUILT, site.program()).is_err() {
            fs::copy(BUILT, site.program()).unwrap();
        }
        let spool = site.spool_path();
        let config = format!(
            "hostname = \"mx.b.example\"\norigin = \"b.example\"\nlocal_domains = [\"b.example\"]\n\
             aliases = []\nlog = \"stderr\"\nservice_user = \"nobody\"\nspool = {spool:?}\n{more}"
        );
        fs::write(site.config(), config).unwrap();
        site
    }

    /// With a mailbox for bob, as most tests want it; `more`: keys of `[serve]`.
    pub fn with_bob(more: &str) -> Site {
        Site::new(&format!("[serve]\nusers = [\"bob\"]\n{more}"))
    }

    pub fn program(&self) -> PathBuf {
        self.dir.path().join("smtp-serve")
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    pub fn spool_path(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        command.arg("--config").arg(self.config());
        command
    }

    pub fn start(&self) -> Server {
        self.start_at(&["127.0.0.1:0"])
    }

    /// With so many file descriptors and no more.
    pub fn start_with_descriptors(&self, most: usize) -> Server {
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n $0; exec \"$@\""])
            .arg(most.to_string());
        command
            .arg(self.program())
            .arg("--config")
            .arg(self.config());
        Site::listen(command, &["127.0.0.1:0"])
    }

    /// With its spool on a disk of 1 MB that nobody else sees, but by
    /// `/proc/PID/root`. None where one cannot be mounted.
    pub fn start_on_a_small_disk(&self) -> Option<Server> {
        let disk = self.spool_path();
        let mount = Command::new("unshare")
            .args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"])
            .stderr(Stdio::null())
            .status();
        if !mount.is_ok_and(|status| status.success()) {
            return None;
        }
        fs::create_dir(&disk).unwrap();
        let mut command = Command::new("unshare");
        let script =
            "mount -t tmpfs -o size=1m,mode=700,uid=65534,gid=65534 none $0 && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script]).arg(disk);
        command
            .arg(self.program())
            .arg("--config")
            .arg(self.config());
        Some(Site::listen(command, &["127.0.0.1:0"]))
    }

    pub fn start_at(&self, places: &[&str]) -> Server {
        Site::listen(self.command(), places)
    }

    pub fn listen(mut command: Command, places: &[&str]) -> Server {
        for place in places {
            command.arg("--listen").arg(place);
        }
        Site::started(command, places.len())
    }

    /// Runs a server that will listen in so many places.
    pub fn started(mut command: Command, places: usize) -> Server {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut lines = Vec::new();
        for _ in 0..places {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            lines.push(line.trim().to_string());
        }
        let address = |line: &String| line.strip_prefix("listening ").map(str::to_string);
        let addresses = lines
            .iter()
            .map(|l| address(l).expect("the server listens"));
        Server {
            addresses: addresses.collect(),
            lines,
            child,
        }
    }

    /// Certificate and key for the server's name, in files.
    pub fn certificate(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = crate::certificate::make("mx.b.example");
        let file = |name: &str, octets: &[u8]| {
            let path = self.dir.path().join(name);
            fs::write(&path, octets).unwrap();
            path
        };
        (file("cert.pem", &certificate), file("key.pem", &key))
    }

    /// All queued messages: head and content.
    pub fn queued(&self) -> Vec<(Head, Vec<u8>)> {
        let Ok(spool) = Spool::open(&self.spool_path()) else {
            return Vec::new();
        };
        let mut entries = spool.list().unwrap();
        entries.sort_by_key(|entry| entry.id);
        let read = |entry| {
            let (head, mut reader) = spool.read(entry).unwrap();
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            (head, content)
        };
        entries.iter().map(read).collect()
    }
}

pub struct Server {
    child: Child,
    pub addresses: Vec<String>,
    /// What it wrote on standard output.
    pub lines: Vec<String>,
}

impl Server {
    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(&self.addresses[0]).unwrap())
    }

    /// Connected and greeted.
    pub fn hello(&self) -> Client {
        let mut client = self.connect();
        assert_eq!(client.reply(), "220 mx.b.example ESMTP");
        client.ask("EHLO c.example");
        client
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processes that talk to clients.
    pub fn workers(&self) -> Vec<u32> {
        let is_child = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let mut fields = stat
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            // State, then the parent.
            fields.next() != Some("Z") && fields.next() == Some(&self.pid().to_string())
        };
        let names = fs::read_dir("/proc").unwrap().flatten();
        let pids = names.filter_map(|e| e.file_name().to_str()?.parse().ok());
        pids.filter(is_child).collect()
    }

    /// The only one. For a moment there may be a child that starts a runner.
    pub fn worker(&self) -> u32 {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            match self.workers().as_slice() {
                [one] => return *one,
                other => assert!(std::time::Instant::now() < deadline, "workers: {other:?}"),
            }
            std::thread::yield_now();
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn terminate(&mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Speaks line by line and waits with a limit.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn new(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(BufReader::new(stream))
    }

    pub fn send(&mut self, octets: &[u8]) {
        self.0.get_mut().write_all(octets).unwrap();
    }

    /// Nothing more comes from here; what the server says can still be read.
    pub fn half_close(&mut self) {
        let socket = self.0.get_ref();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// For a handshake: all that was said so far has been read.
    pub fn into_stream(self) -> TcpStream {
        assert!(self.0.buffer().is_empty());
        self.0.into_inner()
    }

    /// One line, empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }

    /// The last line of one reply.
    pub fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    #[track_caller]
    pub fn expect(&mut self, line: &str, wanted: &str) {
        let reply = self.ask(line);
        assert!(reply.starts_with(wanted), "{line}: {reply}");
    }

    /// MAIL, RCPT, DATA; the content is sent, and the last reply returned.
    pub fn deliver(&mut self, to: &[&str], content: &[u8]) -> String {
        self.expect("MAIL FROM:<alice@a.example>", "250");
        for to in to {
            self.expect(&format!("RCPT TO:<{to}>"), "250");
        }
        self.expect("DATA", "354");
        self.send(content);
        self.send(b".\r\n");
        self.reply()
    }
}
