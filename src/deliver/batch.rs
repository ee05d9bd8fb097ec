//! Whom a message goes to through one next hop, and what is said of it there.

use super::content::{Form, Letter};
use super::notice;
use crate::route::domain_key;
use crate::smtp::addr::{Domain, Mailbox, ReversePath};
use crate::smtp::client::Message;
use crate::smtp::param::{Body, MailParams, RcptParams};
use crate::spool::{Envelope, Target};

/// Whom a message goes to through one next hop.
#[derive(Debug)]
pub struct Batch<'a> {
    pub sender: &'a ReversePath,
    pub params: &'a MailParams,
    /// Target number, address, parameters.
    pub recipients: Vec<(u32, Mailbox, RcptParams)>,
}

impl<'a> Batch<'a> {
    /// `members`: target numbers and addresses.
    pub fn new(
        envelope: &'a Envelope,
        targets: &[Target],
        members: &[(u32, Mailbox)],
    ) -> Batch<'a> {
        let recipients = members
            .iter()
            .map(|(n, mailbox)| (*n, mailbox.clone(), notice::params(envelope, targets, *n)));
        Batch {
            sender: &envelope.sender,
            params: &envelope.params,
            recipients: recipients.collect(),
        }
    }

    /// The message for these recipients (places in the batch), in this form.
    pub fn message(&self, chosen: &[usize], form: &Form, utf8: bool) -> Message {
        Message {
            reverse_path: self.sender.clone(),
            params: self.mail_params(form.size, form.eight_bit, utf8),
            recipients: chosen.iter().filter_map(|n| self.recipient(*n)).collect(),
            size: form.size,
            eight_bit: form.eight_bit,
            utf8,
        }
    }

    /// The parameters of MAIL that are passed on; those the host does not offer
    /// are left out by the machine (CL-06, CL-26).
    fn mail_params(&self, size: u64, eight_bit: bool, utf8: bool) -> MailParams {
        MailParams {
            size: Some(size),
            body: eight_bit.then_some(Body::EightBitMime),
            ret: self.params.ret,
            envid: self.params.envid.clone(),
            smtputf8: utf8,
            auth: None,
        }
    }

    fn recipient(&self, n: usize) -> Option<(Mailbox, RcptParams)> {
        let (_, mailbox, params) = self.recipients.get(n)?;
        Some((ascii_domain(mailbox), params.clone()))
    }

    /// Status and words of a bounce where SMTPUTF8 is needed and not offered
    /// (CL-25).
    pub fn wants_utf8(
        &self,
        chosen: impl Iterator<Item = usize>,
        letter: &Letter<'_>,
    ) -> Option<(&'static str, &'static str)> {
        let sender = self.sender.mailbox().map(ascii_domain);
        let by_address = sender.is_some_and(|m| m.needs_utf8())
            || chosen
                .filter_map(|n| self.recipient(n))
                .any(|(m, _)| m.needs_utf8());
        if by_address {
            return Some(("5.6.7", "the host takes no internationalised addresses"));
        }
        let by_header = self.params.smtputf8 && letter.header_eight_bit;
        by_header.then_some(("5.6.9", "the host takes no internationalised header"))
    }
}

/// With an ASCII local part the domain's A-labels do, and no SMTPUTF8 is needed
/// (RFC 6531 section 3.2).
fn ascii_domain(mailbox: &Mailbox) -> Mailbox {
    let mut mailbox = mailbox.clone();
    if mailbox.local.is_ascii()
        && let Domain::Name(name) = &mailbox.domain
        && !name.is_ascii()
        && let Ok(key) = domain_key(&mailbox.domain)
    {
        mailbox.domain = Domain::Name(key);
    }
    mailbox
}
