//! Users by id without NSS in the process: `/etc/passwd` is read here, what is
//! not in it is asked of getent(1) and id(1).
//!
//! The submission path is linked statically (see the Makefile), and a static
//! libc that loads NSS modules needs the very libc it was built with. The file
//! is also an order of magnitude quicker than a lookup that begins with a
//! name-service daemon.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use super::User;

const PASSWD: &str = "/etc/passwd";

/// Where getent(1) and id(1) are looked for, whatever the environment says.
const TOOLS_PATH: &str = "/usr/bin:/bin";

/// The user with this id. `None` also where the database cannot be read.
pub fn user_by_uid(uid: u32) -> Option<User> {
    let file = || find(BufReader::new(File::open(PASSWD).ok()?), uid);
    file().or_else(|| {
        find(
            tool("getent", &["passwd", &uid.to_string()])
                .ok()?
                .as_slice(),
            uid,
        )
    })
}

/// The groups that a login of `name` has, `gid` among them. For a process that
/// asks once; [`super::groups_of`] asks NSS itself.
///
/// # Errors
/// id(1) cannot be run, or knows no such user.
pub fn login_groups(name: &str, gid: u32) -> io::Result<Vec<u32>> {
    let listed = tool("id", &["-G", "--", name])?;
    let listed = String::from_utf8_lossy(&listed);
    let mut groups: Vec<u32> = listed
        .split_whitespace()
        .filter_map(|g| g.parse().ok())
        .collect();
    if !groups.contains(&gid) {
        groups.insert(0, gid);
    }
    Ok(groups)
}

fn tool(name: &str, arguments: &[&str]) -> io::Result<Vec<u8>> {
    let mut command = Command::new(name);
    command.args(arguments).env_clear().env("PATH", TOOLS_PATH);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(io::Error::other(format!("{name} found nothing"))),
    }
}

/// The first entry with this id (passwd(5)).
fn find(lines: impl BufRead, uid: u32) -> Option<User> {
    lines
        .split(b'\n')
        .map_while(Result::ok)
        .find_map(|line| entry(&line).filter(|u| u.uid == uid))
}

fn entry(line: &[u8]) -> Option<User> {
    let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
    let [name, _, uid, gid, gecos, home, shell] = fields.as_slice() else {
        return None;
    };
    // Lines of the compat module, which name no user of their own.
    if name.is_empty() || matches!(name[0], b'+' | b'-') {
        return None;
    }
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
    Some(User {
        name: String::from_utf8_lossy(name).into_owned(),
        uid: number(uid)?,
        gid: number(gid)?,
        gecos: String::from_utf8_lossy(gecos).into_owned(),
        home: OsStr::from_bytes(home).into(),
        shell: OsStr::from_bytes(shell).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_nss_tell_the_same() {
        let root = user_by_uid(0).unwrap();
        assert_eq!(super::super::user_by_name(&root.name).unwrap(), root);
        let asked = tool("getent", &["passwd", "0"]).unwrap();
        assert_eq!(find(asked.as_slice(), 0).unwrap(), root);
        let groups = super::super::groups_of(&root.name, root.gid).unwrap();
        assert_eq!(login_groups(&root.name, root.gid).unwrap(), groups);
        assert!(login_groups("no-such-user-here", 1).is_err());
    }

    #[test]
    fn lines_that_are_no_users_are_passed_over() {
        let file = b"# note\n+::::::\n+@staff:x:7:7:::\nshort:x:7\nbad:x:seven:7:::\n\nann:x:7:8:Ann, Room 1:/home/ann:/bin/sh\nbob:x:7:9:::\n";
        let ann = find(file.as_slice(), 7).unwrap();
        assert_eq!(
            (ann.name.as_str(), ann.gid, ann.gecos.as_str()),
            ("ann", 8, "Ann, Room 1")
        );
        assert_eq!(find(file.as_slice(), 70), None);
        assert_eq!(user_by_uid(u32::MAX - 7), None);
    }
}
