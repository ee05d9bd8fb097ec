//! The user database through NSS.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

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
