//! The log: structured events on standard error, as text or as JSON.
//!
//! A thread of its own writes it, so that nothing else ever waits for whoever reads it, or fails with them.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal, Write, stderr},
    panic::{self, PanicHookInfo},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing::{enabled, error, warn};
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use crate::config::log::{Format, Log};

/// How many lines wait for a reader who is slow; further ones are lost.
const WAITING: usize = 8192;

/// How long the end of the process waits for such a reader.
const ENDING: Duration = Duration::from_secs(1);

/// How long lines gather once the thread has been woken: that costs more than to write a line.
const GATHERING: Duration = Duration::from_millis(5);

/// Why the log cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be started: {0}")]
pub struct TelemetryError(String);

/// The log of this process. When it is dropped, at the end, what waits is still written.
#[must_use = "the last lines are lost unless it is kept to the end"]
pub struct Running {
    lines: Lines,
    level: Level,
}

/// Which lines a log has; it may change while the process runs.
#[derive(Clone)]
pub struct Level(Arc<Change>);

/// Changes which lines a log has, or says why not.
type Change = dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync;

impl Level {
    pub(crate) fn of(
        change: impl Fn(EnvFilter) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(change))
    }

    /// Lets those lines through from now on.
    pub(crate) fn change(&self, filter: EnvFilter) -> Result<(), String> {
        (self.0)(filter)
    }
}

/// Starts the log; everything that is traced from here on is written, and so is every panic. A log that cannot be
/// written stops nothing, and a reader who is slow loses lines, of which the log tells how many.
///
/// # Errors
/// [`TelemetryError`] when there is a log already.
pub fn start(settings: &Log) -> Result<Running, TelemetryError> {
    let filter = settings
        .filter()
        .map_err(|error| TelemetryError(error.to_string()))?;
    let lines = Lines::written_to(stderr(), WAITING, |lost| {
        warn!(
            lost,
            "lines of the log were lost, since they were not read in time"
        );
    })
    .map_err(|error| TelemetryError(error.to_string()))?;
    let writer = lines.clone();
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        // They would go to standard error too, and to be unable to write there is no reason to stop.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal());
    let (started, level) = match settings.format {
        Format::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let level =
                Level::of(move |filter| handle.reload(filter).map_err(|error| error.to_string()));
            (builder.finish().try_init(), level)
        }
        Format::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let level =
                Level::of(move |filter| handle.reload(filter).map_err(|error| error.to_string()));
            (builder.finish().try_init(), level)
        }
    };
    started.map_err(|error| TelemetryError(error.to_string()))?;
    // The one that is there by itself writes to standard error, and waits for whoever reads it. It is for whoever has
    // no log.
    let to_standard_error = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if enabled!(tracing::Level::ERROR) {
            tell_panic(panic);
        } else {
            to_standard_error(panic);
        }
    }));
    Ok(Running { lines, level })
}

fn tell_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let said = panic
        .payload_as_str()
        .unwrap_or("something that is no text");
    let backtrace = Backtrace::capture();
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(location, backtrace, "panicked: {said}");
}

impl Running {
    /// Which lines it has.
    pub fn level(&self) -> Level {
        self.level.clone()
    }

    /// Writes a line as it is, whichever lines the log has.
    pub(crate) fn say(&self, line: &str) {
        // It is lost where others wait in vain to be read.
        let _taken = self.lines.clone().write(format!("{line}\n").as_bytes());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whatever comes of it, the process ends.
        let _written = self.lines.flush_within(ENDING);
    }
}

/// Where lines wait to be written.
#[derive(Clone)]
struct Lines {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before it is written: whoever waits for that is told by the drop of the other end.
    Mark(SyncSender<()>),
}

impl Lines {
    /// Lines that a thread writes to `sink`. Once it has caught up, `tell` is told how many were lost.
    fn written_to(
        sink: impl Write + Send + 'static,
        waiting: usize,
        tell: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, entries) = sync_channel(waiting);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_forever(&entries, sink, &counted, tell))?;
        Ok(Self { queue, lost })
    }

    /// Waits until what waits is written, but no longer than that; whether it is.
    fn flush_within(&self, at_most: Duration) -> bool {
        let (written, is_written) = sync_channel(0);
        let (queue, mark) = (self.queue.clone(), Entry::Mark(written));
        // To queue up for the mark may itself take until the reader reads.
        let marking = thread::Builder::new().spawn(move || queue.send(mark));
        marking.is_ok() && is_written.recv_timeout(at_most) == Err(RecvTimeoutError::Disconnected)
    }
}

/// One call is one line, as the formatter makes them.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Entry::Line(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_forever(
    entries: &Receiver<Entry>,
    mut sink: impl Write,
    lost: &AtomicU64,
    tell: impl Fn(u64),
) {
    loop {
        let next = match entries.try_recv() {
            Err(TryRecvError::Empty) => {
                match lost.swap(0, Ordering::Relaxed) {
                    0 => {}
                    lost => tell(lost),
                }
                let woken = entries.recv().map_err(TryRecvError::from);
                thread::sleep(GATHERING);
                woken
            }
            next => next,
        };
        match next {
            Ok(Entry::Line(line)) => {
                // There is nobody to tell that it cannot be written.
                let _unwritten = sink.write_all(&line);
            }
            Ok(Entry::Mark(written)) => drop(written),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Tells when it is given something, and takes it when there is a permit.
    struct Reader {
        asked: Sender<()>,
        permits: Receiver<()>,
        read: Sender<String>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.send(()).map_err(io::Error::other)?;
            self.permits.recv().map_err(io::Error::other)?;
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.read.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Lines of which four may wait, and what the other side of them sees.
    struct Log {
        lines: Lines,
        asked: Receiver<()>,
        permit: Sender<()>,
        read: Receiver<String>,
        told: Receiver<u64>,
    }

    fn log() -> Log {
        let (asking, asked) = channel();
        let (permit, permits) = channel();
        let (reading, read) = channel();
        let (telling, told) = channel();
        let reader = Reader {
            asked: asking,
            permits,
            read: reading,
        };
        let tell = move |lost| {
            // Not every case listens.
            let _heard = telling.send(lost);
        };
        Log {
            lines: Lines::written_to(reader, 4, tell).unwrap(),
            asked,
            permit,
            read,
            told,
        }
    }

    fn write(lines: &mut Lines, text: &str) {
        assert_eq!(lines.write(text.as_bytes()).unwrap(), text.len());
    }

    #[test]
    fn a_panic_is_told_in_the_log_by_what_it_says_and_where() {
        let log = log();
        let lines = log.lines.clone();
        let subscriber = fmt().with_writer(move || lines.clone()).finish();
        let before = panic::take_hook();
        panic::set_hook(Box::new(tell_panic));
        tracing::subscriber::with_default(subscriber, || {
            panic::catch_unwind(|| panic!("a defect")).unwrap_err();
        });
        panic::set_hook(before);
        log.asked.recv().unwrap();
        log.permit.send(()).unwrap();
        let line = log.read.recv().unwrap();
        for part in ["ERROR", "panicked: a defect", "telemetry.rs"] {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn a_slow_reader_loses_lines_and_is_told_how_many_once() {
        let mut log = log();
        write(&mut log.lines, "first");
        log.asked.recv().unwrap();
        // Nobody reads: this would never end if a writer waited. Four lines wait.
        for number in 1..100 {
            write(&mut log.lines, &number.to_string());
        }
        for _ in 0..5 {
            log.permit.send(()).unwrap();
        }
        assert_eq!(log.told.recv().unwrap(), 95);
        let read: Vec<_> = log.read.try_iter().collect();
        assert_eq!(read, ["first", "1", "2", "3", "4"]);
        // What comes later is read again, and nothing is told anew.
        log.permit.send(()).unwrap();
        write(&mut log.lines, "later");
        assert!(log.lines.flush_within(Duration::from_mins(1)));
        assert_eq!(log.read.recv().unwrap(), "later");
        assert!(log.told.try_recv().is_err());
    }

    #[test]
    fn a_reader_who_has_gone_stops_nobody() {
        let Log {
            mut lines, permit, ..
        } = log();
        drop(permit);
        for number in 0..100 {
            write(&mut lines, &number.to_string());
        }
        assert!(lines.flush_within(Duration::from_mins(1)));
    }

    #[test]
    fn what_waits_is_written_at_the_end_and_a_reader_who_stopped_is_not_waited_for() {
        let mut log = log();
        write(&mut log.lines, "last");
        assert!(!log.lines.flush_within(Duration::from_millis(1)));
        log.permit.send(()).unwrap();
        assert!(log.lines.flush_within(Duration::from_mins(1)));
        assert_eq!(log.read.recv().unwrap(), "last");
    }
}
