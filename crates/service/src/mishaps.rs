//! Panics and failures over one piece of work, which must not end the work on all others.

use std::{error::Error as _, future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tracing::warn;

use crate::ports::store::StoreError;

/// Does a piece of work, and gives nothing when it panics. What the panic says is not given: it may repeat
/// what is in no log, and the panic hook has it.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    // What several pieces of work share are locks, of which nobody panics while holding one.
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// Tells the log of a failure after which the work goes on.
pub(crate) fn warn_of(error: &StoreError, what: &str) {
    let cause = error.source().map(ToString::to_string);
    warn!(%error, cause, "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_nothing_but_its_work() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        let panics = caught(async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2);
        });
        assert_eq!(panics.await, None);
    }
}
