use super::*;
use crate::class::Class;

fn read(line: &str) -> Result<Args, Stop> {
    parse(
        line.split(' ')
            .filter(|w| !w.is_empty())
            .map(OsString::from)
            .collect(),
    )
}

fn good(line: &str) -> Args {
    read(line).unwrap_or_else(|e| panic!("{line}: {e:?}"))
}

fn class(line: &str) -> Class {
    match read(line) {
        Err(Stop::Failed(class, _)) => class,
        other => panic!("{line}: {other:?}"),
    }
}

/// Every flag of the table that is accepted, glued and separate.
#[test]
fn accepted_forms() {
    for line in [
        "-Ac x",
        "-Am x",
        "-A c x",
        "-BFOO x",
        "-B 7BIT x",
        "-bm x",
        "-Cfile x",
        "-C file x",
        "-c x",
        "-T x",
        "-T3d x",
        "-s x",
        "-X/tmp/log x",
        "-X /tmp/log x",
        "-D/tmp/log x",
        "-D /tmp/log x",
        "-d x",
        "-d8.99 x",
        "-em x",
        "-e x",
        "-E x",
        "-Efoo x",
        "-J x",
        "-Fname x",
        "-F name x",
        "-G x",
        "-h3 x",
        "-h 3 x",
        "-hx x",
        "-Ltag x",
        "-L tag x",
        "-m x",
        "-om x",
        "-Nnever x",
        "-N failure,delay x",
        "-n x",
        "-OQueueDirectory=/tmp x",
        "-O Foo x",
        "-O a=b x",
        "-pSMTP:h x",
        "-p SMTP x",
        "-Rfull x",
        "-R hdrs x",
        "-rme x",
        "-r me x",
        "-U x",
        "-Vid x",
        "-V id x",
        "-x x",
        "-oi x",
        "-oitrue x",
        "-oMrlocal x",
        "-or0s x",
        "-or1h x",
        "-oo x",
        "-os x",
        "-o7 x",
        "-o8 x",
        "-oQ/tmp x",
        "-oX/tmp/x x",
        "-o i x",
        "-oem -odb x",
        "-it x",
        "-ti x",
        "-iv x",
        "-v x",
        "-- x",
        "-i -- x",
        "-tif me x",
    ] {
        assert_eq!(good(line).recipients, ["x"], "{line}");
    }
}

#[test]
fn refused_forms() {
    for line in [
        "-Z x",
        "-M x",
        "-Mfoo",
        "-Q x",
        "-S x",
        "-a x",
        "-auUSER x",
        "-4 x",
        "-6",
        "-w",
        "--foo x",
        "--help x",
        "--from=x",
        "- x",
        "-b x",
        "-bt",
        "-bq",
        "-f",
        "-F",
        "-o",
        "-o -i x",
        "-o a@x",
        "x -f y",
        "x -t",
        "a b -i",
        "-q x",
        "-qGgroup",
        "-qI",
        "-q!",
        "-qx",
        "-t -bs",
        "-bs -t",
        "-t -bv",
        "-bp -t",
        "-t -q",
        "-bsx",
        "-i\u{e9} x",
    ] {
        assert_eq!(class(line), Class::Usage, "{line}");
    }
}

#[test]
fn i1_control_characters_are_refused() {
    let line = |words: &[&str]| match parse(words.iter().map(OsString::from).collect()) {
        Err(Stop::Failed(class, _)) => Some(class),
        _ => None,
    };
    for words in [
        &["bob@x\r\nRCPT TO:<evil@x>"][..],
        &["--", "a\nb"],
        &["-f", "a\rb", "x"],
        &["-fa\x1bb", "x"],
        &["-V", "a\nb", "x"],
    ] {
        assert_eq!(line(words), Some(Class::Data), "{words:?}");
    }
    assert_eq!(
        line(&["-F", "a\nb", "x"]),
        None,
        "folded later, not refused"
    );
    assert_eq!(line(&["a@x,\tb@x"]), None);
}

#[test]
fn i3_nothing_after_the_end_of_options_is_one() {
    let args = good("-i -- -t -bs --");
    assert_eq!(args.recipients, ["-t", "-bs", "--"]);
    assert!(!args.header_recipients);
    assert_eq!(good("a -- -f").recipients, ["a", "-f"]);
}

#[test]
fn values() {
    let args = good("-t -i -fa@x -f b@x -FName -BX -Nsuccess -R HDRS -Vid -L tag -C c -oA/etc/al");
    assert!(args.header_recipients && args.ignore_dots);
    assert_eq!(args.sender.unwrap(), "b@x", "the last one counts");
    assert_eq!(args.full_name.unwrap(), "Name");
    assert_eq!(args.body.unwrap(), "X");
    assert_eq!(args.notify.unwrap(), "success");
    assert_eq!(args.ret.unwrap(), "HDRS");
    assert_eq!(args.envid.unwrap(), "id");
    assert_eq!(args.tag.unwrap(), "tag");
    assert_eq!(args.config.unwrap(), PathBuf::from("c"));
    assert_eq!(args.aliases.unwrap(), PathBuf::from("/etc/al"));
    let empty = parse(["-f", "", "x"].map(OsString::from).to_vec()).unwrap();
    assert_eq!(empty.sender.unwrap(), "");
}

#[test]
fn modes() {
    for (line, mode) in [
        ("-bm", Mode::Submit),
        ("-bs", Mode::Smtp),
        ("-bs -odb -oem", Mode::Smtp),
        ("-ba", Mode::Smtp),
        ("-bp", Mode::List),
        ("-bP", Mode::Count),
        ("-bh", Mode::Nothing),
        ("-bH", Mode::Nothing),
        ("-bi", Mode::Newaliases),
        ("-I", Mode::Newaliases),
        ("-bv x", Mode::Verify),
        ("-d0.1", Mode::Version),
        ("--help", Mode::Help),
        ("--version", Mode::Version),
    ] {
        assert_eq!(good(line).mode, Some(mode), "{line}");
    }
    let by = |part, text: &str, not| {
        let text = text.into();
        Mode::Run(Select::By { part, text, not })
    };
    for (line, mode) in [
        ("-q", Mode::Run(Select::All)),
        ("-qf", Mode::Run(Select::All)),
        ("-q30m", Mode::Nothing),
        ("-qp1h", Mode::Nothing),
        ("-qI01AB", by(Part::Id, "01AB", false)),
        ("-qRexample", by(Part::Recipient, "example", false)),
        ("-q!Sbob", by(Part::Sender, "bob", true)),
    ] {
        assert_eq!(good(line).run, Some(mode), "{line}");
    }
}

#[test]
fn settings() {
    for (line, when) in [
        ("x", When::Background),
        ("-odi x", When::Foreground),
        ("-odf x", When::Foreground),
        ("-v x", When::Foreground),
        ("-odq x", When::Queued),
        ("-odd x", When::Queued),
        ("-ODeliveryMode=queue x", When::Queued),
        ("-O deliverymode=i x", When::Foreground),
        ("-odz x", When::Background),
    ] {
        assert_eq!(good(line).when, when, "{line}");
    }
    for (line, errors) in [
        ("-oep x", Errors::Print),
        ("-oem x", Errors::Mail),
        ("-ew x", Errors::Mail),
        ("-oeq x", Errors::Quiet),
        ("-OErrorMode=e x", Errors::MailOk),
        ("-oez x", Errors::Print),
    ] {
        assert_eq!(good(line).errors, errors, "{line}");
    }
    for (line, dots) in [
        ("-oi x", true),
        ("-oitrue x", true),
        ("-oifalse x", false),
        ("-OIgnoreDots=True x", true),
        ("-i -Oignoredots=no x", false),
    ] {
        assert_eq!(good(line).ignore_dots, dots, "{line}");
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(words: Vec<String>) {
        let _ = parse(words.into_iter().map(OsString::from).collect());
    }
}
