//! `smtp-verify`.
use super::Done;
use std::ffi::OsString;
pub const TOOL: &str = "smtp-verify";
/// Tell whether addresses are good.
#[derive(clap::Parser)]
#[command(name = TOOL, version, max_term_width = 100)]
pub struct Cli {}
/// The program's body.
pub fn main(args: Vec<OsString>) -> Done {
    let _cli: Cli = super::parse(TOOL, args)?;
    Ok(())
}
