//! Messages (RFC 5322): reading a header without touching its other bytes,
//! completing what a local caller left out, composing, trace fields, and bounces.

pub mod addrlist;
pub mod bounce;
pub mod compose;
pub mod date;
pub mod encode;
mod fold;
pub mod header;
pub mod input;
pub mod lf;
mod phrase;
pub mod rewrite;
pub mod submit;
pub mod trace;
mod transfer;
