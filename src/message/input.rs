//! What `sendmail` reads on stdin, turned into the spool's form: LF and CRLF
//! end a line and become CRLF, a lone dot ends the message unless told
//! otherwise, a bare CR becomes a line end in the body and a space in the
//! header, NUL is dropped (DESIGN section 8).

/// Push converter; memory does not grow with the message.
#[derive(Debug)]
pub struct LineEnds {
    _private: (),
}

impl LineEnds {
    pub fn new(_dot_ends: bool) -> LineEnds {
        todo!()
    }

    /// Converts the next piece; true once a lone dot ended the message (what
    /// follows is ignored).
    pub fn push(&mut self, _input: &[u8], _out: &mut Vec<u8>) -> bool {
        todo!()
    }

    /// From here on a bare CR is a line end (the body).
    pub fn in_body(&mut self) {
        todo!()
    }

    /// The input is over: adds a missing final line end.
    pub fn finish(&mut self, _out: &mut Vec<u8>) {
        todo!()
    }
}
