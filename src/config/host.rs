//! Which files are read, and what the host itself tells: its name, the origin,
//! where the spool is.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::keys::{self, KEYS};
use super::{Config, ConfigError, Overrides, SYSTEM_FILE, SYSTEM_SPOOL, file};

/// Largest configuration file that is read, so that `--config /dev/zero` ends.
const LARGEST_FILE: u64 = 1 << 20;

/// Where settings come from besides files, as an argument for tests.
pub struct Surroundings {
    /// Stands before `/etc` and `/var`.
    pub root: PathBuf,
    pub env: fn(&str) -> Option<OsString>,
    pub kernel_name: fn() -> String,
    pub uid: u32,
}

impl Surroundings {
    pub fn real() -> Surroundings {
        Surroundings {
            root: PathBuf::from("/"),
            env: |name| std::env::var_os(name),
            kernel_name: crate::sys::hostname,
            uid: rustix::process::geteuid().as_raw(),
        }
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    fn env_path(&self, name: &str) -> Option<PathBuf> {
        (self.env)(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    }

    /// A directory of the XDG base directory specification; relative values
    /// don't count, as it says.
    fn xdg(&self, name: &str, below_home: &str) -> Option<PathBuf> {
        let set = self.env_path(name).filter(|p| p.is_absolute());
        set.or_else(|| Some(self.home()?.join(below_home)))
    }

    fn home(&self) -> Option<PathBuf> {
        let set = self.env_path("HOME").filter(|p| p.is_absolute());
        set.or_else(|| crate::sys::user_by_uid(self.uid).map(|u| u.home))
    }

    fn user_spool(&self) -> Option<PathBuf> {
        let state = self.xdg("XDG_STATE_HOME", ".local/state")?;
        Some(state.join("smtputils/spool"))
    }
}

/// Default place of an ordinary user's queued mail:
/// `$XDG_STATE_HOME/smtputils/spool`.
pub fn user_spool() -> Option<PathBuf> {
    Surroundings::real().user_spool()
}

pub fn load(over: &Overrides, around: &Surroundings) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    let named = over.config.clone().filter(|_| !over.privileged);
    let named = named.or_else(|| {
        let free = !over.privileged;
        free.then(|| around.env_path("SMTPUTILS_CONFIG")).flatten()
    });
    if let Some(path) = named {
        let text = read(&path, None).map_err(|e| unreadable(&path, &e))?;
        file::read(&mut config, &path.to_string_lossy(), &text)?;
        return finish(config, over, around);
    }
    read_optional(&mut config, &around.path(SYSTEM_FILE), None)?;
    if !over.privileged
        && let Some(dir) = around.xdg("XDG_CONFIG_HOME", ".config")
    {
        let user_file = dir.join("smtputils/config.toml");
        read_optional(&mut config, &user_file, Some(around.uid))?;
    }
    finish(config, over, around)
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    ConfigError(format!("{}: cannot be read: {error}", path.display()))
}

fn read_optional(config: &mut Config, path: &Path, owner: Option<u32>) -> Result<(), ConfigError> {
    match read(path, owner) {
        Ok(text) => file::read(config, &path.to_string_lossy(), &text),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        // A home directory that is closed to us (a daemon's) holds no settings of ours.
        Err(e) if owner.is_some() && e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(e) => Err(unreadable(path, &e)),
    }
}

/// With an owner: a file of somebody else's counts as missing, as `sudo` may
/// leave `HOME` pointing to a user who must not configure root's mail.
fn read(path: &Path, owner: Option<u32>) -> io::Result<String> {
    let file = File::open(path)?;
    if let Some(uid) = owner
        && file.metadata()?.uid() != uid
    {
        return Err(io::ErrorKind::NotFound.into());
    }
    // Room for what such a file usually holds: one call reads it.
    let mut text = String::with_capacity(4096);
    let length = file.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
    if length as u64 > LARGEST_FILE {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok(text)
}

/// Fills in what no file set.
pub fn finish(
    mut config: Config,
    over: &Overrides,
    around: &Surroundings,
) -> Result<Config, ConfigError> {
    if config.hostname.is_empty() {
        config.hostname = hostname(around);
    }
    if config.origin.is_empty() {
        config.origin = mailname(around).unwrap_or_else(|| config.hostname.clone());
    }
    if !config.is_set("local_domains") {
        config.local_domains = vec![config.hostname.clone()];
        for more in [config.origin.clone(), "localhost".to_owned()] {
            if !config.local_domains.contains(&more) {
                config.local_domains.push(more);
            }
        }
    }
    if !config.postmaster.contains('@') {
        config.postmaster = format!("{}@{}", config.postmaster, config.origin);
    }
    let is_said = config.is_set("smarthost_tls");
    match &mut config.smarthost {
        Some(route) if is_said => route.tls = config.smarthost_tls,
        Some(route) => config.smarthost_tls = route.tls,
        None => {}
    }
    spool(&mut config, over, around);
    Ok(config)
}

fn spool(config: &mut Config, over: &Overrides, around: &Surroundings) {
    if !over.privileged {
        if let Some(path) = &over.spool {
            config.spool = absolute(path);
            return config.set_source("spool", "--spool".to_owned());
        }
        if let Some(path) = around.env_path("SMTPUTILS_SPOOL") {
            config.spool = absolute(&path);
            return config.set_source("spool", "SMTPUTILS_SPOOL".to_owned());
        }
    }
    if config.is_set("spool") {
        return;
    }
    let system = around.path(SYSTEM_SPOOL);
    let own = match over.privileged || around.uid == 0 || system.is_dir() {
        true => None,
        false => around.user_spool(),
    };
    config.spool = own.unwrap_or(system);
}

/// What is started in the background may work in another directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The kernel's name if it has a dot, else the full name that `/etc/hosts` has
/// for it, else `name.localdomain`. No question to the DNS: a submission
/// doesn't wait for a name server.
fn hostname(around: &Surroundings) -> String {
    let name = keys::domain(&(around.kernel_name)()).unwrap_or_else(|_| "localhost".to_owned());
    if name.contains('.') {
        return name;
    }
    let hosts = read(&around.path("/etc/hosts"), None).unwrap_or_default();
    full_name(&hosts, &name).unwrap_or_else(|| format!("{name}.localdomain"))
}

/// The first name with a dot of the first line that has `name`.
pub fn full_name(hosts: &str, name: &str) -> Option<String> {
    hosts.lines().find_map(|line| {
        let line = line.split('#').next()?;
        let names: Vec<&str> = line.split_whitespace().skip(1).collect();
        names.iter().find(|n| n.eq_ignore_ascii_case(name))?;
        let full = names.iter().find(|n| n.contains('.'))?;
        keys::domain(full).ok()
    })
}

/// The first line of `/etc/mailname`, if it is a domain name.
fn mailname(around: &Surroundings) -> Option<String> {
    let text = read(&around.path("/etc/mailname"), None).ok()?;
    keys::domain(text.lines().next()?.trim()).ok()
}

impl Config {
    /// Notes where a setting came from.
    pub(super) fn set_source(&mut self, key: &str, from: String) {
        self.set.retain(|(k, _)| k != key);
        self.set.push((key.to_owned(), from));
    }

    fn is_set(&self, key: &str) -> bool {
        self.set.iter().any(|(k, _)| k == key)
    }

    /// Key, value and where it came from, in the order of [`KEYS`].
    pub fn sources(&self) -> Vec<(&'static str, String, String)> {
        // Slots are for writing too.
        let mut config = self.clone();
        let line = |key: &super::Key| {
            let from = self.set.iter().find(|(k, _)| k == key.name);
            let from = from.map_or_else(|| "default".to_owned(), |(_, from)| from.clone());
            (key.name, (key.slot)(&mut config).show(), from)
        };
        KEYS.iter().map(line).collect()
    }
}
