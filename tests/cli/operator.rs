//! `smtp-queue`: what the operator does to messages, and takes back.

use super::sandbox::*;

const MESSAGE: &str =
    "From: a@d.example\nSubject: x\nDate: d\nMessage-ID: <m@d.example>\n\nhello\n";

/// Four messages, oldest first, the last one large; nothing is delivered.
fn four() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    for (from, to) in [("ann", "x@one"), ("bea", "y@two"), ("Ann", "z@mail.two")] {
        let (from, to) = (format!("{from}@d.example"), format!("{to}.example"));
        assert_silent(&sandbox.sendmail(&["-odq", "-f", &from, &to], MESSAGE), 0);
    }
    let large = format!("{MESSAGE}{}", "x".repeat(20_000));
    assert_silent(
        &sandbox.sendmail(&["-odq", "-f", "cat@d.example", "w@three.example"], large),
        0,
    );
    let ids = lines(&sandbox.queue_says(&["list", "--ids"], ""));
    assert_eq!(ids.len(), 4);
    (sandbox, ids)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn ids_of(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let args = [&["list", "--ids"], args].concat();
    lines(&sandbox.queue_says(&args, ""))
}

#[test]
fn filters_match_names_envelopes_and_reasons() {
    let (sandbox, ids) = four();
    assert_eq!(ids_of(&sandbox, &["--domain", "two.example"]), ids[1..2]);
    assert_eq!(ids_of(&sandbox, &["--domain", ".two.example"]), ids[2..3]);
    assert_eq!(ids_of(&sandbox, &["--size", "10K"]), ids[3..]);
    assert_eq!(ids_of(&sandbox, &["--size", "-10K"]), ids[..3]);
    assert_eq!(ids_of(&sandbox, &["--age", "0s"]), ids);
    assert_eq!(ids_of(&sandbox, &["--age", "1h"]), [""; 0]);
    assert_eq!(
        ids_of(&sandbox, &["--age", "-1h", "--sender", "ann"]),
        [&*ids[0], &*ids[2]]
    );
    assert_eq!(ids_of(&sandbox, &["--reason", "anything"]), [""; 0]);
    assert_eq!(ids_of(&sandbox, &["--state", "new,held"]), ids);
    let wrong = sandbox.queue(&["list", "--age", "soon"], "");
    assert_refused(&wrong, 64, "2h");
}

#[test]
fn a_failure_is_found_by_its_words_and_counted_by_them() {
    // F41: grouped by what the refusals have in common.
    let sandbox = Sandbox::new();
    sandbox.configure(
        "[[route]]\nmatch = \"one.example\"\nto = \"error:4.2.2 mailbox of bob@one.example is full\"\n\
         [[route]]\nmatch = \"*\"\nto = \"error:4.7.1 come back later\"",
    );
    for to in ["bob@one.example", "x@two.example", "y@two.example"] {
        assert_silent(
            &sandbox.sendmail(&["-odq", "-f", "a@d.example", to], MESSAGE),
            0,
        );
    }
    sandbox.queue_says(&["run"], "");
    assert_eq!(ids_of(&sandbox, &["--reason", "FULL"]).len(), 1);
    assert_eq!(ids_of(&sandbox, &["--reason", "4.7.1"]).len(), 2);
    let reasons = sandbox.queue_says(&["stats", "--by", "reason"], "");
    let row = |n: usize| {
        reasons
            .lines()
            .nth(n)
            .unwrap()
            .split('\t')
            .collect::<Vec<_>>()
    };
    assert_eq!(row(0)[..2], ["TOTAL", "3"]);
    assert_eq!(row(1)[..2], ["4.7.1 come back later", "2"]);
    assert_eq!(row(2)[..2], ["4.2.2 mailbox of <address> is full", "1"]);
}

#[test]
fn stats_count_by_destination_and_keep_what_they_learnt() {
    let (sandbox, ids) = four();
    let by_domain = |sandbox: &Sandbox| sandbox.queue_says(&["stats"], "");
    let first = by_domain(&sandbox);
    assert_eq!(first.lines().count(), 5);
    assert!(first.starts_with("TOTAL\t4\t"), "{first}");
    assert!(first.contains("\nmail.two.example\t1\t"), "{first}");
    // What is kept is used: it may say what it likes.
    let kept = sandbox.path("spool/stats");
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replace("mail.two.example", "kept.example")).unwrap();
    assert!(by_domain(&sandbox).contains("\nkept.example\t1\t"));
    // What has changed is read anew, what is broken altogether.
    sandbox.queue_says(&["hold", &ids[2]], "");
    assert!(by_domain(&sandbox).contains("\nmail.two.example\t1\t"));
    std::fs::write(&kept, "nonsense\n").unwrap();
    assert_eq!(by_domain(&sandbox).lines().count(), 5);
    sandbox.queue_says(&["remove", &ids[0]], "");
    assert!(!by_domain(&sandbox).contains("one.example"));
    let states = sandbox.queue_says(&["stats", "--by", "state"], "");
    let counts: Vec<_> = states
        .lines()
        .map(|l| l.split('\t').take(2).collect::<Vec<_>>())
        .collect();
    assert_eq!(
        counts,
        [
            ["TOTAL", "3"],
            ["new", "2"],
            ["deferred", "0"],
            ["held", "1"],
            ["failed", "0"]
        ]
    );
}

#[test]
fn a_list_has_the_order_and_columns_asked_for() {
    let (sandbox, ids) = four();
    let sorted = ids_of(&sandbox, &["--sort", "size", "--reverse"]);
    assert_eq!(sorted[0], ids[3]);
    let reversed = ids_of(&sandbox, &["--reverse"]);
    assert_eq!(reversed[0], ids[3]);
    let text = sandbox.queue_says(&["list", "--columns", "recipients,id"], "");
    assert_eq!(
        text.lines().next().unwrap(),
        format!("x@one.example\t{}", ids[0])
    );
    let json = sandbox.queue_says(&["list", "--json", "--columns", "id,state"], "");
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        serde_json::json!({"v": 1, "id": ids[0], "state": "new"})
    );
    assert_refused(
        &sandbox.queue(&["list", "--columns", "colour"], ""),
        64,
        "there are id",
    );
}

#[test]
fn a_filter_alone_says_which_and_a_dry_run_does_nothing() {
    let (sandbox, ids) = four();
    let would = sandbox.queue_says(&["hold", "--domain", "two.example", "--dry-run"], "");
    assert_eq!(would, format!("{}\twould be held\n", ids[1]));
    assert_eq!(ids_of(&sandbox, &["--state", "held"]), [""; 0]);
    let did = sandbox.queue_says(&["hold", "--domain", "two.example"], "");
    assert_eq!(did, format!("{}\theld\n", ids[1]));
    // Ids and a filter: those that are both.
    let both = sandbox.queue_says(
        &["remove", "--dry-run", "--size", "10K", "-"],
        ids.join("\n"),
    );
    assert_eq!(both, format!("{}\twould be removed\n", ids[3]));
    assert_refused(&sandbox.queue(&["remove"], ""), 64, "say which messages");
    assert_eq!(ids_of(&sandbox, &[]).len(), 4);
}

#[test]
fn a_removal_can_be_taken_back_for_a_day() {
    let (sandbox, ids) = four();
    sandbox.queue_says(&["hold", &ids[1]], "");
    let removed = sandbox.queue_says(&["remove", &ids[0], &ids[1]], "");
    assert_eq!(
        removed.matches("removed, can be restored").count(),
        2,
        "{removed}"
    );
    assert_eq!(ids_of(&sandbox, &[]), ids[2..]);
    assert_eq!(ids_of(&sandbox, &["--state", "removed"]), ids[..2]);
    assert_refused(&sandbox.queue(&["cat", &ids[0]], ""), 66, "no message");
    let back = sandbox.queue_says(&["restore", &ids[0][..15], &ids[1]], "");
    assert_eq!(
        back,
        format!("{}\trestored, new\n{}\trestored, held\n", ids[0], ids[1])
    );
    assert_eq!(ids_of(&sandbox, &[]), ids);
    assert!(
        sandbox
            .queue_says(&["cat", &ids[0]], "")
            .ends_with("\r\n\r\nhello\r\n")
    );
    let told = sandbox.queue_says(&["explain", &ids[1]], "");
    assert!(told.contains("restored by the operator"), "{told}");
    // For good.
    sandbox.queue_says(&["remove", "--now", &ids[0]], "");
    assert_refused(&sandbox.queue(&["restore", &ids[0]], ""), 66, "no message");
}

#[test]
fn what_was_removed_goes_for_good_when_its_day_is_over() {
    let (sandbox, ids) = four();
    sandbox.queue_says(&["remove", &ids[0]], "");
    let dir = sandbox.path("spool/.Removed/cur");
    let name = std::fs::read_dir(&dir)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let name = name.into_string().unwrap();
    let (stem, _) = name.split_once(",T=").unwrap();
    std::fs::rename(dir.join(&name), dir.join(format!("{stem},T=1000000000"))).unwrap();
    sandbox.queue_says(&["remove", &ids[1]], "");
    let left: Vec<_> = std::fs::read_dir(&dir).unwrap().collect();
    assert_eq!(left.len(), 1);
    assert!(!sandbox.path(&format!("spool/state/{}", ids[0])).exists());
    assert!(sandbox.path(&format!("spool/state/{}", ids[1])).exists());
}

#[test]
fn bounce_and_expire_tell_the_sender() {
    // BN-22, F50: nothing goes without a word.
    let (sandbox, ids) = four();
    let done = sandbox.queue_says(
        &[
            "bounce",
            "--text",
            "we do not want this",
            "--status",
            "5.7.1",
            &ids[0],
        ],
        "",
    );
    assert_eq!(done, format!("{}\treturned to ann@d.example\n", ids[0]));
    let done = sandbox.queue_says(&["expire", "--sender", "bea"], "");
    assert_eq!(done, format!("{}\treturned to bea@d.example\n", ids[1]));
    let queued = sandbox.queued();
    let of = |to: &str| {
        let bounce = queued.iter().find(|q| q.recipients() == [to]);
        bounce.unwrap_or_else(|| panic!("no bounce to {to}")).text()
    };
    let bounce = of("ann@d.example");
    assert!(
        bounce.contains("we do not want this") && bounce.contains("Status: 5.7.1"),
        "{bounce}"
    );
    let expired = of("bea@d.example");
    assert!(expired.contains("Status: 5.4.7"), "{expired}");
    assert_eq!(queued.len(), 4, "two left and two bounces");
    assert_refused(
        &sandbox.queue(&["bounce", "--status", "4.0.0", &ids[2]], ""),
        64,
        "5.7.1",
    );
    // Mail without a sender: nobody is told, nothing is lost.
    let bounces: Vec<String> = ids_of(&sandbox, &["--recipient", "ann@d.example"]);
    let done = sandbox.queue_says(&["expire", &bounces[0]], "");
    assert!(done.contains("returned to the postmaster"), "{done}");
}

#[test]
fn a_message_goes_another_way_when_told_so() {
    // F45: after a mistake in the configuration.
    let sandbox = Sandbox::new();
    sandbox.configure("[[route]]\nmatch = \"*\"\nto = \"error:4.3.5 wrong relay\"");
    for to in ["x@one.example", "y@two.example"] {
        assert_silent(
            &sandbox.sendmail(&["-odq", "-f", "a@d.example", to], MESSAGE),
            0,
        );
    }
    let ids = ids_of(&sandbox, &[]);
    let done = sandbox.queue_says(&["reroute", "--to", "discard:", &ids[0]], "");
    assert_eq!(done, format!("{}\trerouted to discard:\n", ids[0]));
    sandbox.queue_says(&["run", "--all"], "");
    assert_eq!(ids_of(&sandbox, &[]), ids[1..]);
    sandbox.queue_says(&["reroute", "--to", "discard:", &ids[1]], "");
    sandbox.queue_says(&["reroute", "--undo", &ids[1]], "");
    sandbox.queue_says(&["run", "--all"], "");
    assert_eq!(ids_of(&sandbox, &[]), ids[1..]);
    assert_refused(
        &sandbox.queue(&["reroute", "--to", "nonsense", &ids[1]], ""),
        64,
        "nonsense",
    );
    let local = sandbox.queue(&["reroute", "--to", "mbox:/tmp/{user}", &ids[1]], "");
    assert_refused(&local, 64, "not a local mailbox");
}

#[test]
fn figures_for_monitoring() {
    // F44: length and age, from names alone.
    let (sandbox, ids) = four();
    sandbox.queue_says(&["hold", &ids[0]], "");
    sandbox.queue_says(&["remove", "--now", &ids[1]], "");
    let text = sandbox.queue_says(&["metrics"], "");
    for line in [
        "# TYPE smtputils_queue_messages gauge",
        "smtputils_queue_messages{state=\"new\"} 2",
        "smtputils_queue_messages{state=\"held\"} 1",
        "smtputils_queue_messages{state=\"failed\"} 0",
        "smtputils_today_recipients_total{result=\"removed\"} 1",
        "smtputils_today_delivery_seconds_count 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
}

/// DESIGN section 5: what root does to another's spool is that user's.
#[test]
fn root_works_as_the_spools_owner() {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.configure("service_user = \"nobody\"");
    // The owner has to reach its spool.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(sandbox.path(""), open).unwrap();
    sandbox.queue_says(&["setup"], "");
    let batch = "MAIL FROM:<>\r\nRCPT TO:<a@d.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    sandbox.queue_says(&["import", "--queue-only"], batch);
    let id = &ids_of(&sandbox, &[])[0];
    for act in ["hold", "release", "remove", "restore", "hold"] {
        sandbox.queue_says(&[act, id], "");
    }
    sandbox.queue_says(&["stats"], "");
    assert_eq!(sandbox.queue_says(&["check", "--deep"], ""), "");
    let nobody = std::fs::metadata(sandbox.path("spool")).unwrap().uid();
    assert_ne!(nobody, 0);
    for path in ["state", "stats", ".Hold/new"] {
        let path = sandbox.path("spool").join(path);
        let owned =
            |p: &std::path::Path| assert_eq!(std::fs::metadata(p).unwrap().uid(), nobody, "{p:?}");
        owned(&path);
        if path.is_dir() {
            std::fs::read_dir(&path)
                .unwrap()
                .for_each(|e| owned(&e.unwrap().path()));
        }
    }
    sandbox.queue_says(&["expire", id], "");
}
