use std::sync::Mutex;

use latchkey_domain::message::NewMessage;
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use super::*;
use crate::{
    messages::AskedCode,
    ports::{
        mailer::MockMailer,
        message_store::{MockMessageStore, WaitingMessage},
    },
    testing::{NOW, clock, left_events, messages, user},
};

fn new() -> NewMessage {
    let code = latchkey_domain::credential_code::CodeText::new("A7U-KY6-9PT".to_owned());
    let asked = AskedCode {
        text: &code,
        expires: NOW.plus(Duration::from_mins(10)),
        application: None,
    };
    messages().login_code(&user(1), &asked)
}

/// By no clock of its own: the command may run on another machine.
#[tokio::test]
async fn to_hasten_is_to_ask_who_sends() {
    let mut store = MockMessageStore::new();
    store
        .expect_hasten()
        .times(1)
        .withf(|which| *which == Which::All)
        .returning(|_| Ok(7));
    let outbox = Outbox {
        clock: Arc::new(crate::ports::clock::MockClock::new()),
        ..outbox(store, MockMailer::new())
    };
    assert_eq!(outbox.retry(&Which::All).await.unwrap(), 7);
}

fn claimed(attempt: u32) -> ClaimedMessage {
    let new = new();
    ClaimedMessage {
        message: WaitingMessage {
            id: new.id,
            kind: new.kind,
            to: user(1).username,
            sealed: new.sealed,
            created: new.created,
            expires: new.expires,
        },
        attempt,
        lease: NOW.plus(LEASE),
    }
}

/// Nobody stops.
fn go_on() -> bool {
    false
}

fn outbox(store: MockMessageStore, mailer: MockMailer) -> Outbox {
    Outbox {
        clock: clock(),
        store: Arc::new(store),
        messages: Arc::new(messages()),
        mailer: Arc::new(mailer),
        events: left_events(),
        trouble: Trouble::default(),
    }
}

/// A store in which one message is due, for the given time.
fn holding(attempt: u32) -> MockMessageStore {
    let mut store = MockMessageStore::new();
    store
        .expect_claim()
        .times(1)
        .returning(move |_, _, _| Ok(vec![claimed(attempt)]));
    store
}

/// A mailer that says this to one message.
fn saying(outcome: Result<Delivery, DeliveryError>) -> MockMailer {
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(true);
    mailer
        .expect_send()
        .times(1)
        .withf(|mail| mail.to == user(1).username && mail.content.text.contains("A7U-KY6-9PT"))
        .return_const(outcome);
    mailer
}

fn later() -> DeliveryError {
    DeliveryError::Transient("come again".to_owned())
}

/// Expects that the message is put back until that moment.
fn put_back_until(mut store: MockMessageStore, due: Timestamp) -> MockMessageStore {
    store
        .expect_put_back()
        .times(1)
        .withf(move |_, until| *until == due)
        .returning(|_, _| Ok(true));
    store
}

fn removed(mut store: MockMessageStore) -> MockMessageStore {
    store.expect_remove().times(1).returning(|_| Ok(true));
    store
}

#[tokio::test]
async fn a_message_that_was_delivered_is_removed() {
    let outbox = outbox(removed(holding(1)), saying(Ok(Delivery::Delivered)));
    assert_eq!(outbox.run(go_on).await.unwrap(), 1);
}

#[tokio::test]
async fn a_message_that_is_kept_is_not_due_again() {
    let store = put_back_until(holding(1), claimed(1).message.expires);
    assert_eq!(
        outbox(store, saying(Ok(Delivery::Kept)))
            .run(go_on)
            .await
            .unwrap(),
        1
    );
}

/// The store is not even asked.
#[tokio::test]
async fn where_nothing_is_sent_nothing_is_claimed_or_still_to_be_sent() {
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(false);
    let outbox = outbox(MockMessageStore::new(), mailer);
    assert_eq!(outbox.run(go_on).await.unwrap(), 0);
    assert_eq!(outbox.backlog().await.unwrap(), Backlog::default());
}

#[tokio::test]
async fn a_message_that_can_never_be_sent_is_removed() {
    let never = DeliveryError::Permanent("no such address".to_owned());
    outbox(removed(holding(1)), saying(Err(never)))
        .run(go_on)
        .await
        .unwrap();
}

#[tokio::test]
async fn pauses_grow() {
    for (attempt, seconds) in [(1, 5), (2, 10), (3, 20), (5, 80)] {
        let due = NOW.plus(Duration::from_secs(seconds));
        let store = put_back_until(holding(attempt), due);
        outbox(store, saying(Err(later())))
            .run(go_on)
            .await
            .unwrap();
    }
    assert_eq!(pause(40), LONGEST_PAUSE);
}

#[tokio::test]
async fn a_message_that_would_come_too_late_is_removed() {
    // The ninth pause is longer than the ten minutes that the code lives.
    outbox(removed(holding(9)), saying(Err(later())))
        .run(go_on)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_that_has_to_wait_is_tried_again_while_it_is_worth_it_and_is_no_trouble() {
    let wait = || DeliveryError::Deferred("strangers wait".to_owned());
    for (attempt, seconds) in [(1, 5), (4, 40)] {
        let due = NOW.plus(Duration::from_secs(seconds));
        let store = put_back_until(holding(attempt), due);
        let outbox = outbox(store, saying(Err(wait())));
        outbox.run(go_on).await.unwrap();
        assert!(!outbox.is_in_trouble());
    }
    let outbox = outbox(removed(holding(9)), saying(Err(wait())));
    outbox.run(go_on).await.unwrap();
    assert!(!outbox.is_in_trouble());
}

/// A mailer that panics over this message, and delivers every other.
struct Broken(MessageId);

#[async_trait::async_trait]
impl Mailer for Broken {
    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        yield_now().await;
        assert!(mail.id != self.0, "a defect");
        Ok(Delivery::Delivered)
    }
}

#[tokio::test]
async fn a_panic_over_one_message_is_a_failed_try_of_that_one() {
    let [bad, good] = [1, 2].map(|number| MessageId::from_random(&[number; 32]));
    // The tenth pause is longer than the message is worth it.
    for (attempt, put_back, removed) in [(2, 1_usize, 1_usize), (10, 0, 2)] {
        for order in [[&bad, &good], [&good, &bad]] {
            let batch = order.map(|id| {
                let mut message = claimed(attempt);
                message.message.id = id.clone();
                message
            });
            let mut store = MockMessageStore::new();
            store
                .expect_claim()
                .returning(move |_, _, _| Ok(batch.to_vec()));
            let (id, due) = (bad.clone(), NOW.plus(Duration::from_secs(10)));
            store
                .expect_put_back()
                .times(put_back)
                .withf(move |claimed, until| claimed.message.id == id && *until == due)
                .returning(|_, _| Ok(true));
            store.expect_remove().times(removed).returning(|_| Ok(true));
            let outbox = Outbox {
                mailer: Arc::new(Broken(bad.clone())),
                ..outbox(store, MockMailer::new())
            };
            assert_eq!(outbox.run(go_on).await.unwrap(), 2);
            assert_eq!(outbox.is_in_trouble(), *order[1] == bad);
        }
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_opened_waits_and_is_not_sent() {
    let mut store = MockMessageStore::new();
    store.expect_claim().returning(|_, _, _| {
        let mut foreign = claimed(1);
        foreign.message.sealed = latchkey_domain::message::SealedText::new(vec![1]);
        Ok(vec![foreign])
    });
    let store = put_back_until(store, NOW.plus(FIRST_PAUSE));
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(true);
    let outbox = outbox(store, mailer);
    outbox.run(go_on).await.unwrap();
    assert!(outbox.is_in_trouble());
}

#[tokio::test]
async fn trouble_is_there_from_a_failure_until_there_is_an_answer_about_a_message() {
    let never = || DeliveryError::Permanent("no such address".to_owned());
    let wait = || DeliveryError::Deferred("strangers wait".to_owned());
    let outcomes = [
        (Ok(Delivery::Delivered), false),
        (Err(later()), true),
        (Ok(Delivery::Kept), true),
        (Ok(Delivery::Delivered), false),
        (Err(later()), true),
        (Err(never()), false),
        (Err(later()), true),
        (Err(wait()), false),
    ];
    let (mut store, mut mailer) = (MockMessageStore::new(), MockMailer::new());
    mailer.expect_sends().return_const(true);
    store
        .expect_claim()
        .returning(|_, _, _| Ok(vec![claimed(1)]));
    store.expect_put_back().times(5).returning(|_, _| Ok(true));
    store.expect_remove().times(3).returning(|_| Ok(true));
    let (next, expected): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    let next = Mutex::new(next.into_iter());
    mailer
        .expect_send()
        .returning(move |_| next.lock().unwrap().next().unwrap());
    let outbox = outbox(store, mailer);
    assert!(!outbox.is_in_trouble());
    for expected in expected {
        outbox.run(go_on).await.unwrap();
        assert_eq!(outbox.is_in_trouble(), expected);
    }
}

/// Not before: what waits may be due later.
#[tokio::test]
async fn trouble_ends_when_no_message_waits_any_more() {
    let mut store = MockMessageStore::new();
    let mut waiting = vec![0, 2, 1];
    store
        .expect_claim()
        .times(4)
        .returning(|_, _, _| Ok(vec![]));
    store.expect_pending().times(3).returning(move |_| {
        Ok(Pending {
            count: waiting.pop().unwrap(),
            oldest: None,
        })
    });
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(true);
    let outbox = outbox(store, mailer);
    outbox.trouble.is_told("535", NOW);
    for expected in [true, true, false, false] {
        outbox.run(go_on).await.unwrap();
        assert_eq!(outbox.is_in_trouble(), expected);
    }
}

/// The configuration may be read anew while it is there.
#[tokio::test]
async fn there_is_no_trouble_where_nothing_is_sent() {
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(false);
    let outbox = outbox(MockMessageStore::new(), mailer);
    outbox.trouble.is_told("535", NOW);
    outbox.run(go_on).await.unwrap();
    assert!(!outbox.is_in_trouble());
}

/// A mailer that never comes to an end.
struct Stuck;

#[async_trait::async_trait]
impl Mailer for Stuck {
    async fn send(&self, _mail: Mail) -> Result<Delivery, DeliveryError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_longer_than_the_whole_batch_can_take() {
    let lease = Arc::new(Mutex::new(Duration::ZERO));
    let kept = Arc::clone(&lease);
    let mut store = MockMessageStore::new();
    store.expect_claim().returning(move |_, lease, batch| {
        *kept.lock().unwrap() = lease;
        Ok((0..batch).map(|_| claimed(1)).collect())
    });
    store.expect_put_back().returning(|_, _| Ok(true));
    let outbox = Outbox {
        mailer: Arc::new(Stuck),
        ..outbox(store, MockMailer::new())
    };
    let started = Instant::now();
    outbox.run(go_on).await.unwrap();
    // What the store takes comes on top.
    sleep(Duration::from_secs(10)).await;
    assert!(started.elapsed() < *lease.lock().unwrap());
}

#[tokio::test]
async fn what_waits_can_be_read() {
    let mut store = MockMessageStore::new();
    store.expect_waiting().returning(|_| {
        Ok(vec![ListedMessage {
            message: claimed(1).message,
            tries: 1,
            state: MessageState::Kept,
        }])
    });
    let waiting = outbox(store, MockMailer::new()).waiting().await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].content.text.contains("A7U-KY6-9PT"));
    assert_eq!(
        (waiting[0].tries, waiting[0].state),
        (1, MessageState::Kept)
    );
}
