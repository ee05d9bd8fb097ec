//! The seam between the dialogues and what carries them. A carrier opens a
//! session of a server set up as the script says and is then written to and
//! read from as a client would; `play` does the talking and comparing. Settings
//! and answers of a script come from `memory`.

use super::script::{Directive, Script};

pub trait Carrier {
    fn name(&self) -> &'static str;

    /// None where this carrier cannot do what the script needs: it is skipped.
    fn open(&self, script: &Script) -> Option<Box<dyn Conversation>>;
}

pub trait Conversation {
    /// Sends octets. A peer that is gone is no error here.
    fn send(&mut self, octets: &[u8]);

    /// What the server said since the last call. `more`: wait (with a limit)
    /// until there is something, or the server closed.
    fn receive(&mut self, more: bool) -> Vec<u8>;

    /// The server closed; waits (with a limit) for it.
    fn is_closed(&mut self) -> bool;

    /// The client's handshake. An error: it failed, or nobody expects it.
    fn start_tls(&mut self) -> Result<(), String>;

    /// `!wait`, `!stop`; false where this carrier cannot do it, which `open`
    /// should have said.
    fn act(&mut self, directive: &Directive) -> bool;

    /// The client is done sending.
    fn close(&mut self);

    /// The messages taken so far, in order, as the client sent them: without the
    /// trace fields of a server. None where that cannot be seen.
    fn stored(&mut self) -> Option<Vec<Vec<u8>>>;
}
