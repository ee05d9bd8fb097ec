//! Items of a command: as arguments, or a line each on standard input with `-`.

use std::io::BufRead;

use super::Stop;
use crate::class::Class;

/// The items; `-` stands for the lines of standard input, read as they come.
/// Of a line only the first column counts, so that a list feeds what acts on it.
pub fn words(args: &[String]) -> impl Iterator<Item = Result<String, Stop>> + '_ {
    args.iter()
        .flat_map(|arg| -> Box<dyn Iterator<Item = Result<String, Stop>>> {
            match arg.as_str() {
                "-" => Box::new(lines(std::io::stdin().lock())),
                _ => Box::new(std::iter::once(Ok(arg.clone()))),
            }
        })
}

fn lines(input: impl BufRead) -> impl Iterator<Item = Result<String, Stop>> {
    input.lines().filter_map(|line| match line {
        Ok(line) => line.split_whitespace().next().map(|w| Ok(w.to_owned())),
        Err(e) => Some(Err(Stop::new(
            Class::NoInput,
            format!("standard input: {e}"),
        ))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_column_of_each_line_that_has_one() {
        let input = b"0A\tdeferred\n\n  0B  x\n0C" as &[u8];
        let words: Vec<_> = lines(input).map(Result::unwrap).collect();
        assert_eq!(words, ["0A", "0B", "0C"]);
    }

    #[test]
    fn input_that_is_no_text_is_an_error() {
        assert!(lines(b"\xff\n" as &[u8]).next().unwrap().is_err());
    }
}
