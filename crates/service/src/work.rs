//! Work that nobody waits for: asked-for codes are mailed, messages sent, events of commands told and expired rows
//! removed, as long as the database is the one of this process.

use std::{future::Future, time::Duration};

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{debug, info};

use crate::{
    events::LeftEvents,
    housekeeping::{Housekeeping, HousekeepingError, Parted},
    mishaps::warn_of,
    use_cases::UseCases,
};

/// How often events that commands left are looked for: one read.
const EVENTS_INTERVAL: Duration = Duration::from_secs(5);

/// How long to wait for a database that fails.
const EVENTS_PAUSE: Duration = Duration::from_secs(10);

/// How often expired rows are looked for, and whether the database is still this process's.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_mins(1);

impl UseCases {
    /// Works until `stop` completes. Then every code that was asked for is still mailed, what is being sent is
    /// finished, if that takes a minute at most, and the rest is left to whoever works next: it may be called
    /// again, and several times at once, by any number of replicas. A code that is asked for is mailed by no
    /// other process.
    ///
    /// # Errors
    /// [`Parted`], within a minute or two after the database took other secrets, was replaced or found damaged, since
    /// the look at it waits until what has expired before was deleted: then nothing more must be served or done with
    /// these use cases.
    pub async fn work(&self, stop: impl Future<Output = ()>) -> Result<(), Parted> {
        let (working, stops) = watch::channel(());
        let until_stop = async {
            let mail_codes = async {
                self.mailed_codes.run(stop).await;
                drop(working);
            };
            tokio::join!(
                mail_codes,
                self.outbox.run(stops.clone()),
                tell_events(&self.left_events, stops),
            )
        };
        tokio::select! {
            _ = until_stop => Ok(()),
            // A deletion that is under way when it is dropped ends in a task of the store's own.
            parted = keep_house(&self.housekeeping) => Err(parted),
        }
    }
}

/// Tells what commands left until the sender of `stops` is dropped; what was taken by then is told.
async fn tell_events(events: &LeftEvents, mut stops: watch::Receiver<()>) {
    loop {
        let pause = match events.run().await {
            Ok(0) => EVENTS_INTERVAL,
            // There may be more.
            Ok(_) => Duration::ZERO,
            Err(error) => {
                warn_of(&error, "the events of commands could not be told");
                EVENTS_PAUSE
            }
        };
        if timeout(pause, stops.changed()).await.is_ok() {
            return;
        }
    }
}

/// Ends only when the database is this process's no more.
async fn keep_house(housekeeping: &Housekeeping) -> Parted {
    let mut interval = interval(HOUSEKEEPING_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match housekeeping.run().await {
            Ok(0) => debug!("nothing has expired"),
            Ok(deleted) => info!(deleted, "expired rows were deleted"),
            Err(HousekeepingError::Parted(parted)) => return parted,
            Err(HousekeepingError::Store(error)) => {
                warn_of(&error, "expired rows could not be deleted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use latchkey_domain::{
        id::{EventId, MessageId},
        message::{MessageKind, SealedText},
    };
    use tokio::time::{Instant, sleep};
    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        events::Event,
        ports::{
            Ports, Stores,
            event_store::{LeftEvent, MockEventStore},
            housekeeping_store::MockHousekeepingStore,
            installation_store::{Installation, MockInstallationStore},
            mailer::{Delivery, DeliveryError, Mail, Mailer},
            message_store::{ClaimedMessage, MockMessageStore, Pending, WaitingMessage},
            sealer::{MockSealer, NotSealed},
            store::StoreError,
        },
        testing::{NOW, clock, user},
        use_cases::ServiceSettings,
    };

    /// The installation of every case.
    fn own() -> Installation {
        Ports::mocks().installation
    }

    /// A database that stays where it is.
    fn in_place() -> MockInstallationStore {
        let mut installations = MockInstallationStore::new();
        installations.expect_is_in_place().returning(|| Ok(true));
        installations
    }

    /// Works for so long with these stores, in a database that stays this process's.
    async fn work(duration: Duration, messages: MockMessageStore, house: MockHousekeepingStore) {
        let mut installations = in_place();
        installations.expect_look().returning(|| Ok(Some(own())));
        let worked = work_in(installations, duration, messages, house).await;
        assert_eq!(worked, Ok(()));
    }

    async fn work_in(
        installations: MockInstallationStore,
        duration: Duration,
        messages: MockMessageStore,
        house: MockHousekeepingStore,
    ) -> Result<(), Parted> {
        let mut events = MockEventStore::new();
        events.expect_take().returning(|_batch| Ok(vec![]));
        work_with(installations, duration, messages, house, events).await
    }

    async fn work_with(
        installations: MockInstallationStore,
        duration: Duration,
        messages: MockMessageStore,
        house: MockHousekeepingStore,
        events: MockEventStore,
    ) -> Result<(), Parted> {
        let mut sealer = MockSealer::new();
        sealer.expect_open().returning(|_, sealed| opened(sealed));
        let ports = Ports {
            clock: clock(),
            sealer: Arc::new(sealer),
            mailer: Arc::new(Silent),
            stores: Stores {
                messages: Arc::new(messages),
                events: Arc::new(events),
                housekeeping: Arc::new(house),
                installation: Arc::new(installations),
                ..Stores::mocks()
            },
            ..Ports::mocks()
        };
        let use_cases = UseCases::new(ports, ServiceSettings::default());
        use_cases.work(sleep(duration)).await
    }

    /// The sealed text, unless there is none.
    fn opened(sealed: &SealedText) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
        match sealed.as_bytes() {
            [] => Err(NotSealed),
            text => Ok(Zeroizing::new(text.to_vec())),
        }
    }

    /// A mailer whose server says nothing.
    struct Silent;

    #[async_trait]
    impl Mailer for Silent {
        async fn send(&self, _mail: Mail) -> Result<Delivery, DeliveryError> {
            std::future::pending().await
        }
    }

    /// A message that is as good as any.
    fn good() -> ClaimedMessage {
        let text = br#"{"subject":"A","text":"b","html":"c"}"#.to_vec();
        let mut good = foreign();
        good.message.sealed = SealedText::new(text);
        good.message.expires = NOW.plus(Duration::from_hours(1));
        good
    }

    /// A message that this installation cannot open, and that has waited too long.
    fn foreign() -> ClaimedMessage {
        ClaimedMessage {
            message: WaitingMessage {
                id: MessageId::from_random(&[1; 32]),
                kind: MessageKind::LoginCode,
                user: user(1).id,
                to: user(1).username,
                sealed: SealedText::new(vec![]),
                created: NOW,
                expires: NOW,
            },
            attempt: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn messages_are_looked_for_every_second_and_what_has_expired_every_minute() {
        let mut messages = MockMessageStore::new();
        messages
            .expect_claim()
            .times(90)
            .returning(|_, _, _| Ok(vec![]));
        let mut house = MockHousekeepingStore::new();
        house
            .expect_delete_expired()
            .times(2)
            .returning(|_, _| Ok(0));
        work(Duration::from_millis(89_500), messages, house).await;
    }

    /// At once, in batches, then every few seconds, and later when the store fails.
    #[tokio::test(start_paused = true)]
    async fn events_of_commands_are_looked_for_every_few_seconds() {
        let left = LeftEvent {
            id: EventId::from_random(&[1; 32]),
            at: NOW,
            event: Event::WriteBackup,
            refused: None,
            organization: None,
            user: None,
            credential: None,
            application: None,
        };
        let mut messages = MockMessageStore::new();
        messages.expect_claim().returning(|_, _, _| Ok(vec![]));
        let mut house = MockHousekeepingStore::new();
        house.expect_delete_expired().returning(|_, _| Ok(0));
        let mut installations = in_place();
        installations.expect_look().returning(|| Ok(Some(own())));
        let mut events = MockEventStore::new();
        let mut answers = vec![
            Ok(vec![]),
            Err(StoreError::unavailable("away")),
            Ok(vec![]),
            Ok(vec![left.clone(), left]),
        ];
        events
            .expect_take()
            .times(4)
            .returning(move |_batch| answers.pop().unwrap());
        // Two at once, one after five seconds, one ten seconds after that has failed.
        let duration = Duration::from_millis(19_500);
        let worked = work_with(installations, duration, messages, house, events).await;
        assert_eq!(worked, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_tried_again_later() {
        let failure = || StoreError::new("no disk");
        let mut messages = MockMessageStore::new();
        messages
            .expect_claim()
            .times(7)
            .returning(move |_, _, _| Err(failure()));
        let mut house = MockHousekeepingStore::new();
        house
            .expect_delete_expired()
            .times(2)
            .returning(move |_, _| Err(failure()));
        work(Duration::from_millis(60_500), messages, house).await;
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_message_there_may_be_more() {
        let mut messages = MockMessageStore::new();
        let mut waiting = vec![foreign(), foreign(), foreign()];
        messages
            .expect_claim()
            .times(4)
            .returning(move |_, _, _| Ok(waiting.pop().into_iter().collect()));
        messages.expect_remove().times(3).returning(|_| Ok(true));
        messages
            .expect_pending()
            .returning(|_| Ok(Pending::default()));
        let mut house = MockHousekeepingStore::new();
        house.expect_delete_expired().returning(|_, _| Ok(0));
        work(Duration::from_millis(500), messages, house).await;
    }

    /// Its mailer has another minute, and is told nothing of the end.
    #[tokio::test(start_paused = true)]
    async fn whoever_stops_finishes_what_is_being_sent_for_a_minute_and_takes_nothing_more() {
        let mut messages = MockMessageStore::new();
        messages
            .expect_claim()
            .times(1)
            .returning(|_, _, _| Ok(vec![good()]));
        messages.expect_hold().returning(|_, _| Ok(true));
        let mut house = MockHousekeepingStore::new();
        house.expect_delete_expired().returning(|_, _| Ok(0));
        let begun = Instant::now();
        work(Duration::from_secs(1), messages, house).await;
        assert_eq!(begun.elapsed().as_secs(), 61);
    }

    /// A store that cannot be asked is no reason to end, and what has expired waits until it can be.
    #[tokio::test(start_paused = true)]
    async fn work_ends_when_the_database_took_other_secrets() {
        let mut messages = MockMessageStore::new();
        messages.expect_claim().returning(|_, _, _| Ok(vec![]));
        let mut installations = in_place();
        let mut asked = 0;
        installations.expect_look().returning(move || {
            asked += 1;
            match asked {
                1 => Ok(Some(own())),
                2 => Err(StoreError::unavailable("it is away")),
                _ => Ok(Some(Installation {
                    secrets_fingerprint: "of others".to_owned(),
                    ..own()
                })),
            }
        });
        let mut house = MockHousekeepingStore::new();
        house
            .expect_delete_expired()
            .times(1)
            .returning(|_, _| Ok(0));
        let begun = Instant::now();
        let worked = work_in(installations, Duration::from_hours(1), messages, house).await;
        assert_eq!(worked, Err(Parted::OtherSecrets));
        assert_eq!(begun.elapsed().as_secs(), 120);
    }

    /// What is done in a file that nobody else meets is lost, so nothing is, not even what has expired is deleted.
    #[tokio::test(start_paused = true)]
    async fn work_ends_when_the_database_was_replaced() {
        let mut messages = MockMessageStore::new();
        messages.expect_claim().returning(|_, _, _| Ok(vec![]));
        let mut installations = MockInstallationStore::new();
        let mut answers = vec![Ok(false), Err(StoreError::unavailable("it is away"))];
        installations
            .expect_is_in_place()
            .returning(move || answers.pop().unwrap());
        let house = MockHousekeepingStore::new();
        let begun = Instant::now();
        let worked = work_in(installations, Duration::from_hours(1), messages, house).await;
        assert_eq!(worked, Err(Parted::Replaced));
        assert_eq!(begun.elapsed().as_secs(), 60);
    }

    /// Only who starts binds a database to its secrets: any call of the store but the look would panic.
    #[tokio::test(start_paused = true)]
    async fn a_database_that_was_emptied_is_not_bound_by_who_goes_on_working() {
        let mut messages = MockMessageStore::new();
        messages.expect_claim().returning(|_, _, _| Ok(vec![]));
        let mut installations = in_place();
        installations.expect_look().times(2).returning(|| Ok(None));
        let mut house = MockHousekeepingStore::new();
        house
            .expect_delete_expired()
            .times(2)
            .returning(|_, _| Ok(0));
        let duration = Duration::from_millis(60_500);
        let worked = work_in(installations, duration, messages, house).await;
        assert_eq!(worked, Ok(()));
    }
}
