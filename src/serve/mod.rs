//! The server: listeners, limits, one task a connection, hand-off to the spool.
