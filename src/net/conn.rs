//! Connections: plain or TLS behind one type, with limits on time.
