//! What each command does, once the table has let it through: a function a verb.

use super::verbs::{CHUNKS, READY, RECIPIENT, SENDER};
use super::{Hello, Question, Refusal, Role, Session, State};
use crate::smtp::addr::ForwardPath;
use crate::smtp::caps::Caps;
use crate::smtp::command::Command;
use crate::smtp::param::{Body, MailParams, RcptParams};
use crate::smtp::reply::Reply;

pub(super) fn error(code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Refusal {
    Refusal::Error(Reply::new(code, enhanced, text))
}

pub(super) fn out_of_order(text: &str) -> Refusal {
    Refusal::Junk(Reply::new(503, (5, 5, 1), text))
}

pub(super) fn hello(session: &mut Session, command: Command) {
    let (name, esmtp) = match command {
        Command::Ehlo(name) => (name, true),
        Command::Helo(name) => (name, false),
        Command::Lhlo(name) => (name, true),
        _ => return,
    };
    session.reset();
    session.hello = Some(Hello { name, esmtp });
    let mut reply = Reply::new(250, (0, 0, 0), session.settings.hostname.clone());
    if esmtp {
        let offer = Caps {
            starttls: session.settings.caps.starttls && !session.tls,
            etrn: false,
            auth: session.mechanisms(),
            ..session.settings.caps.clone()
        };
        reply.lines.extend(offer.lines());
    }
    // Without an enhanced code: RFC 2034 section 4 leaves this reply out.
    reply.write(&mut session.out);
}

pub(super) fn starttls(session: &mut Session, _: Command) {
    if session.tls {
        return session.refuse(out_of_order("TLS is on already"));
    }
    session.respond(Reply::new(220, (2, 0, 0), "Begin TLS"));
    session.state = State::Handshake;
}

pub(super) fn mail(session: &mut Session, command: Command) {
    let Command::Mail(path, params) = command else {
        return;
    };
    let caps = &session.settings.caps;
    let limit = caps.size.filter(|&limit| limit > 0);
    let utf8 = path.mailbox().is_some_and(|m| m.needs_utf8());
    if let Some(keyword) = unoffered(&params, caps) {
        session.refuse(error(555, (5, 5, 4), format!("{keyword} is not offered")));
    } else if utf8 && !params.smtputf8 {
        session.refuse(error(553, (5, 6, 7), "This address needs SMTPUTF8"));
    } else if params
        .size
        .zip(limit)
        .is_some_and(|(size, limit)| size > limit)
    {
        let reply = Reply::new(552, (5, 3, 4), "Message too big");
        session.refuse(Refusal::Junk(reply));
    } else if caps.mail_max.is_some_and(|most| session.mails >= most) {
        let reply = Reply::new(421, (4, 7, 0), "Too many messages in one session");
        session.refuse(Refusal::Free(reply));
    } else {
        session.mails = session.mails.saturating_add(1);
        session.ask(Question::Mail(path, params));
    }
}

/// A parameter of MAIL whose extension is off.
fn unoffered(params: &MailParams, caps: &Caps) -> Option<&'static str> {
    let body = match params.body {
        None => true,
        Some(Body::BinaryMime) => caps.binarymime && caps.chunking,
        Some(_) => caps.eight_bit_mime,
    };
    [
        ("SIZE", params.size.is_none() || caps.size.is_some()),
        ("BODY", body),
        ("RET", params.ret.is_none() || caps.dsn),
        ("ENVID", params.envid.is_none() || caps.dsn),
        ("SMTPUTF8", !params.smtputf8 || caps.smtputf8),
        ("AUTH", params.auth.is_none() || !caps.auth.is_empty()),
    ]
    .into_iter()
    .find_map(|(keyword, fine)| (!fine).then_some(keyword))
}

pub(super) fn rcpt(session: &mut Session, command: Command) {
    let Command::Rcpt(path, params) = command else {
        return;
    };
    let Some(transaction) = &session.transaction else {
        return;
    };
    let utf8 = matches!(&path, ForwardPath::Mailbox(m) if m.needs_utf8());
    if params != RcptParams::default() && !session.settings.caps.dsn {
        session.refuse(error(555, (5, 5, 4), "DSN is not offered"));
    } else if utf8 && !transaction.params.smtputf8 {
        session.refuse(error(553, (5, 6, 7), "This address needs SMTPUTF8"));
    } else if transaction.recipients.len() >= session.settings.max_recipients {
        let reply = Reply::new(452, (4, 5, 3), "Too many recipients in one message");
        session.refuse(Refusal::Free(reply));
    } else {
        session.ask(Question::Rcpt(path, params));
    }
}

pub(super) fn data(session: &mut Session, _: Command) {
    let body = session.transaction().and_then(|t| t.params.body);
    if session.phase() == SENDER {
        // RFC 2033 section 4.2 knows 503 alone.
        let code = match session.settings.role {
            Role::Lmtp => 503,
            _ => 554,
        };
        let reply = Reply::new(code, (5, 5, 1), "No valid recipients");
        session.refuse(Refusal::Junk(reply));
    } else if body == Some(Body::BinaryMime) {
        session.refuse(out_of_order("BINARYMIME needs BDAT"));
    } else {
        session.ask(Question::Data);
    }
}

pub(super) fn bdat(session: &mut Session, command: Command) {
    let Command::Bdat(octets, last) = command else {
        return;
    };
    let refusal = match session.phase() {
        RECIPIENT => return session.ask(Question::Bdat(octets, last)),
        CHUNKS => return session.next_chunk(octets, last),
        SENDER => Refusal::Junk(Reply::new(554, (5, 5, 1), "No valid recipients")),
        READY => out_of_order("Say MAIL first"),
        _ => out_of_order("Say EHLO first"),
    };
    session.refuse_after(Some(octets), refusal);
}

pub(super) fn rset(session: &mut Session, _: Command) {
    session.reset();
    session.respond(Reply::new(250, (2, 0, 0), "Forgotten"));
}

pub(super) fn noop(session: &mut Session, _: Command) {
    session.respond(Reply::new(250, (2, 0, 0), "Ok"));
}

pub(super) fn vrfy(session: &mut Session, command: Command) {
    if let Command::Vrfy(name) = command {
        session.ask(Question::Vrfy(name));
    }
}

pub(super) fn expn(session: &mut Session, command: Command) {
    if let Command::Expn(name) = command {
        session.ask(Question::Expn(name));
    }
}

pub(super) fn quit(session: &mut Session, _: Command) {
    session.close(Reply::new(221, (2, 0, 0), "Bye"));
}
