//! What is seen while it works: bars on a terminal, lines into a file where they are asked for, logs.
//! Never on standard output, and never a line per message.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use malote_engine::event::Event;
use malote_engine::progress::{Progress, Snapshot};
use malote_engine::run::Job;
use tokio::task::JoinHandle;
use tracing_subscriber::fmt::MakeWriter;

use super::args::{LogFormatArg, OutputArgs, ProgressArg};
use super::output::tell;
use super::render::{clean, duration, number, size};

/// How often a bar is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// How often a line is written where bars cannot be drawn.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The span over which a rate is smoothed.
const SMOOTHED_OVER: Duration = Duration::from_secs(5);

/// Folders named beside a bar.
const FOLDERS_NAMED_MAX: usize = 2;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Bars,
    Lines,
    Nothing,
}

/// The terminal's lower end, shared by bars and log lines.
#[derive(Clone)]
pub struct Screen {
    bars: MultiProgress,
    shown: Shown,
    is_quiet: bool,
}

impl Screen {
    /// Decides what is shown and starts the log.
    pub fn open(output: &OutputArgs) -> Self {
        let is_terminal = Term::stderr().is_term();
        let shown = match output.progress {
            _ if output.quiet => Shown::Nothing,
            ProgressArg::Never => Shown::Nothing,
            ProgressArg::Auto | ProgressArg::Always if is_terminal => Shown::Bars,
            ProgressArg::Always => Shown::Lines,
            ProgressArg::Auto => Shown::Nothing,
        };
        let target =
            if shown == Shown::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let screen = Self { bars: MultiProgress::with_draw_target(target), shown, is_quiet: output.quiet };
        start_log(output, screen.clone());
        screen
    }

    /// Shows a run until the watch is finished.
    pub fn watch(&self, job: &mut Job, label: &str) -> Watch {
        let folders = Arc::new(Mutex::new(BTreeSet::new()));
        job.events = Arc::new(listener(Arc::clone(&folders), job.run_id.clone()));
        let bar = self.bars.add(ProgressBar::new(0).with_style(style()).with_prefix(clean(label)));
        let shown = self.shown;
        let view =
            View { progress: Arc::clone(&job.progress), folders, bar: bar.clone(), label: clean(label) };
        let task = (shown != Shown::Nothing).then(|| tokio::spawn(view.keep_up(shown)));
        Watch { bars: self.bars.clone(), bar, task }
    }

    /// A bar that counts mailboxes, below those of the runs.
    pub fn overall(&self, mailboxes: u64, what: &str) -> ProgressBar {
        let template = "{prefix} {wide_bar:.green} {pos}/{len}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(mailboxes).with_style(style).with_prefix(what.to_owned());
        let bar = self.bars.add(bar);
        bar.tick();
        bar
    }

    /// A line above the bars, for the end of one mailbox; nothing with `--quiet`.
    pub fn line(&self, text: &str) {
        if !self.is_quiet {
            self.bars.suspend(|| tell(&clean(text)));
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:24.cyan} {pos}/{len} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// One run that is being shown.
pub struct Watch {
    bars: MultiProgress,
    bar: ProgressBar,
    task: Option<JoinHandle<()>>,
}

impl Watch {
    /// Takes the bar away.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.bar.finish_and_clear();
        self.bars.remove(&self.bar);
    }
}

struct View {
    progress: Arc<Progress>,
    folders: Arc<Mutex<BTreeSet<String>>>,
    bar: ProgressBar,
    label: String,
}

impl View {
    async fn keep_up(self, shown: Shown) {
        let every = if shown == Shown::Bars { DRAW_EVERY } else { LINE_EVERY };
        let mut tick = tokio::time::interval(every);
        let (mut rates, mut drawn) = (Rates::default(), Instant::now());
        loop {
            tick.tick().await;
            let now = self.progress.snapshot();
            rates.note(&now, drawn.elapsed());
            drawn = Instant::now();
            let text = self.text(&now, &rates);
            if shown == Shown::Bars {
                self.bar.set_length(now.messages_total);
                self.bar.set_position(now.messages_done);
                self.bar.set_message(text);
            } else {
                let (done, total) = (number(now.messages_done), number(now.messages_total));
                tell(&format!("{}: {done} of {total} messages, {text}", self.label));
            }
        }
    }

    fn text(&self, now: &Snapshot, rates: &Rates) -> String {
        let copied = size(now.bytes_copied);
        let rate = format!("{}/s, {} messages/s", size(rates.octets as u64), number(rates.messages as u64));
        let left = rates.left(now).map(|left| format!(", {} left", duration(left))).unwrap_or_default();
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let named: Vec<String> = folders.iter().take(FOLDERS_NAMED_MAX).map(|folder| clean(folder)).collect();
        let more = folders.len().saturating_sub(FOLDERS_NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let place = format!("folders {}/{}", now.folders_done, now.folders_total);
        format!("{copied} at {rate}{left}; {place}: {}{more}", named.join(", "))
    }
}

/// What passes per second, smoothed.
#[derive(Debug, Default)]
struct Rates {
    octets: f64,
    messages: f64,
    done: f64,
    before: Snapshot,
}

impl Rates {
    fn note(&mut self, now: &Snapshot, span: Duration) {
        let seconds = span.as_secs_f64();
        if seconds < 0.01 {
            return;
        }
        let weight = 1.0 - (-seconds / SMOOTHED_OVER.as_secs_f64()).exp();
        let blend = |rate: &mut f64, more: u64| *rate += (more as f64 / seconds - *rate) * weight;
        blend(&mut self.octets, now.bytes_copied.saturating_sub(self.before.bytes_copied));
        blend(&mut self.messages, now.messages_copied.saturating_sub(self.before.messages_copied));
        blend(&mut self.done, now.messages_done.saturating_sub(self.before.messages_done));
        self.before = *now;
    }

    fn left(&self, now: &Snapshot) -> Option<Duration> {
        let open = now.messages_total.saturating_sub(now.messages_done);
        let is_known = self.done > 0.05 && open > 0;
        is_known.then(|| Duration::try_from_secs_f64(open as f64 / self.done).ok()).flatten()
    }
}

/// Keeps the list of folders at work, and logs what happens to them.
fn listener(folders: Arc<Mutex<BTreeSet<String>>>, run_id: String) -> impl Fn(Event) + Send + Sync {
    move |event| {
        let run = run_id.as_str();
        match event {
            Event::FolderStarted { folder, messages, to_copy } => {
                tracing::info!(
                    run.id = run,
                    messages,
                    to_copy,
                    "run {run}: folder {folder} has {messages} messages, {to_copy} to copy"
                );
                folders.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
            }
            Event::FolderFinished { folder, copied, pending } => {
                tracing::info!(
                    run.id = run,
                    copied,
                    pending,
                    "run {run}: folder {folder} done: {copied} copied, {pending} pending"
                );
                folders.lock().unwrap_or_else(PoisonError::into_inner).remove(&folder);
            }
            Event::Surveyed { side, server, folders } => {
                let side = side.as_str();
                tracing::info!(
                    run.id = run,
                    folders,
                    "run {run}: the {side} is {server} with {folders} folders"
                );
            }
            Event::Mapped { pairs, left_out } => {
                tracing::info!(
                    run.id = run,
                    pairs,
                    left_out,
                    "run {run}: {pairs} folders to work on, {left_out} left out"
                );
            }
            Event::Retrying { side, folder, class, pause_ms } => {
                let side = side.as_str();
                tracing::warn!(
                    run.id = run,
                    class,
                    pause_ms,
                    "run {run}: {class} at the {side}: taking up {folder} again in {pause_ms} ms"
                );
            }
            Event::Resting { side, until_unix_ms } => {
                let (side, until) = (side.as_str(), jiff::Timestamp::from_millisecond(until_unix_ms));
                let until = until.unwrap_or_default();
                tracing::warn!(
                    run.id = run,
                    "run {run}: the {side}'s daily allowance is used up: waiting until {until}"
                );
            }
            Event::Warning(text) => tracing::warn!(run.id = run, "run {run}: {text}"),
            _ => {}
        }
    }
}

/// Log lines go above the bars. Without `--verbose` only what somebody must act on is logged: the report holds
/// the rest.
fn start_log(output: &OutputArgs, screen: Screen) {
    let level = if output.verbose { tracing::Level::INFO } else { tracing::Level::ERROR };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(Term::stderr().is_term() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(AboveBars(screen));
    // A second start, in a test, leaves the first log in place.
    let _ = match output.log_format {
        LogFormatArg::Text => log.try_init(),
        LogFormatArg::Json => log.json().try_init(),
    };
}

struct AboveBars(Screen);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = LogLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LogLine(&self.0)
    }
}

/// Takes whole lines, as the log's formatter writes them.
pub struct LogLine<'a>(&'a Screen);

impl io::Write for LogLine<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.bars.suspend(|| io::stderr().lock().write_all(octets))?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_what_passes_and_tell_what_is_left() {
        let mut rates = Rates::default();
        let mut now = Snapshot { messages_total: 1000, ..Snapshot::default() };
        assert_eq!(rates.left(&now), None);
        for _ in 0..60 {
            now.messages_done += 10;
            now.messages_copied += 10;
            now.bytes_copied += 1000;
            rates.note(&now, Duration::from_secs(1));
        }
        assert_eq!((rates.octets.round() as u64, rates.messages.round() as u64), (1000, 10));
        assert_eq!(rates.left(&now).map(|left| left.as_secs()), Some(40));
        now.messages_done = 1000;
        assert_eq!(rates.left(&now), None);
    }
}
