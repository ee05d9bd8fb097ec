//! Figures for monitoring, in the text form of Prometheus: what is queued, from
//! names; what was tried, counted by this process; and a listener for them.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::timeout;

use crate::log;
use crate::spool::{Attempt, Outcome, Place, Spool, SpoolError};

/// What one asking takes, at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of a request, at most.
const MAX_REQUEST: usize = 8192;

/// Upper limits of an attempt's time, in seconds.
const ATTEMPT_LIMITS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Upper limits of the time from coming to delivery, in seconds.
pub const DELIVERY_LIMITS: [f64; 10] = [
    0.1, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0,
];

/// A histogram of seconds; sums in milliseconds.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; 11],
    sum_ms: AtomicU64,
}

impl Histogram {
    const fn new() -> Histogram {
        Histogram {
            counts: [const { AtomicU64::new(0) }; 11],
            sum_ms: AtomicU64::new(0),
        }
    }

    pub fn add(&self, limits: &[f64; 10], ms: u64) {
        let seconds = ms as f64 / 1000.0;
        let place = limits.iter().position(|limit| seconds <= *limit);
        if let Some(count) = self.counts.get(place.unwrap_or(limits.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// With its name and help.
    pub fn print(&self, name: &str, help: &str, limits: &[f64; 10], out: &mut String) {
        head(name, help, "histogram", out);
        let mut total = 0;
        let limits = limits.iter().map(f64::to_string);
        let limits = limits.chain(["+Inf".to_owned()]);
        for (limit, count) in limits.zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            line(out, &format!("{name}_bucket{{le=\"{limit}\"}}"), total);
        }
        let sum = self.sum_ms.load(Ordering::Relaxed) as f64 / 1000.0;
        let _ = writeln!(out, "{name}_sum {sum}");
        line(out, &format!("{name}_count"), total);
    }
}

/// What this process did since it began.
struct Counters {
    /// By [`Outcome`].
    results: [AtomicU64; 4],
    /// By class of the enhanced status: 2, 4, 5.
    classes: [AtomicU64; 3],
    attempts: Histogram,
    deliveries: Histogram,
}

static COUNTERS: Counters = Counters {
    results: [const { AtomicU64::new(0) }; 4],
    classes: [const { AtomicU64::new(0) }; 3],
    attempts: Histogram::new(),
    deliveries: Histogram::new(),
};

const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Delivered, "delivered"),
    (Outcome::Deferred, "deferred"),
    (Outcome::Failed, "failed"),
    (Outcome::Unknown, "unknown"),
];
const CLASSES: [&str; 3] = ["2", "4", "5"];

/// Counts an attempt for one recipient of a message that came then.
pub fn count(attempt: &Attempt, arrived: Timestamp) {
    for ((outcome, _), counter) in OUTCOMES.iter().zip(&COUNTERS.results) {
        counter.fetch_add(u64::from(*outcome == attempt.result), Ordering::Relaxed);
    }
    for (class, counter) in CLASSES.iter().zip(&COUNTERS.classes) {
        counter.fetch_add(
            u64::from(attempt.status.starts_with(class)),
            Ordering::Relaxed,
        );
    }
    COUNTERS.attempts.add(&ATTEMPT_LIMITS, attempt.ms);
    if attempt.result == Outcome::Delivered {
        let waited = attempt.time.duration_since(arrived).as_millis();
        let waited = u64::try_from(waited).unwrap_or(0);
        COUNTERS.deliveries.add(&DELIVERY_LIMITS, waited);
    }
}

fn counted(out: &mut String) {
    let name = "smtputils_attempts_total";
    head(
        name,
        "Attempts for a recipient, by what they came to.",
        "counter",
        out,
    );
    for ((_, word), counter) in OUTCOMES.iter().zip(&COUNTERS.results) {
        line(
            out,
            &format!("{name}{{result=\"{word}\"}}"),
            counter.load(Ordering::Relaxed),
        );
    }
    let name = "smtputils_results_total";
    head(
        name,
        "Attempts, by the class of their status.",
        "counter",
        out,
    );
    for (class, counter) in CLASSES.iter().zip(&COUNTERS.classes) {
        line(
            out,
            &format!("{name}{{class=\"{class}\"}}"),
            counter.load(Ordering::Relaxed),
        );
    }
    COUNTERS.attempts.print(
        "smtputils_attempt_seconds",
        "How long attempts took.",
        &ATTEMPT_LIMITS,
        out,
    );
    COUNTERS.deliveries.print(
        "smtputils_delivery_seconds",
        "Time from coming to delivery, for each recipient.",
        &DELIVERY_LIMITS,
        out,
    );
}

/// A metric's two lines of description.
pub fn head(name: &str, help: &str, kind: &str, out: &mut String) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A value with its name.
pub fn line(out: &mut String, name: &str, value: u64) {
    let _ = writeln!(out, "{name} {value}");
}

/// What is queued, by state, from names alone: how much, and since when. What
/// does not tell its time in its name has no part in the ages.
pub fn queue(spool: &Spool, now: Timestamp) -> Result<String, SpoolError> {
    const STATES: [(Place, &str); 4] = [
        (Place::New, "new"),
        (Place::Deferred, "deferred"),
        (Place::Held, "held"),
        (Place::Failed, "failed"),
    ];
    let mut counts = [(0u64, 0u64, 0u64); STATES.len()];
    spool.each_entry(|entry| {
        let state = STATES.iter().position(|(place, _)| *place == entry.place);
        if let Some((messages, octets, oldest)) = state.and_then(|n| counts.get_mut(n)) {
            *messages += 1;
            *octets = octets.saturating_add(entry.size);
            let then = entry.id.time().unwrap_or(now);
            let age = now.as_second().saturating_sub(then.as_second());
            *oldest = (*oldest).max(u64::try_from(age).unwrap_or(0));
        }
        true
    })?;
    let mut out = String::new();
    let metrics = [
        ("smtputils_queue_messages", "Messages in the spool."),
        ("smtputils_queue_octets", "Octets of their files."),
        (
            "smtputils_queue_oldest_seconds",
            "Age of the oldest of them.",
        ),
    ];
    for (n, (name, help)) in metrics.into_iter().enumerate() {
        head(name, help, "gauge", &mut out);
        for ((_, state), (messages, octets, oldest)) in STATES.iter().zip(counts) {
            let value = [messages, octets, oldest][n];
            line(&mut out, &format!("{name}{{state=\"{state}\"}}"), value);
        }
    }
    Ok(out)
}

/// Where figures are given.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Where {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// `127.0.0.1:9725`, `[::1]:9725`, `unix:/path`. Anybody who can connect may
/// read, so no other host can.
fn place(text: &str) -> Result<Where, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Where::Unix(PathBuf::from(path)));
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Where::Tcp(address)),
        _ => Err(format!(
            "{text}: expected a loopback address with a port, or unix:/path"
        )),
    }
}

/// Gives figures at each of these places for as long as the runtime lives. What
/// cannot be had is logged; mail goes on.
pub fn listen(places: &[String], spool: &Path) {
    for text in places {
        let spool = spool.to_owned();
        let told = text.clone();
        let failed =
            move |e: std::io::Error| log::config_error(&format!("queue.metrics: {told}: {e}"));
        match place(text) {
            Err(why) => log::config_error(&format!("queue.metrics: {why}")),
            Ok(Where::Tcp(address)) => drop(tokio::spawn(async move {
                match TcpListener::bind(address).await {
                    Err(e) => failed(e),
                    Ok(listener) => loop {
                        match listener.accept().await {
                            Ok((stream, _)) => give(stream, &spool).await,
                            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                        }
                    },
                }
            })),
            Ok(Where::Unix(path)) => drop(tokio::spawn(async move {
                match bind_unix(&path) {
                    Err(e) => failed(e),
                    Ok(listener) => loop {
                        match listener.accept().await {
                            Ok((stream, _)) => give(stream, &spool).await,
                            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                        }
                    },
                }
            })),
        }
    }
}

/// A socket that a runner before this one left behind goes; one that is in use
/// stays.
fn bind_unix(path: &Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

/// One request, one answer; askers come one after another.
async fn give<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, spool: &Path) {
    let dialogue = async {
        let mut request = Vec::new();
        let mut piece = [0; 1024];
        // What is asked for does not matter: there is one thing to be had.
        while !request.windows(4).any(|w| w == b"\r\n\r\n") && request.len() < MAX_REQUEST {
            let n = stream.read(&mut piece).await?;
            if n == 0 {
                break;
            }
            request.extend_from_slice(&piece[..n]);
        }
        let path = spool.to_owned();
        let text = tokio::task::spawn_blocking(move || figures(&path)).await;
        let answer = match text {
            Ok(Ok(text)) => format!(
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            ),
            _ => "HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = timeout(PATIENCE, dialogue).await;
}

fn figures(path: &Path) -> Result<String, SpoolError> {
    let mut out = queue(&Spool::open(path)?, Timestamp::now())?;
    counted(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_add_up() {
        let histogram = Histogram::default();
        for ms in [5, 60, 60, 999_999] {
            histogram.add(&ATTEMPT_LIMITS, ms);
        }
        let mut out = String::new();
        histogram.print("x", "Help.", &ATTEMPT_LIMITS, &mut out);
        for line in [
            "# TYPE x histogram",
            "x_bucket{le=\"0.01\"} 1",
            "x_bucket{le=\"0.1\"} 3",
            "x_bucket{le=\"300\"} 3",
            "x_bucket{le=\"+Inf\"} 4",
            "x_sum 1000.124",
            "x_count 4",
        ] {
            assert!(out.lines().any(|l| l == line), "{line}: {out}");
        }
    }

    #[test]
    fn figures_are_for_this_host_alone() {
        assert!(place("127.0.0.1:9725").is_ok() && place("[::1]:9725").is_ok());
        assert!(place("unix:/run/x").is_ok());
        for other in ["0.0.0.0:9725", "[::]:9725", "192.0.2.1:1", "9725", ""] {
            assert!(place(other).is_err(), "{other}");
        }
    }
}
