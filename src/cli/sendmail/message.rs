//! `-bm`: a message on standard input.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::super::submit::{
    self, Caller, Failed, Incoming, Input, Plan, Refused, Submitted, Tell, read_sender,
    return_to_sender,
};
use super::super::{Done, Stop, say};
use super::args::{Args, Errors};
use super::attempt::FirstAttempt;
use super::dead_letter;
use crate::class::Class;
use crate::config::Config;
use crate::smtp::param::{Body, MailParams, Notify, RcptParams, xtext_encode};
use crate::spool::Spool;

/// Longest `-V`, as it is sent (RFC 3461 section 4.4).
const MAX_ENVID: usize = 100;

pub fn submit(tool: &str, args: &Args) -> Done {
    if args.recipients.is_empty() && !args.header_recipients {
        return Err(Stop::usage(
            "no recipients: give addresses, or -t to take them from the header",
        ));
    }
    submit::check_input()?;
    let config = super::load(args)?;
    super::open_log(&config, args);
    let plan = plan(tool, args, &config)?;
    let spool = submit::open_spool(&config)?;
    let caller = Caller::real();
    let first = FirstAttempt::new(tool, args, &config, &spool);
    submit::with_owner(&spool, &|id| first.make(id), |tell| {
        let done = deposit(args, &config, &spool, &caller, plan, &tell);
        super::as_told(args, done)
    })?;
    match args.errors {
        Errors::MailOk => Ok(()),
        _ => first.refused(),
    }
}

/// Takes the message in, and what is wrong with it back.
fn deposit(
    args: &Args,
    config: &Config,
    spool: &Spool,
    caller: &Caller,
    plan: Plan,
    tell: &Tell<'_>,
) -> Done {
    let mut message = Incoming::open(Input, !args.ignore_dots)?;
    if by_mail(args) {
        message.keep();
    }
    let refused = match submit::submit(config, spool, caller, plan, &mut message) {
        Ok(done) => {
            if done.id.is_some() {
                tell.committed(done.id);
            }
            if done.bad.is_empty() {
                return Ok(());
            }
            Refused::from(done)
        }
        Err(refused) => refused,
    };
    if !by_mail(args) || refused.failed.is_empty() {
        return Err(refused.stop);
    }
    let Refused {
        stop,
        failed,
        sender,
    } = refused;
    let header = message.kept_header();
    match return_to_sender(config, spool, caller, &sender, &failed, header) {
        Ok(None) => Err(stop),
        Ok(id) => {
            tell.committed(id);
            match args.errors {
                Errors::MailOk => Ok(()),
                _ => Err(stop),
            }
        }
        Err(unreported) => Err(match args.errors {
            Errors::Mail => dead_letter::save(stop, caller, &sender, &mut message),
            _ => stop.and(&unreported),
        }),
    }
}

/// `-oem`, `-oew`, `-oee`.
fn by_mail(args: &Args) -> bool {
    matches!(args.errors, Errors::Mail | Errors::MailOk)
}

fn plan(tool: &str, args: &Args, config: &Config) -> Result<Plan, Stop> {
    let sender = match &args.sender {
        None => None,
        Some(word) => {
            let (path, more) = read_sender(word.as_bytes(), &config.origin)?;
            if more {
                warn(tool, args, "-f names several addresses; the first is used");
            }
            Some(path)
        }
    };
    let words = args.recipients.iter().map(|word| word.as_bytes());
    Ok(Plan {
        sender,
        recipients: words.map(<[u8]>::to_vec).collect(),
        header_recipients: args.header_recipients,
        despite_bad: by_mail(args),
        gateway: args.gateway,
        no_aliases: args.no_aliases,
        full_name: args.full_name.as_deref().map(submit::one_line),
        params: mail_params(tool, args),
        notify: notify(tool, args),
    })
}

/// `-B`, `-R`, `-V`: a value that is not known is told and ignored, because
/// callers pass what some other program took.
fn mail_params(tool: &str, args: &Args) -> MailParams {
    let mut params = MailParams {
        smtputf8: args.smtputf8,
        ..MailParams::default()
    };
    if let Some(value) = &args.body {
        match value.to_ascii_uppercase().as_bytes() {
            b"7BIT" => params.body = Some(Body::SevenBit),
            b"8BITMIME" => params.body = Some(Body::EightBitMime),
            _ => ignored(tool, args, 'B', value),
        }
    }
    if let Some(value) = &args.ret {
        match MailParams::parse(&keyword("RET", value)) {
            Ok(parsed) => params.ret = parsed.ret,
            Err(_) => ignored(tool, args, 'R', value),
        }
    }
    if let Some(value) = &args.envid {
        match value.to_str() {
            Some(id) if is_envid(id) => params.envid = Some(id.to_owned()),
            _ => ignored(tool, args, 'V', value),
        }
    }
    params
}

fn is_envid(id: &str) -> bool {
    let is_printable = id.bytes().all(|b| (b' '..=b'~').contains(&b));
    is_printable && !id.is_empty() && xtext_encode(id).len() <= MAX_ENVID
}

fn notify(tool: &str, args: &Args) -> Option<Notify> {
    let value = args.notify.as_ref()?;
    let params = RcptParams::parse(&keyword("NOTIFY", value));
    if params.is_err() {
        ignored(tool, args, 'N', value);
    }
    params.ok()?.notify
}

/// ` KEYWORD=value` for the parser of parameters; blanks of the value, which
/// would begin another parameter, are dropped.
fn keyword(name: &str, value: &OsStr) -> String {
    let value = value.to_string_lossy().to_ascii_uppercase();
    format!(" {name}={}", value.split_whitespace().collect::<String>())
}

fn ignored(tool: &str, args: &Args, letter: char, value: &OsStr) {
    let value = value.to_string_lossy();
    warn(
        tool,
        args,
        &format!("-{letter} \"{value}\" is not known and ignored"),
    );
}

fn warn(tool: &str, args: &Args, text: &str) {
    if args.errors != Errors::Quiet {
        say(tool, text);
    }
}

impl From<Submitted> for Refused {
    /// For those recipients that were left out.
    fn from(done: Submitted) -> Refused {
        let names: Vec<String> = done.bad.iter().map(|(t, e)| format!("{t}: {e}")).collect();
        let text = format!("recipient {}; the others got the message", names.join(", "));
        Refused {
            stop: Stop::new(Class::Data, text),
            failed: done.bad.iter().map(Failed::unreadable).collect(),
            sender: done.sender,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(f: impl FnOnce(&mut Args)) -> Args {
        let mut args = Args::default();
        f(&mut args);
        args
    }

    #[test]
    fn dsn_values() {
        let notify = |v: &str| notify("sendmail", &args(|a| a.notify = Some(v.into())));
        assert_eq!(
            notify("failure, delay"),
            Some(Notify {
                success: false,
                failure: true,
                delay: true
            })
        );
        assert!(notify("never").is_some());
        assert_eq!(notify("sometimes"), None);
        assert_eq!(notify("never ORCPT=rfc822;x"), None);
        let envid = |v: &str| mail_params("sendmail", &args(|a| a.envid = Some(v.into()))).envid;
        assert_eq!(envid("a+b=c").as_deref(), Some("a+b=c"));
        assert_eq!(envid(&"x".repeat(100)).map(|e| e.len()), Some(100));
        assert_eq!(envid(&"x".repeat(101)), None);
        assert_eq!(envid("é"), None);
        let ret = |v: &str| mail_params("sendmail", &args(|a| a.ret = Some(v.into()))).ret;
        assert!(ret("Full").is_some() && ret("hdrs").is_some() && ret("some").is_none());
    }

    #[test]
    fn i2_a_name_is_one_line() {
        assert_eq!(submit::one_line("a\r\nBcc: x".as_ref()), "a  Bcc: x");
    }
}
