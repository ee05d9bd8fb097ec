//! The only place that names a TLS crate.
