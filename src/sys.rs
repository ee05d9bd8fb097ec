//! The few system calls that no safe wrapper covers, and the only module with
//! `unsafe`: each block says why it is sound.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

mod users;

pub use users::{login_groups, user_by_uid};

/// An entry of the user database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// GECOS field, whole.
    pub gecos: String,
    pub home: PathBuf,
    pub shell: PathBuf,
}

/// Largest buffer given to NSS for one entry, octets.
const NSS_BUFFER_MAX: usize = 1 << 20;

/// The user of this name. `None` also where the database cannot be read.
pub fn user_by_name(name: &str) -> Option<User> {
    find_user(name).ok().flatten()
}

/// The user of this name.
///
/// # Errors
/// The database cannot be read now.
pub fn find_user(name: &str) -> io::Result<Option<User>> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    user(|entry, buffer, result| {
        // SAFETY: entry and result are valid for writing, buffer is a live
        // slice whose length is given along with it; name is NUL-terminated
        // and outlives the call.
        unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                result,
            )
        }
    })
}

fn user(
    mut ask: impl FnMut(*mut libc::passwd, &mut [libc::c_char], *mut *mut libc::passwd) -> i32,
) -> io::Result<Option<User>> {
    with_growing_buffer(|buffer| {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut result = std::ptr::null_mut();
        let code = ask(entry.as_mut_ptr(), buffer, &mut result);
        if code != 0 || result.is_null() {
            return Err(code);
        }
        // SAFETY: a result that is not null says that entry was filled in.
        let entry = unsafe { entry.assume_init() };
        // SAFETY: the fields point to NUL-terminated strings in buffer, which
        // is borrowed until they have been copied here.
        Ok(unsafe {
            User {
                name: text(entry.pw_name),
                uid: entry.pw_uid,
                gid: entry.pw_gid,
                gecos: text(entry.pw_gecos),
                home: path(entry.pw_dir),
                shell: path(entry.pw_shell),
            }
        })
    })
}

/// Octets from the kernel's random generator.
///
/// # Errors
/// The kernel has no such call.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    let mut done = 0;
    while let Some(rest) = octets.get_mut(done..).filter(|r| !r.is_empty()) {
        let flags = rustix::rand::GetRandomFlags::empty();
        done += rustix::io::retry_on_intr(|| rustix::rand::getrandom(&mut *rest, flags))?;
    }
    Ok(octets)
}

/// Group id by name.
pub fn group_by_name(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    with_growing_buffer(|buffer| {
        let mut entry = MaybeUninit::<libc::group>::uninit();
        let mut result = std::ptr::null_mut();
        // SAFETY: name is NUL-terminated, entry and result are valid for
        // writing, buffer's length is given along with it.
        let code = unsafe {
            libc::getgrnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                buffer.as_mut_ptr(),
                buffer.len(),
                &mut result,
            )
        };
        if code != 0 || result.is_null() {
            return Err(code);
        }
        // SAFETY: a result that is not null says that entry was filled in.
        Ok(unsafe { entry.assume_init() }.gr_gid)
    })
    .ok()
    .flatten()
}

/// The groups that a login of `name` has, `gid` among them.
pub fn groups_of(name: &str, gid: u32) -> io::Result<Vec<u32>> {
    let name = CString::new(name)?;
    let mut groups = vec![0; 64];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: groups has room for count ids; name is NUL-terminated.
        let found =
            unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &mut count) };
        let count = usize::try_from(count).unwrap_or(0);
        if found >= 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        if groups.len() > 1 << 17 {
            return Err(io::Error::other("a user with too many groups"));
        }
        groups.resize((groups.len() * 2).max(count), 0);
    }
}

/// Calls `ask` with a larger buffer while it answers ERANGE.
fn with_growing_buffer<T>(
    mut ask: impl FnMut(&mut [libc::c_char]) -> Result<T, i32>,
) -> io::Result<Option<T>> {
    let mut size = 1024;
    loop {
        match ask(&mut vec![0; size]) {
            Ok(value) => return Ok(Some(value)),
            Err(libc::ERANGE) if size < NSS_BUFFER_MAX => size *= 4,
            Err(libc::EINTR) => {}
            // What getpwnam(3) lists for a name that was not found.
            Err(0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM) => return Ok(None),
            Err(code) => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// # Safety
/// `field` is null or points to a NUL-terminated string.
unsafe fn text(field: *const libc::c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe { bytes(field) }.map_or_else(String::new, |b| String::from_utf8_lossy(b).into_owned())
}

/// # Safety
/// As [`text`].
unsafe fn path(field: *const libc::c_char) -> PathBuf {
    // SAFETY: the caller's promise.
    unsafe { bytes(field) }.map_or_else(PathBuf::new, |b| PathBuf::from(OsStr::from_bytes(b)))
}

/// # Safety
/// As [`text`]; the string outlives `'a`.
unsafe fn bytes<'a>(field: *const libc::c_char) -> Option<&'a [u8]> {
    if field.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(field) }.to_bytes())
}

/// The kernel's host name; `localhost` where there is none.
pub fn hostname() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the length is one less than the buffer's, so a NUL is always left.
    let code = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let name = CStr::from_bytes_until_nul(&buffer)
        .ok()
        .and_then(|n| n.to_str().ok());
    match name {
        Some(name) if code == 0 && !name.is_empty() => name.to_owned(),
        _ => "localhost".to_owned(),
    }
}

/// True where the program was started with more privilege than its caller
/// has (setuid, setgid, file capabilities). Stays true after [`start`].
pub fn is_privileged() -> bool {
    // SAFETY: getauxval reads a value that the kernel fixed at exec.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The group that the program was setgid to; NO_GROUP: it was not.
static SPOOL_GROUP: AtomicU32 = AtomicU32::new(NO_GROUP);
const NO_GROUP: u32 = u32::MAX;

/// Variables that a program with raised privilege keeps (S1); all others are
/// removed, and PATH is set to the system's directories.
const KEPT_VARIABLES: [&str; 6] = ["HOME", "USER", "LOGNAME", "NAME", "TERM", "NO_COLOR"];
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes `$body` what the C library calls as `main`, in place of Rust's own
/// start-up: that reads `/proc/self/maps` and prepares a stack for a handler of
/// overflows, which costs a program of a millisecond a thirtieth of it. What
/// else it does, [`start`] does. Only for glibc, which hands the arguments to
/// `std` by itself.
#[macro_export]
macro_rules! c_main {
    ($body:path) => {
        #[unsafe(no_mangle)]
        extern "C" fn main() -> core::ffi::c_int {
            $crate::sys::run_main($body)
        }
    };
}

/// Runs a program's body and ends the process as [`std::process::exit`] does,
/// with what is still in the buffer of standard output written. A panic, which
/// must not cross into C, is exit status 70 (EX_SOFTWARE).
pub fn run_main(body: fn() -> u8) -> ! {
    let status = std::panic::catch_unwind(body).unwrap_or(70);
    std::process::exit(i32::from(status))
}

/// First act of every program: /dev/null for closed descriptors 0-2, SIGPIPE
/// and SIGXFSZ ignored (their write errors are handled), an inherited signal
/// mask and alarm cleared, umask 077, and, where the program is setgid, the
/// group given up until [`with_spool_group`] and the environment cut to a few
/// names. Inherited descriptors over 2 are closed when `close_fds`.
///
/// To be called before any file is opened and any thread is started. Ends the
/// process where the privilege cannot be given up.
pub fn start(close_fds: bool) {
    for fd in 0..=2 {
        // SAFETY: F_GETFD and open touch no memory of ours but the literal.
        unsafe {
            if libc::fcntl(fd, libc::F_GETFD) < 0 && libc::open(c"/dev/null".as_ptr(), 2) != fd {
                libc::_exit(71);
            }
        }
    }
    // SAFETY: plain calls on process-wide settings; no handler of ours is
    // installed, and no other thread runs yet.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::alarm(0);
        let none = empty_signal_set();
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        libc::umask(0o077);
    }
    if close_fds {
        close_inherited();
    }
    if is_privileged() {
        give_up_privilege();
        keep_variables();
    }
}

fn empty_signal_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set that it is given.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn close_inherited() {
    close_from(3);
}

fn close_from(first: libc::c_uint) {
    // SAFETY: the callers run before any file is opened, so no descriptor from
    // `first` on belongs to an owner in this program.
    if unsafe { libc::close_range(first, libc::c_uint::MAX, 0) } == 0 {
        return;
    }
    for fd in first..1024 {
        // SAFETY: as above.
        unsafe { libc::close(fd as libc::c_int) };
    }
}

/// Takes the descriptors from 3 on that a service manager handed over, closed
/// for programs that we start; the others above 2 are closed. Once a process,
/// before any file is opened; later calls give none.
pub fn take_descriptors(count: u32) -> io::Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let end = count.min(1024) + 3;
    close_from(end);
    let mut taken = Vec::new();
    for fd in 3..end as libc::c_int {
        // SAFETY: fcntl takes numbers alone. Nothing in this program owns the
        // descriptor, and TAKEN says that it gets one owner only.
        unsafe {
            check(libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC))?;
            taken.push(OwnedFd::from_raw_fd(fd));
        }
    }
    Ok(taken)
}

fn give_up_privilege() {
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

fn keep_variables() {
    let names: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in names {
        if !KEPT_VARIABLES.iter().any(|kept| name == *kept) && !name.is_empty() {
            // SAFETY: no other thread runs yet, so nobody reads the environment.
            unsafe { std::env::remove_var(name) };
        }
    }
    // SAFETY: as above.
    unsafe { std::env::set_var("PATH", SYSTEM_PATH) };
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

/// F_OFD_SETLK, write lock on the whole file, without waiting: false when
/// another open file description holds it.
pub fn try_ofd_lock(fd: BorrowedFd<'_>) -> io::Result<bool> {
    match ofd(fd, libc::F_OFD_SETLK, libc::F_WRLCK) {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

pub fn ofd_unlock(fd: BorrowedFd<'_>) -> io::Result<()> {
    ofd(fd, libc::F_OFD_SETLK, libc::F_UNLCK).map(drop)
}

/// F_OFD_GETLK: would [`try_ofd_lock`] be refused?
pub fn is_ofd_locked(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let lock = ofd(fd, libc::F_OFD_GETLK, libc::F_WRLCK)?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

fn ofd(fd: BorrowedFd<'_>, command: i32, kind: i32) -> io::Result<libc::flock> {
    // SAFETY: flock is plain data, for which all zeroes are valid; zero start,
    // length and pid mean the whole file, as these commands require.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    loop {
        // SAFETY: the descriptor is open while it is borrowed; lock is valid.
        if unsafe { libc::fcntl(fd.as_raw_fd(), command, &mut lock) } == 0 {
            return Ok(lock);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
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

fn check(code: libc::c_int) -> io::Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Starts a program detached from the terminal and the caller: new session,
/// `/` as working directory, descriptors on /dev/null, default signals, no
/// waiting, without the setgid group (exec drops the saved one). It has `kept`
/// as descriptor 3 until it closes what it inherited. Returns its process id; a
/// caller that lives on reaps it.
pub fn spawn_detached(
    program: &Path,
    args: &[&OsStr],
    kept: Option<BorrowedFd<'_>>,
) -> io::Result<u32> {
    let strings = std::iter::once(program.as_os_str())
        .chain(args.iter().copied())
        .map(|s| CString::new(s.as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut argv: Vec<*mut libc::c_char> = strings.iter().map(|s| s.as_ptr().cast_mut()).collect();
    argv.push(std::ptr::null_mut());
    let mut attributes = MaybeUninit::uninit();
    let mut actions = MaybeUninit::uninit();
    let mut pid = 0;
    let none = empty_signal_set();
    // SAFETY: both objects are initialised before use and destroyed after it;
    // argv ends in null and points into strings, which live to the end;
    // environ is the process's own and no thread changes it (set_var is
    // called in start alone).
    let code = unsafe {
        libc::posix_spawnattr_init(attributes.as_mut_ptr());
        libc::posix_spawn_file_actions_init(actions.as_mut_ptr());
        let (attributes, actions) = (attributes.as_mut_ptr(), actions.as_mut_ptr());
        let flags = libc::POSIX_SPAWN_SETSID as i32
            | libc::POSIX_SPAWN_SETSIGDEF
            | libc::POSIX_SPAWN_SETSIGMASK;
        libc::posix_spawnattr_setflags(attributes, flags as libc::c_short);
        libc::posix_spawnattr_setsigmask(attributes, &none);
        libc::posix_spawnattr_setsigdefault(attributes, &ignored_signals());
        for fd in 0..=2 {
            libc::posix_spawn_file_actions_addopen(actions, fd, c"/dev/null".as_ptr(), 2, 0);
        }
        if let Some(kept) = kept {
            libc::posix_spawn_file_actions_adddup2(actions, kept.as_raw_fd(), 3);
        }
        libc::posix_spawn_file_actions_addchdir_np(actions, c"/".as_ptr());
        let code = libc::posix_spawn(
            &mut pid,
            argv[0],
            actions,
            attributes,
            argv.as_ptr(),
            environ.cast(),
        );
        libc::posix_spawn_file_actions_destroy(actions);
        libc::posix_spawnattr_destroy(attributes);
        code
    };
    match code {
        0 => Ok(pid.unsigned_abs()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}

/// Those that [`start`] ignores: a program that we start expects the default.
fn ignored_signals() -> libc::sigset_t {
    let mut set = empty_signal_set();
    // SAFETY: set is initialised, the numbers are valid.
    unsafe {
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::sigaddset(&mut set, libc::SIGXFSZ);
    }
    set
}

/// From now on these signals are not delivered but read by [`next_signal`]. The
/// descriptor never blocks. For single-threaded programs.
pub fn take_signals(signals: &[i32]) -> io::Result<OwnedFd> {
    let mut set = empty_signal_set();
    // SAFETY: set is initialised; sigaddset refuses numbers that are none, and
    // the result of signalfd is a new descriptor or -1.
    unsafe {
        for signal in signals {
            check(libc::sigaddset(&mut set, *signal))?;
        }
        check(libc::sigprocmask(
            libc::SIG_BLOCK,
            &set,
            std::ptr::null_mut(),
        ))?;
        let fd = libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        match fd {
            0.. => Ok(OwnedFd::from_raw_fd(fd)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The next signal that came, by its number.
pub fn next_signal(from: BorrowedFd<'_>) -> io::Result<Option<i32>> {
    let mut about = [0; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(from, &mut about) {
        Ok(n) if n == about.len() => {
            // The number stands first (signalfd(2)).
            let number = about.first_chunk().map(|raw| u32::from_ne_bytes(*raw));
            Ok(number.and_then(|n| i32::try_from(n).ok()))
        }
        Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Signals are delivered again: for a child of a process that took them.
pub fn clear_signals() {
    let none = empty_signal_set();
    // SAFETY: the set is initialised; only this thread's mask changes.
    unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

/// Which side of a [`fork`] this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// With the child's process id; the caller reaps it.
    Parent(u32),
    Child,
}

/// Forks. Refused when another thread runs: its locks would stay held in the
/// child for ever.
pub fn fork() -> io::Result<Fork> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other("fork after threads were started"));
    }
    // SAFETY: no other thread exists, so the child's memory is whole and
    // every lock in it is as the one thread left it.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid.unsigned_abs())),
    }
}

/// True where the descriptor is an Internet socket (for `-bs` started by
/// inetd: the client is a stranger), connected or not.
pub fn is_internet_socket(fd: impl AsFd) -> bool {
    rustix::net::getsockname(fd).is_ok_and(|a| SocketAddr::try_from(a).is_ok())
}

/// The other end of an Internet socket.
pub fn internet_peer(fd: impl AsFd) -> Option<SocketAddr> {
    let address = rustix::net::getpeername(fd).ok()??;
    SocketAddr::try_from(address).ok()
}

#[cfg(test)]
mod tests;
