//! Asking others about domains and addresses: what `smtp-mx --probe` and
//! `smtp-verify` do on the network. Nothing is ever sent to anybody.

pub mod pace;
pub mod probe;
pub mod reach;
pub mod selfcheck;
pub mod verify;
