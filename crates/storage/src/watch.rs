//! Watching a store: how long its work takes.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// One statement on its connection.
    Statement,
    /// A query of a port, with all that it waits for.
    Read,
    /// A change of a port, with all that it waits for.
    Write,
}

/// Hears how long each piece of work took, on the way of whoever waits for it.
type Watcher = dyn Fn(Work, Duration) + Send + Sync;

/// Whoever watches. Clones are watched by the same.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<OnceLock<Box<Watcher>>>);

impl Watch {
    /// From now on, this one; whoever came first stays.
    pub(crate) fn begin(&self, watcher: Box<Watcher>) {
        self.0.get_or_init(|| watcher);
    }

    pub(crate) fn tell(&self, work: Work, took: Duration) {
        if let Some(watcher) = self.0.get() {
            watcher(work, took);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Watch({})", self.0.get().is_some())
    }
}
