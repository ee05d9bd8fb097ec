//! Addresses and parameters: what parses prints to text that parses to the
//! same, holds no control character, and keeps the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtputils::smtp::addr::{Domain, ForwardPath, MAX_DOMAIN, MAX_LOCAL, Mailbox, ReversePath};
use smtputils::smtp::param::{MailParams, RcptParams, xtext_decode, xtext_encode};

fuzz_target!(|text: &str| {
    if let Ok(domain) = Domain::parse(text) {
        assert_sound(&domain.to_string());
        assert_eq!(Domain::parse(&domain.to_string()), Ok(domain.clone()));
        assert_eq!(
            Domain::parse(&domain.key()).map(|d| d.key()),
            Ok(domain.key())
        );
    }
    if let Ok(mailbox) = Mailbox::parse(text) {
        assert_mailbox(&mailbox);
        assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox));
    }
    if let Ok((path, rest)) = ReversePath::parse_prefix(text) {
        assert!(text.ends_with(rest));
        path.mailbox().into_iter().for_each(assert_mailbox);
        assert_eq!(ReversePath::parse_prefix(&path.to_string()), Ok((path, "")));
    }
    if let Ok((path, rest)) = ForwardPath::parse_prefix(text) {
        assert!(text.ends_with(rest));
        path.mailbox().into_iter().for_each(assert_mailbox);
        assert_eq!(ForwardPath::parse_prefix(&path.to_string()), Ok((path, "")));
    }
    if let Ok(params) = MailParams::parse(text) {
        assert!(params.to_string().is_ascii());
        assert_eq!(MailParams::parse(&params.to_string()), Ok(params));
    }
    if let Ok(params) = RcptParams::parse(text) {
        assert!(params.to_string().is_ascii());
        assert_eq!(RcptParams::parse(&params.to_string()), Ok(params));
    }
    if let Some(decoded) = xtext_decode(text) {
        assert_sound(&decoded);
        assert_eq!(xtext_decode(&xtext_encode(&decoded)), Some(decoded));
    }
});

fn assert_mailbox(mailbox: &Mailbox) {
    assert_sound(&mailbox.to_string());
    assert!(mailbox.local.len() <= MAX_LOCAL);
    assert!(mailbox.domain.to_string().len() <= MAX_DOMAIN);
    assert!(mailbox.same(mailbox));
    assert_eq!(mailbox.needs_utf8(), !mailbox.to_string().is_ascii());
}

fn assert_sound(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}
