//! `smtp-queue`: what is listed feeds what acts.

use std::process::{Command, Stdio};

use super::dns::{Data, Dns};
use super::sandbox::*;

const MESSAGE: &str =
    "From: a@d.example\nSubject: x\nDate: d\nMessage-ID: <m@d.example>\n\nhello\n";

/// Everything is delivered at once, to nobody.
const DISCARD: &str = "[[route]]\nmatch = \"*\"\nto = \"discard:\"";

/// Three messages; their ids, oldest first.
fn three() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    for (from, to) in [("ann", "x@one"), ("bea", "y@two"), ("Ann", "z@two")] {
        let (from, to) = (format!("{from}@d.example"), format!("{to}.example"));
        assert_silent(&sandbox.sendmail(&["-odq", "-f", &from, &to], MESSAGE), 0);
    }
    let ids = lines(&sandbox.queue_says(&["list", "--ids"], ""));
    assert_eq!(ids.len(), 3);
    (sandbox, ids)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn json(text: &str) -> Vec<serde_json::Value> {
    let objects = text.lines().map(serde_json::from_str);
    objects.map(Result::unwrap).collect()
}

fn keys(object: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().collect();
    keys.sort();
    keys.into_iter().map(String::as_str).collect()
}

#[test]
fn list_prints_a_record_a_line() {
    let (sandbox, ids) = three();
    let text = sandbox.queue_says(&["list"], "");
    for (line, id) in text.lines().zip(&ids) {
        let columns: Vec<_> = line.split('\t').collect();
        assert_eq!(columns.len(), 8, "{line}");
        assert_eq!((columns[0], columns[1]), (id.as_str(), "new"));
    }
    let objects = json(&sandbox.queue_says(&["list", "--json"], ""));
    assert_eq!(
        keys(&objects[0]),
        [
            "arrived",
            "attempts",
            "due",
            "id",
            "reason",
            "recipients",
            "sender",
            "size",
            "state",
            "v"
        ]
    );
    assert_eq!(
        (&objects[1]["v"], &objects[1]["id"]),
        (&1.into(), &ids[1].clone().into())
    );
    assert_eq!(
        objects[1]["recipients"],
        serde_json::json!(["y@two.example"])
    );
    assert_eq!(objects[1]["sender"], "<bea@d.example>");
    // No spool yet is an empty list.
    assert_silent(&Sandbox::new().queue(&["list"], ""), 0);
}

#[test]
fn list_filters() {
    let (sandbox, ids) = three();
    let ids_of = |args: &[&str]| {
        let args = [&["list", "--ids"], args].concat();
        lines(&sandbox.queue_says(&args, ""))
    };
    assert_eq!(ids_of(&["--sender", "ann@"]), [&*ids[0], &*ids[2]]);
    assert_eq!(ids_of(&["--recipient", "TWO.example"]), ids[1..]);
    assert_eq!(ids_of(&["--sender", "ann", "--recipient", "two"]), ids[2..]);
    sandbox.queue_says(&["hold", &ids[1]], "");
    assert_eq!(ids_of(&["--state", "held"]), ids[1..2]);
    assert_eq!(ids_of(&["--state", "new"]), [&*ids[0], &*ids[2]]);
    assert_eq!(ids_of(&["--state", "failed"]), [""; 0]);
}

#[test]
fn a_list_feeds_what_acts() {
    let (mut sandbox, ids) = three();
    // `list --ids --sender ann | hold -`, and whole lines do as well.
    let ann = sandbox.queue_says(&["list", "--ids", "--sender", "ann"], "");
    let held = sandbox.queue_says(&["hold", "-"], ann);
    assert_eq!(held, format!("{}\theld\n{}\theld\n", ids[0], ids[2]));
    assert_eq!(
        sandbox.queue_says(&["hold", &ids[0]], ""),
        format!("{}\theld already\n", ids[0])
    );
    let refused = sandbox.queue(&["retry", &ids[0]], "");
    assert_refused(&refused, 65, "release it first");
    let all = sandbox.queue_says(&["list"], "");
    let released = sandbox.queue_says(&["release", "-"], all);
    assert_eq!(
        released,
        format!(
            "{}\treleased\n{}\tnot held\n{}\treleased\n",
            ids[0], ids[1], ids[2]
        )
    );
    assert_eq!(sandbox.next_run(), "run --drain");
    let retried = sandbox.queue_says(&["retry", "--json", &ids[1]], "");
    let retried = json(&retried).remove(0);
    assert_eq!(
        retried,
        serde_json::json!({"v": 1, "id": ids[1], "done": "due now"})
    );
    assert_eq!(sandbox.next_run(), "run --drain");
    let all = sandbox.queue_says(&["list", "--ids"], "");
    assert_eq!(
        sandbox
            .queue_says(&["remove", "--now", "-"], all)
            .lines()
            .count(),
        3
    );
    assert!(sandbox.queued().is_empty());
    let left = std::fs::read_dir(sandbox.path("spool/state")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn ids_may_be_cut_short_while_they_are_unique() {
    let (sandbox, ids) = three();
    let common = ids[0]
        .bytes()
        .zip(ids[1].bytes())
        .take_while(|(a, b)| a == b);
    let common = common.count();
    let shown = sandbox.queue_says(&["cat", &ids[0]], "");
    let unique = (1..=ids[0].len())
        .find(|n| ids.iter().filter(|i| i.starts_with(&ids[0][..*n])).count() == 1);
    let prefix = &ids[0][..unique.unwrap()];
    assert_eq!(sandbox.queue_says(&["cat", prefix], ""), shown);
    assert_eq!(
        sandbox.queue_says(&["cat", &prefix.to_lowercase()], ""),
        shown
    );
    if common > 0 {
        let several = sandbox.queue(&["remove", &ids[0][..1]], "");
        assert_refused(&several, 64, "several");
    }
    assert_eq!(sandbox.queued().len(), 3);
}

#[test]
fn what_is_not_there_is_told_and_the_rest_is_done() {
    let (sandbox, ids) = three();
    let known = ids[1].as_str();
    for command in [
        "show", "cat", "explain", "hold", "release", "retry", "remove",
    ] {
        for unknown in ["ZZZ", "../../etc/passwd", "", "a\nb"] {
            assert_refused(&sandbox.queue(&[command, unknown], ""), 66, "no message");
        }
        assert_refused(&sandbox.queue(&[command], ""), 64, "<ID>");
    }
    assert_refused(&sandbox.queue(&["run", "--id", "ZZZ"], ""), 66, "ZZZ");
    let output = sandbox.queue(&["hold", "ZZZ", known], "");
    assert_eq!(
        (stdout(&output), status(&output)),
        (format!("{known}\theld\n"), 66)
    );
    assert_eq!(stderr(&output).lines().count(), 1);
    let output = sandbox.queue(&["hold", "-"], b"\xff\n");
    assert_refused(&output, 66, "standard input");
}

#[test]
fn wrong_command_lines_are_64() {
    let sandbox = Sandbox::new();
    for (args, word) in [
        (&[][..], "command"),
        (&["--bogus"], "--bogus"),
        (&["lst"], "'list'"),
        (&["list", "--bogus"], "--bogus"),
        (&["list", "extra"], "extra"),
        (&["list", "--state", "lost"], "lost"),
        (&["list", "--ids", "--json"], "--json"),
        (&["run", "--watch", "--all"], "--all"),
        (&["run", "--drain", "--id", "0"], "--id"),
        (&["route"], "<ADDRESS>"),
        (&["config", "x"], "x"),
    ] {
        assert_refused(&sandbox.queue(args, ""), 64, word);
    }
    let config = sandbox.path("none.toml");
    let config = config.to_str().unwrap();
    for command in [
        &["list"][..],
        &["run"],
        &["config"],
        &["route", "x"],
        &["deliver"],
    ] {
        let args = [&["--config", config], command].concat();
        assert_refused(&sandbox.queue(&args, ""), 78, "none.toml");
    }
    // There is nothing to look at, and it says where.
    let refused = sandbox.queue(&["--spool", config, "show", "0"], "");
    assert_refused(&refused, 73, "none.toml");
}

#[test]
fn show_tells_envelope_and_state() {
    let (sandbox, ids) = three();
    sandbox.queue_says(&["hold", &ids[0]], "");
    let text = sandbox.queue_says(&["show", &ids[0]], "");
    for line in [
        &format!("id:         {}", ids[0]),
        "state:      held",
        "sender:     <ann@d.example>",
        "recipient:  x@one.example",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    assert!(text.contains("held by the operator"), "{text}");
    let object = json(&sandbox.queue_says(&["show", "--json", &ids[0]], "")).remove(0);
    assert_eq!(
        keys(&object),
        [
            "arrived",
            "attempts",
            "body",
            "due",
            "id",
            "long_lines",
            "notes",
            "origin",
            "params",
            "recipients",
            "sender",
            "size",
            "state",
            "targets",
            "v"
        ]
    );
    assert_eq!(object["recipients"][0]["address"], "x@one.example");
}

#[test]
fn cat_prints_the_octets() {
    let sandbox = Sandbox::new();
    let body = b"\xff\x80 8-bit\n.\n..\n\x1b[2J trailing  \n\n";
    let message = [&b"Subject: x\n\n"[..], body].concat();
    assert_silent(
        &sandbox.sendmail(&["-odq", "-i", "x@one.example"], &message),
        0,
    );
    let queued = sandbox.queued().remove(0);
    let id = queued.head.id.to_string();
    let printed = sandbox.queue(&["cat", &id], "");
    assert_eq!(printed.stdout, queued.message);
    let whole = sandbox.queue(&["cat", "--envelope", &id], "");
    let file = std::fs::read_dir(sandbox.path("spool/new")).unwrap();
    let file = file.map(|e| e.unwrap().path()).next().unwrap();
    assert_eq!(whole.stdout, std::fs::read(file).unwrap());
    assert_eq!((status(&printed), status(&whole)), (0, 0));
}

/// What does not read right is told, beside what does, and never sent.
#[test]
fn a_damaged_message_is_told_and_the_others_listed() {
    let (sandbox, ids) = three();
    let new = sandbox.path("spool/new");
    let find = |id: &str| {
        let mut entries = std::fs::read_dir(&new).unwrap().map(|e| e.unwrap().path());
        entries.find(|p| p.to_str().unwrap().contains(id)).unwrap()
    };
    let changed = find(&ids[0]);
    let mut octets = std::fs::read(&changed).unwrap();
    *octets.last_mut().unwrap() = b'!';
    std::fs::write(&changed, octets).unwrap();
    let foreign = find(&ids[1]);
    std::fs::write(foreign, "no envelope\n").unwrap();
    let list = sandbox.queue(&["list"], "");
    assert_eq!((stdout(&list).lines().count(), status(&list)), (2, 65));
    assert!(stderr(&list).contains(&ids[1]) && stderr(&list).lines().count() == 1);
    let cat = sandbox.queue(&["cat", &ids[0]], "");
    assert_eq!(status(&cat), 65);
    assert!(stderr(&cat).contains("damaged"), "{}", stderr(&cat));
    for command in ["show", "cat", "explain"] {
        assert_refused(
            &sandbox.queue(&[command, &ids[1]], ""),
            65,
            "does not read right",
        );
    }
    sandbox.configure(DISCARD);
    assert_silent(&sandbox.queue(&["run"], ""), 0);
    let failed = sandbox.queue_says(&["list", "--ids", "--state", "failed"], "");
    assert_eq!(lines(&failed), ids[..2]);
    for id in &ids[..2] {
        assert_eq!(status(&sandbox.queue(&["remove", id], "")), 0, "{id}");
    }
    assert_silent(&sandbox.queue(&["list"], ""), 0);
}

#[test]
fn explain_tells_what_was_and_what_comes() {
    let (sandbox, ids) = three();
    let dns = Dns::start(&[("one.example", Data::ServFail)]);
    sandbox.configure(&format!(
        "[dns]\nservers = [\"{}\"]\ntimeout = \"1s\"\nattempts = 1",
        dns.address
    ));
    let explain = || sandbox.queue_says(&["explain", &ids[0]], "");
    let before = explain();
    for words in ["not tried yet", "mx: (default)", "due now", "gets a bounce"] {
        assert!(before.contains(words), "{words}: {before}");
    }
    assert_silent(&sandbox.queue(&["run", "--id", &ids[0]], ""), 0);
    let after = explain();
    for words in [
        "deferred 4.4.3",
        "one.example",
        "next      attempt",
        "given up",
    ] {
        assert!(after.contains(words), "{words}: {after}");
    }
    // The others were not asked for.
    assert!(
        sandbox
            .queue_says(&["explain", &ids[1]], "")
            .contains("not tried yet")
    );
    assert!(dns.asked().iter().all(|q| q.ends_with(" one.example")));
    sandbox.queue_says(&["hold", &ids[0]], "");
    assert!(
        explain().contains("waits for `smtp-queue release`"),
        "{}",
        explain()
    );
    let listed = json(&sandbox.queue_says(&["list", "--json"], "")).remove(0);
    assert_eq!(listed["attempts"], 1);
    assert!(listed["reason"].as_str().unwrap().contains("one.example"));
}

#[test]
fn run_takes_what_the_filters_take() {
    let (sandbox, ids) = three();
    sandbox.configure(DISCARD);
    assert_silent(
        &sandbox.queue(
            &["run", "--recipient", "two.example", "--sender", "bea"],
            "",
        ),
        0,
    );
    let left = lines(&sandbox.queue_says(&["list", "--ids"], ""));
    assert_eq!(left, [&*ids[0], &*ids[2]]);
    assert_silent(
        &sandbox.queue(&["run", "--id", &ids[2], "--id", &ids[0]], ""),
        0,
    );
    assert!(sandbox.queued().is_empty());
}

/// `runq` is `smtp-queue run`.
#[test]
fn the_name_runq_runs_the_queue() {
    let (sandbox, _) = three();
    sandbox.configure(DISCARD);
    let run = |args: &[&str]| finish(sandbox.other(QUEUE, "runq", args).spawn().unwrap(), b"");
    assert_refused(&run(&["--bogus"]), 64, "--bogus");
    assert_silent(&run(&[]), 0);
    assert!(sandbox.queued().is_empty());
}

#[test]
fn route_tells_the_way_and_why() {
    let sandbox = Sandbox::new();
    let dns = Dns::start(&[
        ("one.example", Data::Mx(10, "mx.one.example")),
        (
            "mx.one.example",
            Data::Address("192.0.2.1".parse().unwrap()),
        ),
        ("busy.example", Data::ServFail),
    ]);
    let aliases = sandbox.path("aliases");
    std::fs::write(&aliases, "all: x@one.example, root\n").unwrap();
    sandbox.configure("");
    let text = std::fs::read_to_string(sandbox.path("config.toml")).unwrap();
    let text = text.replace("aliases = []", &format!("aliases = [{aliases:?}]"));
    let text = format!(
        "{text}\n[dns]\nservers = [\"{}\"]\ntimeout = \"1s\"\n\
         [delivery]\nallow_networks = [\"192.0.2.0/24\"]\n",
        dns.address
    );
    std::fs::write(sandbox.path("config.toml"), text).unwrap();

    let told = sandbox.queue(&["route", "--json", "all"], "");
    assert_eq!(
        (stderr(&told), status(&told)),
        (String::new(), 0),
        "{}",
        stdout(&told)
    );
    let legs = json(&stdout(&told));
    assert_eq!(legs.len(), 2, "{legs:?}");
    assert_eq!(
        keys(&legs[0]),
        [
            "address",
            "because",
            "hosts",
            "problem",
            "tls",
            "to",
            "transport",
            "v"
        ]
    );
    assert_eq!(legs[0]["to"], "x@one.example");
    assert!(legs[0]["hosts"][0].as_str().unwrap().contains("192.0.2.1"));
    assert!(legs[1]["transport"].as_str().unwrap().starts_with("mbox:"));
    for (address, code, words) in [
        ("x@busy.example", 75, "4.4.3"),
        ("x@none.example", 69, "5.1.2"),
    ] {
        let output = sandbox.queue(&["route", address], "");
        assert!(stdout(&output).contains(words), "{}", stdout(&output));
        assert_eq!(status(&output), code, "{address}");
    }
    for bad in ["a b@@", "x@one.example\nRCPT TO:<y>", ""] {
        assert_refused(&sandbox.queue(&["route", bad], ""), 65, "");
    }
    assert!(sandbox.queued().is_empty() && !sandbox.path("spool").exists());
}

#[test]
fn config_tells_where_each_value_came_from() {
    let sandbox = Sandbox::new();
    let text = sandbox.queue_says(&["config", "--spool", "/elsewhere"], "");
    let row = |key: &str| {
        let row = text.lines().find(|l| l.split('\t').next() == Some(key));
        let mut columns = row.unwrap().split('\t').skip(1).map(str::to_owned);
        (columns.next().unwrap(), columns.next().unwrap())
    };
    assert!(row("hostname").0.contains("h.example"));
    assert!(row("hostname").1.contains("config.toml"), "{text}");
    assert!(row("spool").0.contains("/elsewhere"));
    assert!(row("spool").1.contains("--spool"), "{text}");
    assert_eq!(row("history_days").1, "default");
    let objects = json(&sandbox.queue_says(&["config", "--json"], ""));
    assert_eq!(keys(&objects[0]), ["key", "source", "v", "value"]);
}

/// `list | head -1`, with more than a pipe holds.
#[test]
fn a_reader_that_leaves_is_no_error() {
    let (sandbox, ids) = three();
    let script = format!(
        "{{ yes {} | head -20000 | $Q show -; echo $? >$HOME/status; }} | head -1",
        ids[0]
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    sandbox.surround(&mut command);
    let built = sandbox.other(QUEUE, "smtp-queue", &[]);
    command.env("Q", built.get_program()).stdin(Stdio::null());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
    assert_eq!(stdout(&output).lines().count(), 1);
    let status = std::fs::read_to_string(sandbox.path("status")).unwrap();
    assert_eq!(status.trim(), "0");
}
