//! Message content on the wire: the one reader of end-of-data, the one
//! dot-stuffer, the counter of BDAT octets. The only file that knows that CRLF
//! `.` CRLF ends a message (RFC 5321 section 4.1.1.4 and 4.5.2).

/// What content broke on its way in. Any of these refuses the message after it
/// was read to its true end (L1, DESIGN section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    BareCr,
    BareLf,
    Nul,
    /// A line over the limit for strangers.
    LongLine,
}

/// What the content was like; known at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    pub octets: u64,
    pub eight_bit: bool,
    pub fault: Option<Fault>,
}

/// Reads dot-stuffed content until CRLF `.` CRLF.
#[derive(Debug)]
pub struct DataReader {
    _private: (),
}

/// A piece of [`DataReader::read`].
#[derive(Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Content, unstuffed, line ends CRLF. May be any length but 0.
    Chunk(&'a [u8]),
    /// The end-of-data mark was read; what is left of the input is commands.
    End(Content),
}

impl DataReader {
    /// `lf_ends`: LF ends a line as well (`-bs`): it comes out as CRLF and is
    /// no fault. `max_line`: longest line without a fault, line end included.
    pub fn new(_lf_ends: bool, _max_line: usize) -> DataReader {
        todo!()
    }

    /// Takes bytes from the front of `input`; `None` when used up.
    pub fn read<'a>(&mut self, _input: &mut &'a [u8]) -> Option<Data<'a>> {
        todo!()
    }
}

/// Makes content ready for DATA: doubles a dot that begins a line, adds the
/// final line end where missing, then the mark. Input has CRLF line ends (the
/// spool's form); a bare CR or LF never leaves (L4): it becomes CRLF.
#[derive(Debug, Default)]
pub struct Stuffer {
    _private: (),
}

impl Stuffer {
    /// Appends the next piece of content.
    pub fn write(&mut self, _content: &[u8], _out: &mut Vec<u8>) {
        todo!()
    }

    /// Appends the final line end, if missing, and `.` CRLF.
    pub fn finish(self, _out: &mut Vec<u8>) {
        todo!()
    }
}
