//! Measuring requests.

use std::{sync::Arc, time::Duration};

/// Hears of every request. It is called on the way of each, so it must return at once.
///
/// Nothing that it hears is made up by a client: a method that is none of the well-known ones is `other`, and a
/// route is the template of one that there is.
pub trait Meter: Send + Sync {
    /// A request of this method has begun.
    fn begun(&self, method: &'static str);

    /// It was answered; without a route there is nothing at its path.
    fn answered(&self, method: &'static str, route: Option<&str>, status: u16, took: Duration);

    /// It is over: it was answered, or whoever asked went away.
    fn over(&self, method: &'static str);
}

/// Nobody hears of any request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn begun(&self, _method: &'static str) {}

    fn answered(&self, _method: &'static str, _route: Option<&str>, _status: u16, _took: Duration) {
    }

    fn over(&self, _method: &'static str) {}
}

/// A request that is under way.
pub(crate) struct UnderWay {
    meter: Arc<dyn Meter>,
    method: &'static str,
}

impl UnderWay {
    /// One of this method has begun.
    pub(crate) fn begin(meter: &Arc<dyn Meter>, method: &'static str) -> Self {
        meter.begun(method);
        Self {
            meter: Arc::clone(meter),
            method,
        }
    }

    /// It is answered.
    pub(crate) fn answer(self, route: Option<&str>, status: u16, took: Duration) {
        self.meter.answered(self.method, route, status, took);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.meter.over(self.method);
    }
}
