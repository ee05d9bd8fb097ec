//! What a worker may touch of the file system, by Landlock where the kernel has
//! it: a defect that runs a stranger's code cannot write anywhere but in the
//! spool, open a port, or signal the other processes of its user.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use crate::config::Config;
use crate::log;

/// The newest interface that these rules know; older kernels do what they can.
const KNOWN: ABI = ABI::V6;

/// What is read: programs, the user database and its services, settings. Not
/// the homes, which are nobody's business here.
const READ: [&str; 14] = [
    "/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys",
    "/usr", "/var", "/nix",
];

/// For good, for this process and those it starts. A kernel that cannot is
/// logged; mail is served all the same.
pub fn confine(config: &Config) {
    match rules(config).and_then(RulesetCreated::restrict_self) {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            log::not_confined(&"this kernel has no Landlock");
        }
        Ok(_) => {}
        Err(error) => log::not_confined(&error),
    }
}

fn rules(config: &Config) -> Result<RulesetCreated, RulesetError> {
    let all = AccessFs::from_all(KNOWN);
    let read = AccessFs::from_read(KNOWN);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(READ, read))?
        .add_rules(path_beneath_rules(parents(config), read))?
        .add_rules(path_beneath_rules(all_for_programs(config), read))?
        .add_rules(path_beneath_rules(["/dev", "/tmp"], devices()))?
        .add_rules(path_beneath_rules([&config.spool], all))?;
    Ok(ruleset)
}

/// Files of the administrator may lie anywhere; an editor replaces them, so it
/// is their directories that are named.
fn parents(config: &Config) -> impl Iterator<Item = &Path> {
    let lists = config.serve.users.iter();
    let lists = lists.filter_map(|users| Some(Path::new(users.strip_prefix("file:")?)));
    [
        &config.aliases,
        &config.virtuals,
        &config.moved,
        &config.moved_forward,
        &config.serve.relay_recipients,
    ]
    .into_iter()
    .flatten()
    .map(AsRef::as_ref)
    .chain(lists)
    .filter_map(Path::parent)
}

/// A filter may lie anywhere and read what it likes.
fn all_for_programs(config: &Config) -> Option<&'static str> {
    (!config.serve.filter.command.is_empty()).then_some("/")
}

/// Scratch files and /dev/null, for the programs that a worker starts.
fn devices() -> BitFlags<AccessFs> {
    AccessFs::from_read(KNOWN)
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
}
