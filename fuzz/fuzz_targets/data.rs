//! Content: one end at most, at the first CRLF `.` CRLF and nowhere else; the
//! same findings however the input is cut; what the stuffer sends is read back
//! as one message without a bare line end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::smtp::data::{BdatReader, Content, Data, DataReader, Fault, Stuffer};

const MAX_LINE: usize = 64;

// The first octet is the size of the pieces.
fuzz_target!(|data: &[u8]| {
    let Some((&size, input)) = data.split_first() else {
        return;
    };
    let size = usize::from(size).max(1);
    for lf_ends in [false, true] {
        let whole = read(lf_ends, std::iter::once(input));
        assert_eq!(whole, read(lf_ends, input.chunks(size)));
        if !lf_ends {
            assert_eq!(
                whole.2,
                true_end(input)
                    .map(|end| input[end..].to_vec())
                    .unwrap_or_default()
            );
            assert_eq!(whole.1.is_some(), true_end(input).is_some());
        }
    }
    assert_eq!(count(input, input.len().max(1)), count(input, size));
    send(input, size);
});

type Read = (Vec<u8>, Option<Content>, Vec<u8>);

fn read<'a>(lf_ends: bool, pieces: impl Iterator<Item = &'a [u8]>) -> Read {
    let mut reader = DataReader::new(lf_ends, MAX_LINE);
    let (mut octets, mut end, mut rest) = (Vec::new(), None, Vec::new());
    for mut piece in pieces {
        while let Some(data) = reader.read(&mut piece) {
            assert!(end.is_none(), "something after the end");
            match data {
                Data::Chunk(chunk) => {
                    assert!(!chunk.is_empty());
                    octets.extend_from_slice(chunk);
                }
                Data::End(content) => end = Some(content),
            }
        }
        rest.extend_from_slice(piece);
    }
    assert!(rest.is_empty() || end.is_some());
    if let Some(content) = end {
        assert_eq!(content.octets, octets.len() as u64);
        assert_eq!(content.eight_bit, !octets.is_ascii());
    }
    (octets, end, rest)
}

/// Where the message ends, by the plain words of RFC 5321 section 4.1.1.4.
fn true_end(wire: &[u8]) -> Option<usize> {
    if wire.starts_with(b".\r\n") {
        return Some(3);
    }
    wire.windows(5)
        .position(|five| five == b"\r\n.\r\n")
        .map(|at| at + 5)
}

fn count(input: &[u8], size: usize) -> Content {
    let mut reader = BdatReader::new(false, MAX_LINE);
    for chunk in input.chunks(size) {
        reader.begin_chunk(chunk.len() as u64);
        assert_eq!(reader.read(&mut { chunk }), Some(chunk));
        assert_eq!(reader.left(), 0);
    }
    reader.content()
}

fn send(content: &[u8], size: usize) {
    let wire = stuffed(std::iter::once(content));
    assert_eq!(wire, stuffed(content.chunks(size)));
    assert_eq!(true_end(&wire), Some(wire.len()));
    let (octets, end, _) = read(false, std::iter::once(&wire[..]));
    let fault = end.and_then(|content| content.fault);
    assert!(!matches!(fault, Some(Fault::BareCr | Fault::BareLf)));
    // Clean content arrives octet for octet.
    let is_clean = content.is_empty() || content.ends_with(b"\r\n");
    let fault = count(content, content.len().max(1)).fault;
    if is_clean && !matches!(fault, Some(Fault::BareCr | Fault::BareLf)) {
        assert_eq!(octets, content);
    }
}

fn stuffed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut stuffer = Stuffer::default();
    let mut out = Vec::new();
    pieces.for_each(|piece| stuffer.write(piece, &mut out));
    stuffer.finish(&mut out);
    out
}
