//! Progress bars: on long work, where standard error is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar, or nothing where nobody would see it.
pub struct Progress(ProgressBar);

impl Progress {
    /// `what`: the work in two or three words; `total`: its steps.
    pub fn new(is_off: bool, what: &'static str, total: u64) -> Progress {
        if is_off || !std::io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let bar = if is_plain {
            "{bar:30}"
        } else {
            "{bar:30.green}"
        };
        let template = format!("{{msg}} {bar} {{human_pos}}/{{human_len}} {{eta}}");
        let style = ProgressStyle::with_template(&template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress(ProgressBar::new(total).with_style(style).with_message(what))
    }

    pub fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    /// What was worked out is what stays on the screen.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
