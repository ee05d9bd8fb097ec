use super::*;

fn shell(script: &str, time: Duration) -> Program {
    Program {
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        env: vec![("SENDER", "$(id) `id`".to_owned())],
        directory: "/nowhere".into(),
        time,
        memory: None,
    }
}

const LONG: Duration = Duration::from_secs(30);

fn run(program: &Program, input: &[u8]) -> (Ran, Vec<u8>) {
    let mut output = Vec::new();
    let mut input = input;
    let ran = program.run(&mut input, &mut output).unwrap();
    (ran, output)
}

#[test]
fn what_it_reads_and_writes_passes_whole() {
    let input = vec![b'x'; 1 << 20];
    let (ran, output) = run(&shell("cat; echo done >&2", LONG), &input);
    assert_eq!(ran.end, End::Status(0));
    assert_eq!(ran.words, "done\n");
    assert!(output == input);
}

#[test]
fn i4_values_of_the_environment_are_never_run() {
    let (_, output) = run(&shell("printf %s \"$SENDER\"; pwd", LONG), b"");
    assert_eq!(String::from_utf8(output).unwrap(), "$(id) `id`/\n");
}

#[test]
fn one_that_does_not_read_ends_well() {
    let (ran, _) = run(&shell("exec <&-; exit 67", LONG), &vec![b'x'; 1 << 20]);
    assert_eq!(ran.end, End::Status(67));
    let (ran, _) = run(&shell("exit 0", LONG), &vec![b'x'; 1 << 20]);
    assert_eq!(ran.end, End::Status(0));
}

#[test]
fn one_that_never_ends_is_ended_with_its_children() {
    for script in [
        "sleep 600 & wait",
        "while :; do :; done",
        "trap '' TERM; sleep 600",
    ] {
        let began = Instant::now();
        let (ran, _) = run(&shell(script, Duration::from_millis(100)), b"");
        assert_eq!(ran.end, End::TooSlow, "{script}");
        assert!(began.elapsed() < LONG, "{script}");
    }
}

#[test]
fn one_that_writes_without_end_is_bounded() {
    struct Little(usize);
    impl Write for Little {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0 += buf.len();
            match self.0 > 1 << 20 {
                true => Err(io::ErrorKind::FileTooLarge.into()),
                false => Ok(buf.len()),
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let program = shell("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyy; done", LONG);
    let error = program.run(&mut io::empty(), &mut Little(0)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    let (ran, _) = run(&shell("yes >&2", Duration::from_millis(100)), b"");
    assert_eq!((ran.end, ran.words.len()), (End::TooSlow, KEPT));
}

#[test]
fn one_that_leaves_a_process_behind_is_not_waited_for() {
    let began = Instant::now();
    let (ran, output) = run(&shell("sleep 600 & echo $!", LONG), b"");
    assert_eq!(ran.end, End::Status(0));
    assert!(began.elapsed() < LONG);
    let pid: i32 = String::from_utf8(output).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn memory_is_bounded() {
    let mut program = shell(
        "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}",
        LONG,
    );
    program.memory = Some(64 << 20);
    let (ran, output) = run(&program, b"");
    assert!(ran.end.status().is_some(), "{output:?}");
}

#[test]
fn one_that_cannot_be_started_is_told() {
    let mut program = shell("", LONG);
    program.argv = vec!["/nowhere/program".to_owned()];
    let error = program.run(&mut io::empty(), &mut io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    program.argv.clear();
    assert!(program.run(&mut io::empty(), &mut io::sink()).is_err());
}
