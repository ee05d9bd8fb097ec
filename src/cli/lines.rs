//! Items of a tool that works through lists: arguments, or the lines of standard
//! input, each with its number. A line that cannot be used is an item too: it is
//! told of by its number and stops nothing.

use std::io::{self, BufRead};

/// Longest line that is read whole; an address has at most 320 octets.
const LONGEST: u64 = 4096;

/// One item.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// `line` or `argument`.
    pub what: &'static str,
    /// Number of the line, or of the argument, from 1.
    pub number: u64,
    /// The text, or what is wrong with it.
    pub text: Result<String, String>,
}

/// The arguments, where there are any; `-` among them, or none at all, stands
/// for standard input.
pub fn items(args: Vec<String>) -> impl Iterator<Item = Item> + Send {
    let args = match args.is_empty() {
        true => vec!["-".to_owned()],
        false => args,
    };
    args.into_iter()
        .zip(1..)
        .flat_map(|(arg, number)| -> Box<dyn Iterator<Item = Item> + Send> {
            match arg.as_str() {
                "-" => Box::new(Lines::new(io::BufReader::new(io::stdin()))),
                _ => Box::new(std::iter::once(Item {
                    what: "argument",
                    number,
                    text: Ok(arg),
                })),
            }
        })
}

/// Lines that are not empty, of any length, in bounded memory.
pub struct Lines<R> {
    input: R,
    longest: u64,
    number: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Lines<R> {
        Lines::longest(input, LONGEST)
    }

    /// With lines of up to so many octets.
    pub fn longest(input: R, longest: u64) -> Lines<R> {
        Lines {
            input,
            longest,
            number: 0,
            ended: false,
        }
    }

    fn read(&mut self) -> io::Result<Option<Result<String, String>>> {
        let mut line = Vec::new();
        let n = io::Read::take(&mut self.input, self.longest).read_until(b'\n', &mut line)?;
        if n == 0 {
            return Ok(None);
        }
        self.number += 1;
        if n as u64 == self.longest && line.last() != Some(&b'\n') {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Err(format!("longer than {} octets", self.longest))));
        }
        Ok(Some(
            String::from_utf8(line).map_err(|_| "not UTF-8".to_owned()),
        ))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.ended {
            let text = match self.read() {
                Ok(None) => break,
                Ok(Some(Ok(text))) if text.trim().is_empty() => continue,
                Ok(Some(text)) => text.map(|text| text.trim().to_owned()),
                Err(error) => {
                    self.ended = true;
                    Err(format!("standard input: {error}"))
                }
            };
            return Some(Item {
                what: "line",
                number: self.number,
                text,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Vec<(u64, Result<String, String>)> {
        Lines::new(input).map(|i| (i.number, i.text)).collect()
    }

    #[test]
    fn lines_have_their_numbers_and_bad_ones_stop_nothing() {
        let long = "x".repeat(1 << 20);
        let input = [b" a\r\n\n\xff\n", long.as_bytes(), b"\nb"].concat();
        let items = read(&input);
        assert_eq!(items[0], (1, Ok("a".into())));
        assert_eq!(items[1].0, 3);
        assert!(items[1].1.as_ref().is_err_and(|why| why.contains("UTF-8")));
        assert_eq!(items[2].0, 4);
        assert!(items[2].1.as_ref().is_err_and(|why| why.contains("longer")));
        assert_eq!(items[3], (5, Ok("b".into())));
        assert_eq!(items.len(), 4);
    }

    #[test]
    fn a_line_of_just_the_limit_is_read() {
        let line = "x".repeat(4095);
        assert_eq!(read(format!("{line}\n").as_bytes())[0].1, Ok(line));
    }
}
