use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Example {
    #[arg(long)]
    from: Option<String>,
    #[arg(required = true)]
    recipients: Vec<String>,
}

fn usage(args: &[&str]) -> String {
    match parse::<Example>("smtp-send", args.iter().map(OsString::from).collect()) {
        Err(Stop::Failed(Class::Usage, text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_command_line_is_one_line_and_64() {
    let text = usage(&["--form", "x", "y"]);
    assert!(text.contains("--form"), "{text}");
    assert!(text.contains("'--from'"), "the tip is kept: {text}");
    assert!(!text.contains('\n'), "{text}");
    let text = usage(&[]);
    assert!(text.contains("<RECIPIENTS>"), "{text}");
    assert!(!text.contains("Usage"), "{text}");
}

#[test]
fn help_goes_to_stdout_and_is_no_failure() {
    match parse::<Example>("smtp-send", vec!["--help".into()]) {
        Err(Stop::Shown(text)) => assert!(text.contains("--from")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_worst_item_gives_the_status() {
    let mut worst = Worst::new("smtp-queue");
    worst.take("a", Ok(())).unwrap();
    worst
        .take("b", Err(Stop::new(Class::Temporary, "later")))
        .unwrap();
    worst.take("c", Err(Stop::usage("what"))).unwrap();
    assert_eq!(worst.take("d", Err(Stop::Quiet)), Err(Stop::Quiet));
    assert_eq!(worst.end(), Err(Stop::Status(Class::Temporary)));
    assert_eq!(Worst::new("smtp-queue").end(), Ok(()));
}
