//! `smtp-verify`: are addresses good?

use smtputils::cli::{Inherited, run, verify};

fn main() -> std::process::ExitCode {
    run(verify::TOOL, Inherited::Close, verify::main)
}
