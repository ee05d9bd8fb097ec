//! The header as bytes: where each field begins and ends, where the header
//! ends (a line that is neither a field nor folding ends it and belongs to the
//! body). Nothing is decoded, nothing is changed.

/// One field: `raw` is name, colon, value and line ends as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub raw: &'a [u8],
    pub name: &'a [u8],
    /// Everything after the colon, folding and the final line end included.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Compares the name without case.
    pub fn is(&self, _name: &str) -> bool {
        todo!()
    }
}

/// Fields of a header given whole (without the blank line).
pub fn fields(_header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::empty()
}

/// Where the header of `message` ends and where the body begins (the blank
/// line lies between; both are equal where there is none). `None` where more
/// input could still change the answer.
pub fn split(_message: &[u8], _is_all: bool) -> Option<(usize, usize)> {
    todo!()
}
