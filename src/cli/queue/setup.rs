//! `smtp-queue setup`.

use super::Context;
use crate::class::Class;
use crate::cli::{Done, Stop};
use crate::config::Config;
use crate::spool::Spool;
use crate::sys;

pub fn setup(context: &Context) -> Done {
    make(&context.config).map(drop)
}

/// Makes the spool, or what it lacks. Root's is the system's: it belongs to
/// the service user.
pub fn make(config: &Config) -> Result<Spool, Stop> {
    let path = &config.spool;
    if !rustix::process::geteuid().is_root() {
        return Ok(Spool::open_or_create(path, None)?);
    }
    let Some(user) = sys::user_by_name(&config.service_user) else {
        let words = format!(
            "no user {} to make the spool {} for: set service_user",
            config.service_user,
            path.display()
        );
        return Err(Stop::new(Class::Config, words));
    };
    Ok(Spool::create_system(path, user.uid, user.gid)?)
}
