use std::os::fd::AsFd;

use std::ffi::OsStr;
use std::path::Path;

use super::*;

#[test]
fn root_is_in_the_user_database() {
    let root = user_by_uid(0).unwrap();
    assert_eq!(user_by_name(&root.name).unwrap(), root);
    assert_eq!(user_by_name("no-such-user-here"), None);
    assert_eq!(user_by_name("nul\0inside"), None);
}

#[test]
fn groups_of_root_hold_its_own() {
    assert_eq!(group_by_name("no-such-group-here"), None);
    let root = user_by_uid(0).unwrap();
    assert!(groups_of(&root.name, root.gid).unwrap().contains(&root.gid));
}

#[test]
fn hostname_is_not_empty() {
    assert!(!hostname().is_empty());
}

/// F_OFD locks belong to the open file, so two opens in one process conflict.
#[test]
fn ofd_lock_excludes_another_open_of_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let first = file.reopen().unwrap();
    let second = file.reopen().unwrap();
    assert!(!is_ofd_locked(second.as_fd()).unwrap());
    assert!(try_ofd_lock(first.as_fd()).unwrap());
    assert!(!try_ofd_lock(second.as_fd()).unwrap());
    assert!(is_ofd_locked(second.as_fd()).unwrap());
    ofd_unlock(first.as_fd()).unwrap();
    assert!(try_ofd_lock(second.as_fd()).unwrap());
}

#[test]
fn internet_sockets_are_told_from_others() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (pair, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(is_internet_socket(&client));
    assert_eq!(internet_peer(&client), listener.local_addr().ok());
    assert_eq!(internet_peer(&listener), None);
    assert!(!is_internet_socket(&pair));
    assert!(!is_internet_socket(tempfile::tempfile().unwrap()));
}

/// The test program has threads, so a fork must be refused.
#[test]
fn fork_is_refused_beside_threads() {
    let (_hold, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    assert!(fork().is_err());
    drop(_hold);
    let _ = thread.join();
}

#[test]
fn spawn_detached_reports_a_missing_program() {
    let error = spawn_detached(Path::new("/no/such/program"), &[], None).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// New session, root directory, descriptors on /dev/null.
#[test]
fn spawn_detached_leaves_the_caller() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let script = format!(
        "pwd >{0}.x; readlink /proc/$$/fd/0 >>{0}.x; cut -d' ' -f6 /proc/$$/stat >>{0}.x; echo $$ >>{0}.x; mv {0}.x {0}",
        out.display()
    );
    let args: [&OsStr; 2] = ["-c".as_ref(), script.as_ref()];
    let pid = spawn_detached(Path::new("/bin/sh"), &args, None).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap();
    let text = std::fs::read_to_string(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "/");
    assert_eq!(lines[1], "/dev/null");
    assert_eq!(lines[2], lines[3], "leader of its own session");
}
