mod scene;

use std::{iter, sync::Mutex};

use latchkey_domain::message::NewMessage;
use tokio::task::yield_now;

use self::scene::Scene;
use super::*;
use crate::{
    messages::AskedCode,
    ports::{
        mailer::MockMailer,
        message_store::{MAXIMUM_REASON, MockMessageStore, WaitingMessage},
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
            user: new.user,
            to: user(1).username,
            sealed: new.sealed,
            created: new.created,
            expires: new.expires,
        },
        attempt,
    }
}

/// The same, called so.
fn named(id: &MessageId, attempt: u32) -> ClaimedMessage {
    let mut named = claimed(attempt);
    named.message.id = id.clone();
    named
}

fn outbox(store: MockMessageStore, mailer: MockMailer) -> Outbox {
    Outbox {
        clock: clock(),
        store: Arc::new(store),
        messages: Arc::new(messages()),
        mailer: Arc::new(mailer),
        events: left_events(),
        trouble: Arc::default(),
        turn: Turn::default(),
        recipients: Recipients::default(),
    }
}

/// Looks for a message and sends it; gives whether there was one.
async fn send_one(outbox: &Outbox) -> bool {
    let turn = outbox.turn.lock().await;
    let Some(claimed) = outbox.claim().await.unwrap() else {
        return false;
    };
    outbox.send(&claimed, turn).await;
    true
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
        .withf(move |_, postponed| postponed.due == due)
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
    assert!(send_one(&outbox).await);
}

#[tokio::test]
async fn a_message_that_is_kept_is_not_due_again() {
    let store = put_back_until(holding(1), claimed(1).message.expires);
    assert!(send_one(&outbox(store, saying(Ok(Delivery::Kept)))).await);
}

/// The store is not even asked.
#[tokio::test]
async fn where_nothing_is_sent_nothing_is_claimed_or_still_to_be_sent() {
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(false);
    let outbox = outbox(MockMessageStore::new(), mailer);
    assert!(!send_one(&outbox).await);
    assert_eq!(outbox.backlog().await.unwrap(), Backlog::default());
}

#[tokio::test]
async fn a_message_that_can_never_be_sent_is_removed() {
    let never = DeliveryError::Permanent("no such address".to_owned());
    send_one(&outbox(removed(holding(1)), saying(Err(never)))).await;
}

#[tokio::test]
async fn pauses_grow() {
    for (attempt, seconds) in [(1, 5), (2, 10), (3, 20), (5, 80)] {
        let due = NOW.plus(Duration::from_secs(seconds));
        let store = put_back_until(holding(attempt), due);
        send_one(&outbox(store, saying(Err(later())))).await;
    }
    assert_eq!(pause(40), LONGEST_PAUSE);
}

#[tokio::test]
async fn a_message_is_put_back_with_what_kept_it_from_being_sent() {
    let long = "x".repeat(2 * MAXIMUM_REASON);
    let deferred = |reason: &str| Err(DeliveryError::Deferred(reason.to_owned()));
    for (outcome, reason) in [
        (Err(later()), Some("come again".to_owned())),
        (
            deferred("strangers wait"),
            Some("strangers wait".to_owned()),
        ),
        (deferred(&long), Some("x".repeat(MAXIMUM_REASON))),
        (Ok(Delivery::Kept), None),
    ] {
        let mut store = holding(1);
        store
            .expect_put_back()
            .times(1)
            .withf(move |_, postponed| postponed.reason == reason)
            .returning(|_, _| Ok(true));
        send_one(&outbox(store, saying(outcome))).await;
    }
}

#[tokio::test]
async fn a_message_that_would_come_too_late_is_removed() {
    // The ninth pause is longer than the ten minutes that the code lives.
    send_one(&outbox(removed(holding(9)), saying(Err(later())))).await;
}

#[tokio::test]
async fn a_message_that_has_to_wait_is_tried_again_while_it_is_worth_it_and_is_no_trouble() {
    let wait = || DeliveryError::Deferred("strangers wait".to_owned());
    for (attempt, seconds) in [(1, 5), (4, 40)] {
        let due = NOW.plus(Duration::from_secs(seconds));
        let store = put_back_until(holding(attempt), due);
        let outbox = outbox(store, saying(Err(wait())));
        send_one(&outbox).await;
        assert!(!outbox.is_in_trouble());
    }
    let outbox = outbox(removed(holding(9)), saying(Err(wait())));
    send_one(&outbox).await;
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
            let mut waiting = order.map(|id| named(id, attempt)).to_vec();
            waiting.reverse();
            let mut store = MockMessageStore::new();
            store
                .expect_claim()
                .returning(move |_, _, _| Ok(waiting.pop().into_iter().collect()));
            let (id, due) = (bad.clone(), NOW.plus(Duration::from_secs(10)));
            store
                .expect_put_back()
                .times(put_back)
                .withf(move |claimed, until| claimed.message.id == id && until.due == due)
                .returning(|_, _| Ok(true));
            store.expect_remove().times(removed).returning(|_| Ok(true));
            let outbox = Outbox {
                mailer: Arc::new(Broken(bad.clone())),
                ..outbox(store, MockMailer::new())
            };
            for _ in order {
                assert!(send_one(&outbox).await);
            }
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
    send_one(&outbox).await;
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
        send_one(&outbox).await;
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
    outbox.trouble.news("535", NOW);
    for expected in [true, true, false, false] {
        send_one(&outbox).await;
        assert_eq!(outbox.is_in_trouble(), expected);
    }
}

/// The configuration may be read anew while it is there.
#[tokio::test]
async fn there_is_no_trouble_where_nothing_is_sent() {
    let mut mailer = MockMailer::new();
    mailer.expect_sends().return_const(false);
    let outbox = outbox(MockMessageStore::new(), mailer);
    outbox.trouble.news("535", NOW);
    send_one(&outbox).await;
    assert!(!outbox.is_in_trouble());
}

#[tokio::test]
async fn what_waits_can_be_read() {
    let mut store = MockMessageStore::new();
    store.expect_waiting().returning(|_| {
        Ok(vec![ListedMessage {
            message: claimed(1).message,
            tries: 1,
            state: MessageState::Kept,
            failure: None,
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

const HOUR: Duration = Duration::from_hours(1);

/// Whatever other processes there are.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_accepted_after_minutes_is_sent_once() {
    for (processes, minutes) in [(1, 1), (2, 3), (3, 10)] {
        let scene = Scene::new(1, &[Duration::from_mins(minutes)], (0, 0));
        scene.work(processes, HOUR).await;
        assert_eq!(scene.sent(), [(0, 0)]);
        assert!(scene.rows().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn no_message_waits_behind_one_that_takes_minutes() {
    let takes = [0, 600, 1, 600, 600].map(Duration::from_secs);
    let scene = Scene::new(6, &takes, (0, 0));
    scene.work(1, HOUR).await;
    let seconds = [(0, 0), (1, 0), (2, 5), (3, 6), (4, 11), (5, 16)];
    assert_eq!(scene.sent(), seconds);
}

/// Neither a user whose mailbox takes minutes, nor a domain all of whose do.
#[tokio::test(start_paused = true)]
async fn nobody_keeps_those_of_other_domains_waiting() {
    let takes = [Duration::from_secs(590); 4];
    for (begun, name) in [(1, "ada@slow.example"), (4, "user-N@N.slow.example")] {
        let others = (0..20).map(|number: u8| name.replace('N', &number.to_string()));
        let bob = iter::once("bob@other.example".to_owned());
        let scene = Scene::to(others.chain(bob), &takes, (0, 0));
        scene.work(1, Duration::from_mins(9)).await;
        let sent = scene.sent();
        assert_eq!(sent.len(), begun + 1);
        assert_eq!(sent[begun], (20, 5 * u64::try_from(begun).unwrap()));
        // What waited is sent, one after another.
        scene.work(1, HOUR).await;
        assert!(scene.rows().unwrap().is_empty());
    }
}

/// Of messages to as many domains, each of which takes ten minutes.
#[tokio::test(start_paused = true)]
async fn sixteen_are_sent_at_once_and_the_next_when_one_ends() {
    let scene = Scene::new(20, &[Duration::from_secs(590); 20], (0, 0));
    scene.work(1, HOUR).await;
    let first = (0..16).map(|number| (number, 5 * u64::from(number)));
    let then = first
        .clone()
        .take(4)
        .map(|(number, begun)| (16 + number, 590 + begun));
    assert_eq!(scene.sent(), first.chain(then).collect::<Vec<_>>());
}

/// As with a relay that looks at each message for half a minute: most installations have users of one domain.
#[tokio::test(start_paused = true)]
async fn a_domain_that_takes_its_time_is_sent_as_fast_as_it_takes() {
    let takes = [Duration::from_secs(30); 60];
    let those = (0..60).map(|number| format!("user-{number}@slow.example"));
    let scene = Scene::to(those, &takes, (0, 0));
    scene.work(1, HOUR).await;
    assert!(scene.rows().unwrap().is_empty());
    let sent = scene.sent();
    assert_eq!(sent.len(), 60);
    // Four at once, each beginning when it comes upon a place that is free.
    let last = sent.iter().map(|(_, seconds)| *seconds).max().unwrap();
    assert!(last <= 15 * (30 + SHARE_PAUSE.as_secs()), "{last}");
}

/// One that goes quickly is sent alone, and so is what fails at once.
#[tokio::test(start_paused = true)]
async fn one_message_is_sent_after_another() {
    let takes = [4, 3, 2].map(Duration::from_secs);
    let scene = Scene::new(4, &takes, (0, 0));
    scene.work(1, HOUR).await;
    assert_eq!(scene.sent(), [(0, 0), (1, 4), (2, 7), (3, 9)]);
}

#[tokio::test(start_paused = true)]
async fn a_mailer_that_never_comes_to_an_end_is_given_up() {
    let scene = Scene::new(1, &[10 * HOUR], (0, 0));
    scene.work(2, HOUR).await;
    let after = PATIENCE + pause(1);
    assert_eq!(scene.sent(), [(0, 0), (0, after.as_secs())]);
}

/// Whoever sends it asks until it is noted, and takes nothing meanwhile, whatever the lease.
#[tokio::test(start_paused = true)]
async fn what_is_sent_while_the_database_is_away_is_not_sent_again() {
    for takes in [2, 20, 300] {
        for away in [(1, 7), (1, 60), (1, 600), (40, 170), (40, 200), (40, 290)] {
            let scene = Scene::new(1, &[Duration::from_secs(takes)], away);
            scene.work(1, HOUR).await;
            assert_eq!(scene.sent(), [(0, 0)], "{takes} {away:?}");
            assert!(scene.rows().unwrap().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_process_that_died_was_sending_is_sent_by_another_when_the_lease_ends() {
    let scene = Scene::new(1, &[HOUR], (0, 0));
    scene.work(1, Duration::from_secs(50)).await;
    scene.work(1, HOUR).await;
    // It has said after half a minute that the message was still its own.
    assert_eq!(scene.sent(), [(0, 0), (0, 150)]);
}
