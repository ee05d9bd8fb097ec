//! The envelope of a queued message: no input makes the reader panic, and what
//! it takes is printed and read the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::spool::{print_head, read_head};

fuzz_target!(|octets: &[u8]| {
    let mut input = octets;
    if let Ok(piped) = read_head(&mut input) {
        let again = print_head(piped.id, &piped.envelope, piped.check.as_ref());
        // Parameters may be printed longer than they were read.
        let Ok(again) = again else { return };
        let read = read_head(&mut &again[..]).expect("what is written can be read");
        assert_eq!(read.envelope, piped.envelope);
        assert_eq!((read.id, read.check), (piped.id, piped.check));
    }
});
