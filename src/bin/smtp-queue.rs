//! `smtp-queue`: everything about the spool.

use smtputils::cli::{Inherited, queue, run};

fn main() -> std::process::ExitCode {
    run(queue::TOOL, Inherited::Close, queue::main)
}
