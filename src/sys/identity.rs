//! Users and groups that this process takes on and gives up.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use super::check;

/// True where the program was started with more privilege than its caller
/// has (setuid, setgid, file capabilities). Stays true after [`start`].
pub fn is_privileged() -> bool {
    // SAFETY: getauxval reads a value that the kernel fixed at exec.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The group that the program was setgid to; NO_GROUP: it was not.
static SPOOL_GROUP: AtomicU32 = AtomicU32::new(NO_GROUP);
const NO_GROUP: u32 = u32::MAX;

/// Back to the real user and group; the group is kept for
/// [`with_spool_group`]. Ends the process where that is refused.
pub(super) fn give_up_privilege() {
    // SAFETY: only ids change; no other thread runs yet.
    unsafe {
        let (uid, gid, spool) = (libc::getuid(), libc::getgid(), libc::getegid());
        // Setuid is never wanted: for good. Setgid: kept as the saved group.
        let given = libc::setresuid(uid, uid, uid) == 0
            && libc::setresgid(gid, gid, spool) == 0
            && libc::geteuid() == uid
            && libc::getegid() == gid;
        if !given {
            libc::_exit(71);
        }
        if spool != gid {
            SPOOL_GROUP.store(spool, Ordering::Relaxed);
        }
    }
}

/// Runs `f` with the saved effective group, where the program is setgid. Only
/// around opening, linking and syncing in the spool. For single-threaded
/// programs: the group is the whole process's while `f` runs.
pub fn with_spool_group<T>(f: impl FnOnce() -> T) -> T {
    let group = SPOOL_GROUP.load(Ordering::Relaxed);
    if group == NO_GROUP {
        return f();
    }
    // SAFETY: getegid and getgid only read.
    let (before, real) = unsafe { (libc::getegid(), libc::getgid()) };
    if before == group {
        return f();
    }
    let _restored = EffectiveGroup(real);
    // SAFETY: only the effective group changes. Refused: f's opens fail and say so.
    unsafe { libc::setegid(group) };
    f()
}

/// Gives the group back when dropped, also by a panic.
struct EffectiveGroup(u32);

impl Drop for EffectiveGroup {
    fn drop(&mut self) {
        // SAFETY: only the effective group changes. Going on with the spool's
        // group would open the user's files with it.
        if unsafe { libc::setegid(self.0) } != 0 {
            std::process::abort();
        }
    }
}

/// Runs `f` with this effective user, where the real user is root: files are
/// then made and opened as that user, and root comes back when `f` ends. No
/// boundary against `f` itself: for what reads strangers' octets there is
/// [`become_user`]. Elsewhere it just runs `f`. For single-threaded programs.
///
/// # Errors
/// The system refuses; `f` did not run.
pub fn with_effective_user<T>(uid: u32, f: impl FnOnce() -> T) -> io::Result<T> {
    // SAFETY: getuid and geteuid only read.
    let (real, before) = unsafe { (libc::getuid(), libc::geteuid()) };
    if real != 0 || before == uid {
        return Ok(f());
    }
    // SAFETY: only the effective user changes.
    check(unsafe { libc::seteuid(uid) })?;
    let _restored = EffectiveUser(before);
    Ok(f())
}

/// The same with an effective group. Around [`with_effective_user`], not in it:
/// that user may not change groups.
///
/// # Errors
/// The system refuses; `f` did not run.
pub fn with_effective_group<T>(gid: u32, f: impl FnOnce() -> T) -> io::Result<T> {
    // SAFETY: getuid and getegid only read.
    let (real, before) = unsafe { (libc::getuid(), libc::getegid()) };
    if real != 0 || before == gid {
        return Ok(f());
    }
    // SAFETY: only the effective group changes.
    check(unsafe { libc::setegid(gid) })?;
    let _restored = EffectiveGroup(before);
    Ok(f())
}

/// Gives the user back when dropped, also by a panic.
struct EffectiveUser(u32);

impl Drop for EffectiveUser {
    fn drop(&mut self) {
        // SAFETY: only the effective user changes. Going on as another than
        // everything after expects would do its work with the wrong rights.
        if unsafe { libc::seteuid(self.0) } != 0 {
            std::process::abort();
        }
    }
}

/// Becomes `uid` and `gid` with these supplementary groups, for good and
/// verified; then no_new_privs. Single-threaded callers only. After an error
/// the process may be half changed: it must end.
pub fn become_user(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    become_user_to_run(uid, gid, groups)?;
    // SAFETY: takes numbers alone.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// As [`become_user`], but programs that it starts may be setgid: a user's
/// vacation program sends its answer with the setgid `sendmail`.
pub fn become_user_to_run(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    // SAFETY: groups is a live slice with its length; the other calls take
    // numbers alone.
    unsafe {
        check(libc::setgroups(groups.len(), groups.as_ptr()))?;
        check(libc::setresgid(gid, gid, gid))?;
        check(libc::setresuid(uid, uid, uid))?;
    }
    SPOOL_GROUP.store(NO_GROUP, Ordering::Relaxed);
    // SAFETY: these calls take numbers alone; the last must fail.
    let there = unsafe {
        (libc::getuid(), libc::geteuid()) == (uid, uid)
            && (libc::getgid(), libc::getegid()) == (gid, gid)
            && (uid == 0 || libc::setuid(0) != 0)
    };
    if there {
        Ok(())
    } else {
        Err(io::Error::other("the user id did not change"))
    }
}
