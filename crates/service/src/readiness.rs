//! Readiness: whether changes can be made.

use std::{sync::Arc, time::Duration};

use crate::{
    flight::Flight,
    ports::{clock::Clock, installation_store::InstallationStore, store::StoreError},
};

/// How long an answer is good for whoever asks next: strangers can ask as often as they like, and each asking
/// is a transaction.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Answers whether the store takes changes.
pub struct Readiness {
    clock: Arc<dyn Clock>,
    store: Arc<dyn InstallationStore>,
    flight: Flight<()>,
}

impl Readiness {
    pub(crate) fn new(clock: Arc<dyn Clock>, store: Arc<dyn InstallationStore>) -> Self {
        Self {
            clock,
            store,
            flight: Flight::default(),
        }
    }

    /// Whether the store takes changes: asked at most once at a time, and once a second.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let log = self.flight.log();
        if let Some(answer) = log.any_within(GOOD_FOR, now) {
            return answer;
        }
        let turn = self.flight.turn().await;
        let store = Arc::clone(&self.store);
        let asking = async move { store.ping().await };
        self.flight.ask(turn, &log, now, asking).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

    use async_trait::async_trait;
    use latchkey_domain::time::Timestamp;
    use tokio::{
        sync::Semaphore,
        task::{JoinHandle, yield_now},
    };

    use super::*;
    use crate::ports::{clock::MockClock, installation_store::Installation};

    /// A store that answers when it is let, or at once.
    struct Pings {
        begun: AtomicU32,
        is_broken: AtomicBool,
        answers: Semaphore,
    }

    #[async_trait]
    impl InstallationStore for Pings {
        async fn establish(&self, proposed: Installation) -> Result<Installation, StoreError> {
            Ok(proposed)
        }

        async fn look(&self) -> Result<Option<Installation>, StoreError> {
            Ok(None)
        }

        async fn rebind(&self, _from: &str, _to: &str) -> Result<bool, StoreError> {
            Ok(false)
        }

        async fn ping(&self) -> Result<(), StoreError> {
            self.begun.fetch_add(1, Ordering::Relaxed);
            self.answers.acquire().await.unwrap().forget();
            if self.is_broken.load(Ordering::Relaxed) {
                return Err(StoreError::unavailable("it is away"));
            }
            Ok(())
        }
    }

    struct World {
        now: Arc<AtomicI64>,
        pings: Arc<Pings>,
        readiness: Arc<Readiness>,
    }

    impl World {
        /// Where so many askings are answered at once; later ones hang until they are let.
        fn answering(answers: usize) -> Self {
            let now = Arc::new(AtomicI64::new(1_000_000));
            let mut clock = MockClock::new();
            let set = Arc::clone(&now);
            clock
                .expect_now()
                .returning(move || Timestamp::from_unix_milliseconds(set.load(Ordering::Relaxed)));
            let pings = Arc::new(Pings {
                begun: AtomicU32::new(0),
                is_broken: AtomicBool::new(false),
                answers: Semaphore::new(answers),
            });
            let readiness = Readiness::new(Arc::new(clock), pings.clone());
            Self {
                now,
                pings,
                readiness: Arc::new(readiness),
            }
        }

        fn wait(&self, milliseconds: i64) {
            self.now.fetch_add(milliseconds, Ordering::Relaxed);
        }

        fn begun(&self) -> u32 {
            self.pings.begun.load(Ordering::Relaxed)
        }

        /// Somebody who asks, on a task that has come as far as it can.
        async fn somebody(&self) -> JoinHandle<Result<(), StoreError>> {
            let readiness = Arc::clone(&self.readiness);
            let asking = tokio::spawn(async move { readiness.check().await });
            for _ in 0..4 {
                yield_now().await;
            }
            asking
        }
    }

    #[tokio::test]
    async fn an_answer_of_either_kind_is_good_for_a_second() {
        for is_broken in [false, true] {
            let world = World::answering(1_000);
            world.pings.is_broken.store(is_broken, Ordering::Relaxed);
            for (wait, begun) in [(0, 1), (999, 1), (1, 2), (0, 2), (1_000, 3)] {
                world.wait(wait);
                let answer = world.readiness.check().await;
                assert_eq!(answer.is_err(), is_broken);
                assert_eq!(world.begun(), begun);
            }
        }
    }

    #[tokio::test]
    async fn any_number_who_ask_at_once_share_one_answer_however_late_it_comes() {
        let world = World::answering(0);
        let mut asking = Vec::new();
        for _ in 0..10 {
            asking.push(world.somebody().await);
            world.wait(1_000);
        }
        assert_eq!(world.begun(), 1);
        world.pings.answers.add_permits(1);
        for asked in asking {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(world.begun(), 1);
    }

    /// Otherwise whoever hangs up and asks again begins one asking after another.
    #[tokio::test]
    async fn what_was_asked_goes_on_when_who_asked_goes_away() {
        let world = World::answering(0);
        for _ in 0..10 {
            let gone = world.somebody().await;
            gone.abort();
            assert!(gone.await.unwrap_err().is_cancelled());
        }
        assert_eq!(world.begun(), 1);
        let patient = world.somebody().await;
        world.pings.answers.add_permits(1);
        patient.await.unwrap().unwrap();
        assert_eq!(world.begun(), 1);
    }
}
