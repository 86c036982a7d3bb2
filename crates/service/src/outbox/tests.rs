use latchkey_domain::message::NewMessage;

use super::*;
use crate::{
    ports::{mailer::MockMailer, message_store::MockMessageStore},
    testing::{NOW, clock, messages, user},
};

fn new() -> NewMessage {
    let code = latchkey_domain::credential_code::CodeText::new("A7U-KY6-9PT".to_owned());
    messages().login_code(&user(1).id, &code, NOW.plus(Duration::from_mins(10)))
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

fn outbox(store: MockMessageStore, mailer: MockMailer) -> Outbox {
    Outbox {
        clock: clock(),
        store: Arc::new(store),
        messages: Arc::new(messages()),
        mailer: Arc::new(mailer),
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
    assert_eq!(outbox.run().await.unwrap(), 1);
}

#[tokio::test]
async fn a_message_that_is_kept_is_not_due_again() {
    let store = put_back_until(holding(1), claimed(1).message.expires);
    assert_eq!(
        outbox(store, saying(Ok(Delivery::Kept)))
            .run()
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn a_message_that_can_never_be_sent_is_removed() {
    let never = DeliveryError::Permanent("no such address".to_owned());
    outbox(removed(holding(1)), saying(Err(never)))
        .run()
        .await
        .unwrap();
}

#[tokio::test]
async fn pauses_grow() {
    for (attempt, seconds) in [(1, 5), (2, 10), (3, 20), (5, 80)] {
        let due = NOW.plus(Duration::from_secs(seconds));
        let store = put_back_until(holding(attempt), due);
        outbox(store, saying(Err(later()))).run().await.unwrap();
    }
    assert_eq!(pause(40), LONGEST_PAUSE);
}

#[tokio::test]
async fn a_message_that_would_come_too_late_is_removed() {
    // The ninth pause is longer than the ten minutes that the code lives.
    outbox(removed(holding(9)), saying(Err(later())))
        .run()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_of_another_installation_is_removed_and_not_sent() {
    let mut store = MockMessageStore::new();
    store.expect_claim().returning(|_, _, _| {
        let mut foreign = claimed(1);
        foreign.message.sealed = latchkey_domain::message::SealedText::new(vec![1]);
        Ok(vec![foreign])
    });
    outbox(removed(store), MockMailer::new())
        .run()
        .await
        .unwrap();
}

#[tokio::test]
async fn what_waits_can_be_read() {
    let mut store = MockMessageStore::new();
    store
        .expect_waiting()
        .returning(|_| Ok(vec![claimed(1).message]));
    let waiting = outbox(store, MockMailer::new()).waiting().await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].content.text.contains("A7U-KY6-9PT"));
}
