//! Panics over one piece of work, which must not end the work on all others.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;

/// Does a piece of work, and gives nothing when it panics. What the panic says is not given: it may repeat
/// what is in no log, and the panic hook has it.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    // What several pieces of work share are locks, of which nobody panics while holding one.
    AssertUnwindSafe(work).catch_unwind().await.ok()
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
