//! What the service manager is told, by systemd's protocol (`Type=notify`): that requests are served, that the
//! configuration is read again, that the service stops, and that it is alive. Where none listens, which is
//! where `NOTIFY_SOCKET` is not set, nothing is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::interval;
use tracing::debug;

/// The shortest pause between signs of life, whatever the service manager asks for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// Requests are served from here on.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// No more requests are taken from here on.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The configuration is being read again; when this is dropped, it is in use.
#[must_use = "it is told to be in use when this is dropped"]
pub(crate) struct Reloading(());

/// The configuration is read again from here on.
pub(crate) fn reloading() -> Reloading {
    let mut states = vec![NotifyState::Reloading];
    // By the moment a service manager tells this answer from the one to an earlier request.
    states.extend(NotifyState::monotonic_usec_now());
    tell(&states);
    Reloading(())
}

impl Drop for Reloading {
    fn drop(&mut self) {
        ready();
    }
}

/// Gives signs of life, twice in the time after which the service manager would take the process for stuck;
/// ends at once when it does not want any. As a task of the runtime it shows that tasks are still carried out.
pub(crate) async fn keep_alive() {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut moments = interval((patience / 2).max(SHORTEST_PAUSE));
    loop {
        moments.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// A service manager that does not hear it is no reason not to serve.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "the service manager cannot be told");
    }
}
