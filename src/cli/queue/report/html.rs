//! The report as one page that needs nothing else: no script, no picture from
//! elsewhere. Charts are SVG in the page; their figures stand in tables too, for
//! mail programs that leave SVG out. Colours follow the reader's light or dark
//! setting: text and lines take the colour of the text around them.

use super::super::super::human;
use super::collect::{Destination, Reason, Report, Share, Stuck, Volume};
use crate::cli::output::escape;

/// Both stand out on white and on black.
const GOOD: &str = "#3d9970";
const BAD: &str = "#e0564a";
const OTHER: [&str; 5] = ["#3d9970", "#4a7fd6", "#b07cc6", "#d99a2b", "#8a8a8a"];

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.45 system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif;max-width:760px;margin:0 auto;padding:20px;background:#fff;color:#1c1e21}\
h1{font-size:22px;margin:0}h2{font-size:16px;margin:28px 0 8px}\
p{margin:4px 0}.dim{opacity:.65}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid rgba(128,128,128,.3);vertical-align:top;overflow-wrap:anywhere}\
th{font-weight:600;font-size:13px;opacity:.75;white-space:nowrap}\
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
.sums{margin:16px 0 0}.sums td{border:0;padding:0 18px 0 0}.sums b{display:block;font-size:24px;font-weight:600}\
svg{display:block;width:100%;height:auto;margin:8px 0}\
@media (prefers-color-scheme:dark){body{background:#16181b;color:#e4e6e9}}";

/// Whole page.
pub fn page(report: &Report) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Mail report of {host}</title>\n<style>{STYLE}</style></head><body>\n\
         <h1>Mail report</h1>\n<p class=\"dim\">{host}, {since} to {until}</p>\n",
        host = text(&report.host),
        since = text(&report.since),
        until = text(&report.until),
    );
    page.push_str(&sums(report));
    section(&mut page, "Volume", &volume(&report.volume));
    section(
        &mut page,
        "Delay by destination",
        &destinations(&report.destinations),
    );
    section(&mut page, "Reasons of failure", &reasons(&report.reasons));
    section(
        &mut page,
        "TLS of deliveries to other hosts",
        &shares(&report.tls, "Protocol"),
    );
    section(
        &mut page,
        "Attempts that a delivery took",
        &shares(&report.attempts, "Attempts"),
    );
    section(
        &mut page,
        "Stuck: the oldest in the queue",
        &stuck(&report.stuck),
    );
    page.push_str("</body></html>\n");
    page
}

/// Text between tags or in an attribute: nothing in it is markup, and nothing
/// moves what stands around it.
fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in escape(raw).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn section(page: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        page.push_str(&format!("<h2>{title}</h2>\n{body}\n"));
    }
}

fn sums(report: &Report) -> String {
    let queue: u64 = report.queue.iter().map(|share| share.count).sum();
    let sum = |value: String, name: &str| format!("<td><b>{value}</b>{name}</td>");
    let states: Vec<String> = report
        .queue
        .iter()
        .filter(|share| share.count > 0)
        .map(|share| format!("{} {}", share.count, text(&share.name)))
        .collect();
    let mut sums = format!(
        "<table class=\"sums\"><tr>{}{}{}{}</tr></table>\n<p class=\"dim\">{} messages, {}",
        sum(report.delivered.to_string(), "delivered"),
        sum(report.failed.to_string(), "failed"),
        sum(report.removed.to_string(), "removed"),
        sum(queue.to_string(), "in the queue now"),
        report.messages,
        human::size(report.octets),
    );
    if !states.is_empty() {
        sums.push_str(&format!("; queue: {}", states.join(", ")));
    }
    sums.push_str("</p>\n");
    sums
}

fn rect(x: f64, y: f64, width: f64, height: f64, fill: &str) -> String {
    format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
    )
}

fn label(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        text(words)
    )
}

/// The frame of a chart; its words take the page's colour.
fn svg(width: f64, height: f64, title: &str, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\" \
         xmlns=\"http://www.w3.org/2000/svg\" fill=\"currentColor\" font-size=\"11\" \
         font-family=\"sans-serif\">{body}</svg>",
        text(title)
    )
}

const WIDTH: f64 = 720.0;

/// Bars over time, delivered below and failed above.
fn volume(bars: &[Volume]) -> String {
    const HEIGHT: f64 = 150.0;
    const FOOT: f64 = 18.0;
    let most = bars
        .iter()
        .map(|b| b.delivered + b.failed)
        .max()
        .unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    let step = WIDTH / bars.len() as f64;
    let scale = (HEIGHT - FOOT - 14.0) / most as f64;
    let base = HEIGHT - FOOT;
    let mut body = String::new();
    for (n, bar) in bars.iter().enumerate() {
        let x = n as f64 * step;
        let width = (step - 1.5).max(step * 0.6);
        let (good, bad) = (bar.delivered as f64 * scale, bar.failed as f64 * scale);
        body.push_str(&format!(
            "<g><title>{}: {} delivered, {} failed</title>",
            text(&bar.from),
            bar.delivered,
            bar.failed
        ));
        if good > 0.0 {
            body.push_str(&rect(x, base - good, width, good, GOOD));
        }
        if bad > 0.0 {
            body.push_str(&rect(x, base - good - bad, width, bad, BAD));
        }
        body.push_str("</g>");
    }
    body.push_str(&rect(0.0, base, WIDTH, 0.8, "currentColor"));
    body.push_str(&label(
        0.0,
        10.0,
        "start",
        &format!("most: {most} recipients"),
    ));
    if let (Some(first), Some(last)) = (bars.first(), bars.last()) {
        body.push_str(&label(0.0, HEIGHT - 4.0, "start", &first.from));
        body.push_str(&label(WIDTH, HEIGHT - 4.0, "end", &last.from));
    }
    let key = format!(
        "{}{}{}{}",
        rect(WIDTH - 150.0, 2.0, 9.0, 9.0, GOOD),
        label(WIDTH - 137.0, 10.0, "start", "delivered"),
        rect(WIDTH - 66.0, 2.0, 9.0, 9.0, BAD),
        label(WIDTH - 53.0, 10.0, "start", "failed"),
    );
    body.push_str(&key);
    svg(WIDTH, HEIGHT, "Recipients over time", &body)
}

/// For each destination a bar to the median and a line on to nine of ten and 99
/// of 100, on a logarithmic scale.
fn destinations(rows: &[Destination]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let shown: Vec<&Destination> = rows.iter().filter(|d| d.delivered > 0).take(10).collect();
    let mut out = String::new();
    if !shown.is_empty() {
        out.push_str(&delays(&shown));
    }
    out.push_str(
        "<table><tr><th>Destination</th><th class=\"n\">Delivered</th><th class=\"n\">Failed</th>\
         <th class=\"n\">50 %</th><th class=\"n\">90 %</th><th class=\"n\">99 %</th></tr>\n",
    );
    for d in rows {
        let delay = |seconds| match d.delivered {
            0 => "-".to_owned(),
            _ => human::duration(seconds),
        };
        out.push_str(&format!(
            "<tr><td>{}</td>{}{}{}{}{}</tr>\n",
            text(&d.domain),
            number(&d.delivered.to_string()),
            number(&d.failed.to_string()),
            number(&delay(d.p50)),
            number(&delay(d.p90)),
            number(&delay(d.p99)),
        ));
    }
    out.push_str("</table>");
    out
}

fn delays(rows: &[&Destination]) -> String {
    const ROW: f64 = 20.0;
    const LEFT: f64 = 190.0;
    const SPACE: f64 = WIDTH - LEFT - 60.0;
    let most = rows.iter().map(|d| d.p99).max().unwrap_or(0);
    let full = (most as f64 + 1.0).ln().max(1.0);
    let x = |seconds: u64| LEFT + (seconds as f64 + 1.0).ln() / full * SPACE;
    let mut body = String::new();
    for (n, d) in rows.iter().enumerate() {
        let y = n as f64 * ROW;
        let short: String = match d.domain.chars().count() {
            0..=30 => d.domain.clone(),
            _ => d.domain.chars().take(29).chain(['\u{2026}']).collect(),
        };
        body.push_str(&label(LEFT - 8.0, y + 14.0, "end", &short));
        body.push_str(&rect(
            LEFT,
            y + 5.0,
            (x(d.p50) - LEFT).max(2.0),
            11.0,
            OTHER[1],
        ));
        body.push_str(&rect(
            x(d.p50),
            y + 9.5,
            (x(d.p90) - x(d.p50)).max(0.0),
            3.0,
            OTHER[1],
        ));
        body.push_str(&rect(
            x(d.p90),
            y + 10.5,
            (x(d.p99) - x(d.p90)).max(0.0),
            1.0,
            "currentColor",
        ));
        body.push_str(&label(
            x(d.p99) + 6.0,
            y + 14.0,
            "start",
            &human::duration(d.p99),
        ));
    }
    let title = "Delay by destination: bar to the median, line to 90 and 99 of 100";
    let chart = svg(WIDTH, rows.len() as f64 * ROW + 4.0, title, &body);
    format!(
        "{chart}<p class=\"dim\">Bar: half of the deliveries; line: 90 and 99 of 100; logarithmic.</p>"
    )
}

fn number(value: &str) -> String {
    format!("<td class=\"n\">{}</td>", text(value))
}

/// One bar cut into shares, and their table.
fn shares(rows: &[Share], name: &str) -> String {
    const HEIGHT: f64 = 16.0;
    let total: u64 = rows.iter().map(|share| share.count).sum();
    if total == 0 {
        return String::new();
    }
    let part = |count: u64| count as f64 / total as f64;
    let colour = |n: usize| OTHER[n.min(OTHER.len() - 1)];
    let mut x = 0.0;
    let mut body = String::new();
    let mut table = format!(
        "<table><tr><th></th><th>{name}</th><th class=\"n\">Recipients</th><th class=\"n\">Share</th></tr>\n"
    );
    for (n, share) in rows.iter().enumerate() {
        let width = part(share.count) * WIDTH;
        body.push_str(&rect(x, 0.0, (width - 1.0).max(0.5), HEIGHT, colour(n)));
        x += width;
        table.push_str(&format!(
            "<tr><td style=\"width:14px\"><span style=\"color:{}\">&#9632;</span></td><td>{}</td>{}{}</tr>\n",
            colour(n),
            text(&share.name),
            number(&share.count.to_string()),
            number(&format!("{:.1} %", part(share.count) * 100.0)),
        ));
    }
    table.push_str("</table>");
    svg(WIDTH, HEIGHT, name, &body) + &table
}

fn reasons(rows: &[Reason]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let most = rows.iter().map(|r| r.count).max().unwrap_or(1).max(1);
    let mut table =
        "<table><tr><th class=\"n\">Recipients</th><th></th><th>Reason</th><th>Last by</th></tr>\n"
            .to_owned();
    for r in rows {
        let width = r.count as f64 / most as f64 * 80.0;
        let bar = rect(0.0, 0.0, width.max(2.0), 9.0, BAD);
        table.push_str(&format!(
            "<tr>{}<td style=\"width:84px\"><svg viewBox=\"0 0 80 9\" style=\"width:80px;margin:6px 0\" \
             xmlns=\"http://www.w3.org/2000/svg\" aria-hidden=\"true\">{bar}</svg></td><td>{}</td><td>{}</td></tr>\n",
            number(&r.count.to_string()),
            text(&r.reason),
            text(&r.host),
        ));
    }
    table + "</table>"
}

fn stuck(rows: &[Stuck]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table =
        "<table><tr><th>Message</th><th class=\"n\">Age</th><th>From, to</th><th>Why</th></tr>\n"
            .to_owned();
    for s in rows {
        table.push_str(&format!(
            "<tr><td>{}</td>{}<td>{}<br>{}</td><td>{}</td></tr>\n",
            text(&s.id),
            number(&human::duration(s.age)),
            text(&s.sender),
            text(&s.recipients.join(", ")),
            text(&s.reason),
        ));
    }
    table + "</table>"
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "</td><script>alert(1)</script>\"'&\u{202e}\x1b[2J";

    fn evil() -> Report {
        let share = |count| Share {
            name: EVIL.to_owned(),
            count,
        };
        Report {
            host: EVIL.to_owned(),
            since: "2026-11-21T00:00:00Z".to_owned(),
            until: "2026-11-22T00:00:00Z".to_owned(),
            messages: 1,
            recipients: 2,
            octets: 3,
            delivered: 1,
            failed: 1,
            removed: 0,
            volume: vec![Volume {
                from: EVIL.to_owned(),
                delivered: 1,
                failed: 1,
            }],
            destinations: vec![Destination {
                domain: EVIL.to_owned(),
                delivered: 1,
                failed: 1,
                p50: 0,
                p90: 1,
                p99: u64::MAX,
            }],
            reasons: vec![Reason {
                reason: EVIL.to_owned(),
                count: 1,
                host: EVIL.to_owned(),
            }],
            tls: vec![share(1)],
            attempts: vec![share(1)],
            queue: vec![share(1)],
            stuck: vec![Stuck {
                id: "0A".to_owned(),
                age: 5,
                sender: EVIL.to_owned(),
                recipients: vec![EVIL.to_owned()],
                reason: EVIL.to_owned(),
            }],
        }
    }

    /// I8: whoever wrote a reply or a name writes no markup.
    #[test]
    fn what_strangers_wrote_is_text() {
        let page = page(&evil());
        assert!(
            !page.contains("<script") && !page.contains("</td><s"),
            "{page}"
        );
        assert!(!page.contains(['\u{202e}', '\x1b']));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
    }

    /// Every tag that opens also closes: strict mail programs show it whole.
    #[test]
    fn the_page_is_whole() {
        let page = page(&evil());
        for tag in [
            "table", "tr", "td", "th", "svg", "text", "g", "title", "h2", "p",
        ] {
            let opened = page.matches(&format!("<{tag} ")).count()
                + page.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert_eq!(page.matches("<rect ").count(), page.matches("\"/>").count());
        // Nothing is fetched from elsewhere.
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("url("));
    }

    #[test]
    fn nothing_happened_is_a_page_too() {
        let empty = Report {
            volume: Vec::new(),
            destinations: Vec::new(),
            reasons: Vec::new(),
            tls: Vec::new(),
            attempts: Vec::new(),
            queue: Vec::new(),
            stuck: Vec::new(),
            ..evil()
        };
        assert!(!page(&empty).contains("<h2>"));
    }
}
