//! Files of JSON lines that only grow: a last line without its end never
//! happened. Readers leave it out, the next writer cuts it off.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use serde::Serialize;

/// Version of the lines' keys.
pub(super) const VERSION: u32 = 1;

#[derive(Serialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    line: T,
}

/// Adds `line` with its version and line end.
pub(super) fn push(out: &mut Vec<u8>, line: impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Versioned { v: VERSION, line })?;
    out.push(b'\n');
    Ok(())
}

/// The complete lines of a file.
pub(super) fn complete(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = memchr::memrchr(b'\n', octets).unwrap_or(0);
    let whole = octets.get(..end).unwrap_or_default();
    whole.split(|b| *b == b'\n').filter(|line| !line.is_empty())
}

/// Opened for appending (O_APPEND, readable), under a lock.
pub(super) fn append(file: &OwnedFd, lines: &[u8]) -> io::Result<()> {
    let file = File::from(file.try_clone()?);
    cut_torn(&file)?;
    (&file).write_all(lines)
}

/// Cuts off an unfinished last line.
fn cut_torn(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut chunk = [0; 4096];
    while end > 0 {
        let from = end.saturating_sub(if end == length { 1 } else { chunk.len() as u64 });
        let piece = usize::try_from(end - from).map_or(chunk.len(), |n| n.min(chunk.len()));
        let piece = &mut chunk[..piece];
        file.read_exact_at(piece, from)?;
        match memchr::memrchr(b'\n', piece) {
            Some(at) => {
                end = from + at as u64 + 1;
                break;
            }
            None => end = from,
        }
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(before: &[u8]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, before).unwrap();
        let file = File::options().read(true).append(true).open(&path).unwrap();
        append(&OwnedFd::from(file), b"{}\n").unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_torn_last_line_is_cut_off_by_the_next_writer() {
        assert_eq!(after(b""), b"{}\n");
        assert_eq!(after(b"a\n"), b"a\n{}\n");
        assert_eq!(after(b"a\nbc"), b"a\n{}\n");
        assert_eq!(after(b"torn"), b"{}\n");
        let long = [b"a\n".to_vec(), vec![0; 10_000]].concat();
        assert_eq!(after(&long), b"a\n{}\n");
        let long = [b"a\n".to_vec(), vec![b'x'; 4096]].concat();
        assert_eq!(after(&long), b"a\n{}\n");
    }

    #[test]
    fn readers_leave_a_torn_last_line_out() {
        let of = |text: &'static [u8]| complete(text).collect::<Vec<_>>();
        assert_eq!(of(b"a\nb\nc"), [b"a", b"b"]);
        assert_eq!(of(b"torn"), Vec::<&[u8]>::new());
        assert_eq!(of(b"\n"), Vec::<&[u8]>::new());
        assert_eq!(of(b"a\n"), [b"a"]);
    }
}
