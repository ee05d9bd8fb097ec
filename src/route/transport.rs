//! Transports as they are written in routes.

use std::fmt;

/// TLS towards a next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    None,
    #[default]
    Opportunistic,
    /// Chain, name and date verified.
    Required,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `mx:`
    Mx,
    /// `smtp://host[:25]`, `smtps://host[:465]`, `submission://host[:587]`.
    Smtp {
        host: String,
        port: u16,
        implicit_tls: bool,
    },
    /// `maildir:/path/{user}`
    Maildir(String),
    /// `mbox:/path/{user}`
    Mbox(String),
    Discard,
    /// `error:5.1.1 text`: status and words.
    Error(String, String),
    Hold,
}

/// Text that is no transport, or one that is not built in; says which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(pub String);

impl std::str::FromStr for Transport {
    type Err = TransportError;
    fn from_str(_s: &str) -> Result<Transport, TransportError> {
        todo!()
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Puts a local part into `{user}`; refuses one that could leave the directory
/// or is no plain file name (R2).
pub fn fill_user(_template: &str, _local: &str) -> Option<String> {
    todo!()
}
