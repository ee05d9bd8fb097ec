//! `stats`: what a look at the whole queue learnt, for the next one. Only a
//! convenience: whatever is wrong with it, it can be had again.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::Spool;
use super::error::{Result, SpoolError};
use crate::sys::with_spool_group;

const KEPT: &str = "stats";

impl Spool {
    /// What was kept; `None`: nothing.
    pub fn kept_stats(&self) -> Result<Option<File>> {
        match self.open_file(KEPT, OFlags::RDONLY) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(SpoolError::io("open stats in the spool", e)),
        }
    }

    /// Replaces it, whole or not at all.
    pub fn keep_stats(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let failed = |e: io::Error| SpoolError::io("write stats in the spool", e);
        let path = format!("tmp/stats.{}", std::process::id());
        // Left by a process of the same number that was killed.
        let _ = self.unlink(&path);
        let flags = OFlags::WRONLY | OFlags::CREATE;
        let file = self.open_file(&path, flags).map_err(|e| failed(e.into()))?;
        let mut out = BufWriter::with_capacity(1 << 18, File::from(file));
        let written = write(&mut out).and_then(|()| out.flush());
        let moved = written.and_then(|()| {
            let root = &self.root;
            with_spool_group(|| rustix::fs::renameat(root, &path, root, KEPT))
                .map_err(io::Error::from)
        });
        moved.map_err(|error| {
            let _ = self.unlink(&path);
            failed(error)
        })
    }
}
