//! Parent and worker (DESIGN section 5): who holds root, what a reload and a
//! death change, and what a service manager hears.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::site::{Client, PATIENCE, Server, Site};

/// A line of /proc/PID/status, its words.
fn status(pid: u32, name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with(&format!("{name}:")));
    let words = line.unwrap().split_whitespace().skip(1);
    words.map(str::to_string).collect()
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A service manager's socket.
struct Manager(UnixDatagram);

impl Manager {
    fn new(site: &Site) -> Manager {
        let socket = UnixDatagram::bind(site.dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    fn start(&self, site: &Site) -> Server {
        let mut command = site.command();
        command.env("NOTIFY_SOCKET", site.dir.path().join("notify"));
        let server = Site::listen(command, &["127.0.0.1:0"]);
        self.hear("READY=1");
        server
    }

    fn hear(&self, wanted: &str) -> String {
        let mut buffer = [0; 256];
        let n = self.0.recv(&mut buffer).unwrap();
        let said = String::from_utf8_lossy(&buffer[..n]).into_owned();
        assert!(said.starts_with(wanted), "{said} instead of {wanted}");
        said
    }

    fn reload(&self, server: &Server) {
        signal(server.pid(), Signal::HUP);
        let said = self.hear("RELOADING=1\nMONOTONIC_USEC=");
        let micros = said.rsplit('=').next().unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0);
        self.hear("READY=1");
    }
}

/// S10: what hears strangers has no rights but the spool owner's, and cannot
/// get any; who keeps root hears nobody.
#[test]
fn s10_the_worker_has_no_privilege_and_the_parent_no_connection() {
    let site = Site::with_bob("");
    let server = site.start();
    let _session = server.hello();
    let worker = server.worker();
    assert_eq!(status(worker, "NoNewPrivs"), ["1"]);
    if !is_root() {
        return;
    }
    for id in ["Uid", "Gid"] {
        let ids = status(worker, id);
        assert!(ids.iter().all(|n| n == &ids[0] && n != "0"), "{id} {ids:?}");
    }
    assert_eq!(status(worker, "Groups"), [""; 0]);
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(status(worker, set), ["0000000000000000"], "{set}");
    }
    assert_eq!(status(server.pid(), "Uid")[0], "0");
    assert_eq!(status(server.pid(), "Threads"), ["1"]);
    let ours = format!("/proc/{}/net/tcp", server.pid());
    let table = fs::read_to_string(ours).unwrap();
    let inodes: Vec<_> = fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .unwrap()
        .filter_map(|e| fs::read_link(e.unwrap().path()).ok())
        .collect();
    for line in table.lines().skip(1) {
        let fields: Vec<_> = line.split_whitespace().collect();
        let socket = format!("socket:[{}]", fields[9]);
        // 0A: listening.
        let is_held = inodes.iter().any(|i| i.as_os_str() == socket.as_str());
        assert!(!is_held || fields[3] == "0A", "the parent holds {line}");
    }
}

#[test]
fn a_reload_takes_the_new_configuration_and_drops_no_session() {
    let site = Site::with_bob("");
    let manager = Manager::new(&site);
    let server = manager.start(&site);
    let mut old = server.hello();
    let first = server.worker();
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace("mx.b.example", "new.b.example")).unwrap();
    manager.reload(&server);
    let mut new = server.connect();
    assert_eq!(new.reply(), "220 new.b.example ESMTP");
    assert!(server.workers().contains(&first));
    assert!(
        old.deliver(&["bob@b.example"], b"Subject: old\r\n\r\n")
            .starts_with("250 ")
    );
    old.expect("QUIT", "221");
    wait_until("the old worker ends with its last session", || {
        !server.workers().contains(&first)
    });
    new.expect("EHLO c.example", "250");
    assert!(
        new.deliver(&["bob@b.example"], b"Subject: new\r\n\r\n")
            .starts_with("250 ")
    );
    assert_eq!(site.queued().len(), 2);
}

#[test]
fn a_broken_configuration_keeps_the_old_one() {
    let site = Site::with_bob("");
    let manager = Manager::new(&site);
    let mut server = manager.start(&site);
    let first = server.worker();
    for broken in [
        "hostname = 5\n",
        "[serve]\nlisten = [\"nowhere\"]\ncolour = 1\n",
    ] {
        fs::write(site.config(), broken).unwrap();
        manager.reload(&server);
        assert_eq!(server.worker(), first);
        server.hello().expect("QUIT", "221");
    }
    assert!(server.terminate().success());
    manager.hear("STOPPING=1");
}

#[test]
fn a_worker_that_dies_is_replaced() {
    let site = Site::with_bob("");
    let server = site.start();
    let first = server.worker();
    let mut cut = server.hello();
    signal(first, Signal::KILL);
    assert_eq!(cut.line(), "", "the session died with it");
    // The socket is the parent's: this client waits and is served.
    let mut client = server.hello();
    assert_ne!(server.worker(), first);
    assert!(
        client
            .deliver(&["bob@b.example"], b"\r\n")
            .starts_with("250 ")
    );
}

#[test]
fn a_service_manager_hears_that_the_worker_lives() {
    let site = Site::with_bob("");
    let manager = Manager::new(&site);
    let mut command = site.command();
    command
        .env("NOTIFY_SOCKET", site.dir.path().join("notify"))
        .env("WATCHDOG_USEC", "20000");
    let server = Site::listen(command, &["127.0.0.1:0"]);
    manager.hear("READY=1");
    manager.hear("WATCHDOG=1");
    manager.hear("WATCHDOG=1");
    // One that hangs is not vouched for.
    signal(server.worker(), Signal::STOP);
    let silence = Duration::from_millis(200);
    manager.0.set_read_timeout(Some(silence)).unwrap();
    wait_until("silence", || manager.0.recv(&mut [0; 64]).is_err());
}

#[test]
fn an_ordinary_user_needs_nothing_special() {
    if !is_root() {
        return;
    }
    const NOBODY: u32 = 65534;
    let site = Site::with_bob("");
    chown(site.dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let manager = Manager::new(&site);
    chown(site.dir.path().join("notify"), Some(NOBODY), None).unwrap();
    let mut command = site.command();
    command
        .uid(NOBODY)
        .gid(NOBODY)
        .env("NOTIFY_SOCKET", site.dir.path().join("notify"));
    let server = Site::listen(command, &["127.0.0.1:0"]);
    manager.hear("READY=1");
    assert_eq!(status(server.worker(), "Uid")[0], NOBODY.to_string());
    manager.reload(&server);
    let mut client = server.hello();
    assert!(
        client
            .deliver(&["bob@b.example"], b"\r\n")
            .starts_with("250 ")
    );
}

/// Sockets that somebody else opened: a service manager (LISTEN_FDS, the name is
/// the role), and inetd with `wait`.
#[test]
fn sockets_are_taken_over() {
    let activated = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=submission \
                     exec \"$@\"";
    for (script, arguments, shown) in [
        (activated, vec![], "listening submission://127.0.0.1:"),
        (
            "exec \"$@\"",
            vec!["--stdin", "--role", "smtps"],
            "listening smtps://127.0.0.1:",
        ),
        ("exec \"$@\"", vec!["--stdin"], "listening 127.0.0.1:"),
    ] {
        let site = Site::with_bob("");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(site.program());
        command.arg("--config").arg(site.config()).args(&arguments);
        let (certificate, key) = site.certificate();
        command.arg("--tls-certificate").arg(certificate);
        command.arg("--tls-key").arg(key);
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        let server = Site::started(command, 1);
        assert_eq!(server.lines[0], format!("{shown}{port}"));
        if !shown.contains("smtps") {
            let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
            assert_eq!(Client::new(stream).reply(), "220 mx.b.example ESMTP");
        }
    }
}

/// P8: a proxy that is listed says who the client is; nobody else is served.
#[test]
fn p8_a_proxy_names_the_client() {
    let site = Site::with_bob(
        "proxy_from = [\"127.0.0.1/32\"]\nrelay_from = [\"192.0.2.0/24\", \"127.0.0.0/8\"]",
    );
    let server = site.start_at(&["127.0.0.1:0,proxy"]);
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend([192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0, 25]);
    for (header, relays) in [
        (&b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 25\r\n"[..], "250"),
        (&v2, "250"),
        (b"PROXY TCP4 203.0.113.9 198.51.100.1 4660 25\r\n", "550"),
        // Of whom nothing is told has not the proxy's own rights.
        (b"PROXY UNKNOWN\r\n", "550"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "550"),
    ] {
        let mut client = server.connect();
        client.send(header);
        assert_eq!(client.reply(), "220 mx.b.example ESMTP");
        client.expect("EHLO c.example", "250");
        client.expect("MAIL FROM:<a@a.example>", "250");
        client.expect("RCPT TO:<x@far.example>", relays);
    }
    // Without a header nobody is heard, whatever he may do elsewhere.
    let mut bare = TcpStream::connect(&server.addresses[0]).unwrap();
    bare.write_all(b"EHLO c.example\r\n").unwrap();
    let mut heard = Vec::new();
    // It may end by a reset: part of what was sent is not read.
    let _ = bare.read_to_end(&mut heard);
    assert_eq!(heard, b"");
    fs::write(
        site.config(),
        fs::read_to_string(site.config())
            .unwrap()
            .replace("127.0.0.1/32", "192.0.2.1/32"),
    )
    .unwrap();
    let other = site.start_at(&["127.0.0.1:0,proxy"]);
    assert_eq!(other.connect().line(), "");
}
