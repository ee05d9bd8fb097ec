//! `newaliases`, `-bi`, `-I`: aliases are read when they are used, so there is
//! nothing to build; what is wrong in them is told now.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::{Done, Stop, say};
use crate::class::Class;
use crate::config::{Config, load_aliases};

pub fn check(tool: &str, mut config: Config, file: Option<&Path>) -> Done {
    if let Some(file) = file {
        own(file)?;
        config.aliases = vec![file.to_owned()];
    }
    let (_, errors) = load_aliases(&config);
    for error in &errors {
        say(tool, &error.to_string());
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Stop::Status(Class::Data))
    }
}

/// `-oA`: only the caller's own file, so that nobody has another's read out.
fn own(file: &Path) -> Done {
    let name = file.display();
    let owner = std::fs::metadata(file)
        .map_err(|e| Stop::new(Class::NoInput, format!("{name}: {e}")))?
        .uid();
    let uid = rustix::process::getuid();
    if uid.is_root() || uid.as_raw() == owner {
        Ok(())
    } else {
        Err(Stop::new(
            Class::Permission,
            format!("{name} belongs to another user"),
        ))
    }
}
