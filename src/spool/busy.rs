//! Which messages are being worked on, as the kernel lists its locks.

use std::collections::HashSet;

use rustix::fs::{major, minor};

use super::{Entry, Spool};

/// Files that were locked for writing at one moment.
#[derive(Clone, Debug, Default)]
pub struct Busy(HashSet<(u32, u32, u64)>);

impl Busy {
    /// Now, from `/proc/locks`: flock itself cannot be asked without taking the
    /// lock, and a runner that meets ours would pass the message by. Knows less
    /// where /proc does not tell: of other PID namespaces, NFS, btrfs.
    pub fn now() -> Busy {
        let text = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        Busy(text.lines().filter_map(locked).collect())
    }

    /// Is somebody at work on this message?
    pub fn has(&self, spool: &Spool, entry: &Entry) -> bool {
        let found = Spool::hints(entry)
            .iter()
            .find_map(|at| spool.inode_at(&at.path()).ok().flatten());
        found.is_some_and(|(ino, dev)| self.0.contains(&(major(dev), minor(dev), ino)))
    }
}

/// Device and inode of `1: FLOCK  ADVISORY  WRITE 24363 fe:00:5367110 0 EOF`.
fn locked(line: &str) -> Option<(u32, u32, u64)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let kind = (words.next()?, words.nth(1)?);
    if kind != ("FLOCK", "WRITE") {
        return None;
    }
    let mut file = words.nth(1)?.split(':');
    let mut hex = || u32::from_str_radix(file.next()?, 16).ok();
    let (major, minor) = (hex()?, hex()?);
    Some((major, minor, file.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let line = "12: FLOCK  ADVISORY  WRITE 24363 fe:00:5367110 0 EOF";
        assert_eq!(locked(line), Some((0xfe, 0, 5_367_110)));
        for other in [
            "1: FLOCK  ADVISORY  READ 24363 fe:00:5367110 0 EOF",
            "1: OFDLCK ADVISORY  WRITE -1 fe:00:10035206 0 EOF",
            // A waiter.
            "1: -> FLOCK  ADVISORY  WRITE 24363 fe:00:5367110 0 EOF",
            "1: FLOCK",
            "",
        ] {
            assert_eq!(locked(other), None, "{other}");
        }
    }
}
