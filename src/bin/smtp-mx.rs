//! `smtp-mx`: how domains take mail.

use smtputils::cli::{Inherited, mx, run};

fn main() -> std::process::ExitCode {
    run(mx::TOOL, Inherited::Close, mx::main)
}
