//! Messages: kept with a change, taken by one process at a time, and sent once.

use std::{collections::HashSet, time::Duration};

use latchkey_domain::{authority::Authority, message::NewMessage, time::Timestamp};
use latchkey_service::ports::{
    Stores,
    message_store::{ClaimedMessage, MessageState, Pending, Postponement, WaitingMessage, Which},
};

use crate::{CALLERS, NOW, Person, World, at_once};

cases! { messages:
    a_message_is_kept_with_the_change_it_tells_about,
    nobody_is_told_of_a_change_that_does_not_take_effect,
    what_waits_is_shown_oldest_first_and_taken_in_batches,
    what_expires_first_is_taken_first,
    a_claimed_message_is_its_holders_until_the_lease_ends,
    whoever_is_still_sending_a_message_keeps_it,
    a_message_is_given_to_one_of_many_processes,
    a_message_tells_why_it_was_put_back_the_last_time,
    a_message_that_was_put_back_is_due_later,
    what_nobody_is_to_send_stays,
    what_waits_for_later_is_hastened_and_what_is_being_sent_is_not,
    what_is_asked_for_is_due_however_soon_it_was_due_anyhow,
    what_failed_and_what_was_kept_are_asked_for_apart,
    a_message_is_listed_with_what_becomes_of_it,
    messages_are_discarded_one_or_all,
    an_expired_message_is_neither_sent_nor_shown,
    what_is_still_to_be_sent_is_counted_with_the_oldest_of_it,
    what_nobody_sends_is_not_counted_as_still_to_be_sent,
    what_has_expired_is_deleted,
    an_invitation_by_mail_is_the_kept_users,
}

const LEASE: Duration = Duration::from_mins(2);

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

async fn claim(stores: &Stores, now: Timestamp) -> Vec<ClaimedMessage> {
    stores.messages.claim(now, LEASE, 10).await.unwrap()
}

/// Puts a message back for no reason; whether it was still theirs who do.
async fn put_back(stores: &Stores, claimed: &ClaimedMessage, due: Timestamp) -> bool {
    let postponed = Postponement::until(due);
    stores.messages.put_back(claimed, &postponed).await.unwrap()
}

/// Ends no session, tells the user of it that many minutes ago, and gives what waits then.
async fn tell(world: &World, person: &Person, ago: u64) -> WaitingMessage {
    let written = NOW.minus(Duration::from_mins(ago));
    let message = NewMessage {
        created: written,
        due: written,
        ..world.message(&person.user.id)
    };
    keep(world, person, message).await
}

/// The same of a message that nobody is to send.
async fn tell_to_be_read(world: &World, person: &Person) -> WaitingMessage {
    let message = world.message(&person.user.id);
    let message = NewMessage {
        due: message.expires,
        ..message
    };
    keep(world, person, message).await
}

async fn keep(world: &World, person: &Person, message: NewMessage) -> WaitingMessage {
    let authority = Authority::of_session(&world.session(person)).telling(message.clone());
    world.sessions.exercise(authority).await.unwrap();
    WaitingMessage {
        id: message.id,
        kind: message.kind,
        user: message.user,
        to: person.user.username.clone(),
        sealed: message.sealed,
        created: message.created,
        expires: message.expires,
    }
}

async fn a_message_is_kept_with_the_change_it_tells_about(world: World) {
    let person = world.someone().await;
    let told = tell(&world, &person, 0).await;
    assert_eq!(world.told().await, [told]);
}

async fn what_waits_is_shown_oldest_first_and_taken_in_batches(world: World) {
    let person = world.someone().await;
    let mut expected = vec![];
    for ago in [3, 0, 4, 1, 2] {
        expected.push(tell(&world, &person, ago).await);
    }
    expected.sort_by_key(|message| message.created);
    assert_eq!(world.told().await, expected);
    for taken in [2, 2, 1, 0] {
        let claimed = world.messages.claim(NOW, LEASE, 2).await.unwrap();
        assert_eq!(claimed.len(), taken);
    }
}

/// However long it has waited: a code must not wait for notices.
async fn what_expires_first_is_taken_first(world: World) {
    let person = world.someone().await;
    for minutes in [50, 10, 40, 20, 30] {
        let written = NOW.minus(Duration::from_mins(minutes));
        let message = NewMessage {
            created: written,
            due: written,
            expires: later(minutes),
            ..world.message(&person.user.id)
        };
        keep(&world, &person, message).await;
    }
    for expected in [vec![10, 20], vec![30, 40], vec![50]] {
        let claimed = world.messages.claim(NOW, LEASE, 2).await.unwrap();
        let expires: Vec<_> = claimed.iter().map(|held| held.message.expires).collect();
        let expected: Vec<_> = expected.into_iter().map(later).collect();
        assert_eq!(expires, expected);
    }
}

async fn nobody_is_told_of_a_change_that_does_not_take_effect(world: World) {
    let person = world.someone().await;
    world.set_user_active(&person.user.id, false).await;
    let message = world.message(&person.user.id);
    let authority = Authority::of_session(&world.session(&person)).telling(message);
    assert!(world.sessions.exercise(authority).await.is_err());
    assert_eq!(world.told().await, []);
}

async fn a_claimed_message_is_its_holders_until_the_lease_ends(world: World) {
    let person = world.someone().await;
    let message = tell(&world, &person, 0).await;
    let held = |attempt| ClaimedMessage {
        message: message.clone(),
        attempt,
    };
    let first = claim(&world.stores, NOW).await;
    assert_eq!(first, [held(1)]);
    assert!(claim(&world.other, later(1)).await.is_empty());
    let second = claim(&world.other, later(2)).await;
    assert_eq!(second, [held(2)]);
    assert!(!world.messages.remove(&first[0]).await.unwrap());
    assert!(!put_back(&world.stores, &first[0], NOW).await);
    assert!(world.other.messages.remove(&second[0]).await.unwrap());
    assert_eq!(world.told().await, []);
}

async fn whoever_is_still_sending_a_message_keeps_it(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    let claimed = claim(&world.stores, NOW).await;
    let hold = async |minutes| {
        let held = world.messages.hold(&claimed[0], later(minutes));
        held.await.unwrap()
    };
    assert!(hold(3).await);
    assert_eq!(world.messages.hasten(&Which::All).await.unwrap(), 0);
    assert!(claim(&world.other, later(2)).await.is_empty());
    assert!(hold(5).await);
    assert!(claim(&world.other, later(4)).await.is_empty());
    let taken = claim(&world.other, later(5)).await;
    assert!(!hold(9).await);
    assert!(!world.messages.remove(&claimed[0]).await.unwrap());
    assert!(put_back(&world.other, &taken[0], later(7)).await);
    assert!(world.other.messages.remove(&taken[0]).await.unwrap());
    assert_eq!(world.told().await, []);
}

async fn a_message_is_given_to_one_of_many_processes(world: World) {
    let person = world.someone().await;
    for _ in 0..40 {
        tell(&world, &person, 0).await;
    }
    let claimed = at_once(|index| {
        let stores = world.replica(index);
        async move {
            let mut ids = vec![];
            loop {
                let batch = stores.messages.claim(NOW, LEASE, 3).await.unwrap();
                if batch.is_empty() {
                    return ids;
                }
                for message in batch {
                    assert!(stores.messages.remove(&message).await.unwrap());
                    ids.push(message.message.id.to_string());
                }
            }
        }
    })
    .await;
    assert_eq!(claimed.len(), CALLERS);
    let all: Vec<_> = claimed.into_iter().flatten().collect();
    let distinct: HashSet<_> = all.iter().collect();
    // Whoever found all that is due with others left; what they hold is sent by them.
    assert_eq!((all.len(), distinct.len()), (40, 40));
}

async fn a_message_tells_why_it_was_put_back_the_last_time(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    for (minute, reason) in [
        (1, Some("nobody answers")),
        (2, Some("come again")),
        (3, None),
    ] {
        let claimed = claim(&world.stores, later(minute)).await.remove(0);
        let postponed = Postponement {
            due: later(minute + 1),
            reason: reason.map(str::to_owned),
        };
        let put_back = world.messages.put_back(&claimed, &postponed);
        assert!(put_back.await.unwrap());
        let listed = world.other.messages.waiting(later(minute)).await.unwrap();
        assert_eq!(listed[0].failure, postponed.reason);
    }
}

async fn a_message_that_was_put_back_is_due_later(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    let claimed = claim(&world.stores, NOW).await;
    assert!(put_back(&world.stores, &claimed[0], later(5)).await);
    assert!(claim(&world.stores, later(4)).await.is_empty());
    let again = claim(&world.stores, later(5)).await;
    assert_eq!(again[0].attempt, 2);
}

/// It is shown until it expires, and is not sent by who comes to send what else there is.
async fn what_nobody_is_to_send_stays(world: World) {
    let person = world.someone().await;
    let kept = tell_to_be_read(&world, &person).await;
    assert!(claim(&world.stores, NOW).await.is_empty());
    assert!(claim(&world.stores, later(59)).await.is_empty());
    assert_eq!(world.told().await, [kept]);
    tell(&world, &person, 0).await;
    assert_eq!(claim(&world.stores, NOW).await.len(), 1);
}

async fn what_waits_for_later_is_hastened_and_what_is_being_sent_is_not(world: World) {
    let person = world.someone().await;
    let hasten = async |which: &Which| world.messages.hasten(which).await.unwrap();
    tell(&world, &person, 0).await;
    // What nobody has taken is due.
    assert_eq!(hasten(&Which::All).await, 0);
    let tried = claim(&world.stores, NOW).await.remove(0);
    assert!(put_back(&world.stores, &tried, later(30)).await);
    let kept = tell_to_be_read(&world, &person).await;
    tell(&world, &person, 0).await;
    let being_sent = claim(&world.stores, NOW).await.remove(0);
    let one = Which::One(kept.id.clone());
    assert_eq!(hasten(&one).await, 1);
    // It was asked for already.
    assert_eq!(hasten(&one).await, 0);
    // What is being sent is not asked for.
    assert_eq!(hasten(&Which::All).await, 1);
    let counted = world.messages.pending(NOW).await.unwrap();
    assert_eq!(counted.count, 3);
    let taken = claim(&world.stores, NOW).await;
    let taken: HashSet<_> = taken
        .iter()
        .map(|taken| taken.message.id.to_string())
        .collect();
    let expected = [&kept.id, &tried.message.id].map(ToString::to_string);
    assert_eq!(taken, HashSet::from(expected));
    assert!(world.messages.remove(&being_sent).await.unwrap());
    assert!(claim(&world.stores, later(1)).await.is_empty());
    // It is as any other once more, and what has expired stays so.
    let taken = claim(&world.stores, later(2)).await;
    assert_eq!(taken.len(), 2);
    for message in &taken {
        assert!(put_back(&world.stores, message, later(30)).await);
    }
    assert_eq!(hasten(&Which::All).await, 2);
    assert!(claim(&world.stores, later(60)).await.is_empty());
}

/// The first pauses are shorter than a lease.
async fn what_is_asked_for_is_due_however_soon_it_was_due_anyhow(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    let mut now = NOW;
    for pause in [5, 10, 20, 40, 80, 160] {
        let taken = claim(&world.stores, now).await.remove(0);
        now = now.plus(Duration::from_secs(1));
        let due = now.plus(Duration::from_secs(pause));
        assert!(put_back(&world.stores, &taken, due).await);
        assert!(claim(&world.stores, now).await.is_empty(), "{pause}");
        assert_eq!(world.messages.hasten(&Which::All).await.unwrap(), 1);
    }
    assert_eq!(claim(&world.stores, now).await.len(), 1);
}

/// A message that failed, one that is kept, one that is being sent and one that nobody has taken, of people who are
/// told of nothing else.
async fn one_of_each(world: &World) -> [WaitingMessage; 4] {
    let person = world.someone().await;
    let failed = tell(world, &person, 4).await;
    let taken = claim(&world.stores, NOW).await.remove(0);
    assert!(put_back(&world.stores, &taken, later(1)).await);
    let sending = tell(world, &person, 3).await;
    claim(&world.stores, NOW).await;
    let kept = tell_to_be_read(world, &person).await;
    let new = tell(world, &person, 2).await;
    [failed, kept, sending, new]
}

async fn what_failed_and_what_was_kept_are_asked_for_apart(world: World) {
    let [failed, kept, _sending, new] = one_of_each(&world).await;
    for (which, due) in [
        (Which::Failed, vec![&failed, &new]),
        (Which::Kept, vec![&kept]),
    ] {
        assert_eq!(world.messages.hasten(&which).await.unwrap(), 1);
        let taken = claim(&world.stores, NOW).await;
        let taken: HashSet<_> = taken
            .iter()
            .map(|held| held.message.id.to_string())
            .collect();
        assert_eq!(taken, due.iter().map(|held| held.id.to_string()).collect());
    }
}

async fn a_message_is_listed_with_what_becomes_of_it(world: World) {
    let [failed, kept, sending, new] = one_of_each(&world).await;
    let listed = async |now| {
        let listed = world.messages.waiting(now).await.unwrap().into_iter();
        let listed = listed.map(|one| (one.message, one.tries, one.state));
        listed.collect::<Vec<_>>()
    };
    let expected = |sent| {
        vec![
            (failed.clone(), 1, MessageState::Failed(later(1))),
            (sending.clone(), 1, sent),
            (new.clone(), 0, MessageState::Waiting),
            (kept.clone(), 0, MessageState::Kept),
        ]
    };
    assert_eq!(listed(NOW).await, expected(MessageState::Sending));
    // Whoever had it is gone.
    assert_eq!(listed(later(2)).await, expected(MessageState::Waiting));
    world.messages.hasten(&Which::Kept).await.unwrap();
    let asked_for = listed(NOW).await.pop();
    assert_eq!(asked_for, Some((kept.clone(), 0, MessageState::Waiting)));
    assert_eq!(world.messages.discard(&Which::Failed).await.unwrap(), 1);
    assert_eq!(world.told().await, [sending, new, kept]);
}

async fn messages_are_discarded_one_or_all(world: World) {
    let person = world.someone().await;
    let mut told = vec![];
    for _ in 0..3 {
        told.push(tell(&world, &person, 0).await.id);
    }
    let discard = async |which: Which| world.messages.discard(&which).await.unwrap();
    let one = Which::One(told.remove(1));
    assert_eq!(discard(one.clone()).await, 1);
    assert_eq!(discard(one).await, 0);
    let left = world.told().await.into_iter();
    let mut left: Vec<_> = left.map(|message| message.id).collect();
    left.sort();
    told.sort();
    assert_eq!(left, told);
    assert_eq!(discard(Which::All).await, 2);
    assert_eq!(world.told().await, []);
}

async fn an_expired_message_is_neither_sent_nor_shown(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    assert!(claim(&world.stores, later(60)).await.is_empty());
    assert!(world.messages.waiting(later(60)).await.unwrap().is_empty());
}

fn pending(count: u64, oldest: Option<Timestamp>) -> Pending {
    Pending { count, oldest }
}

/// Whether somebody is just sending it or not.
async fn what_is_still_to_be_sent_is_counted_with_the_oldest_of_it(world: World) {
    let at = async |now| world.messages.pending(now).await.unwrap();
    assert_eq!(at(NOW).await, Pending::default());
    let person = world.someone().await;
    for ago in [1, 3, 2] {
        tell(&world, &person, ago).await;
    }
    let oldest = NOW.minus(Duration::from_mins(3));
    assert_eq!(at(NOW).await, pending(3, Some(oldest)));
    let claimed = claim(&world.stores, NOW).await;
    assert_eq!(at(NOW).await, pending(3, Some(oldest)));
    for message in claimed
        .iter()
        .filter(|claimed| claimed.message.created != NOW.minus(Duration::from_mins(2)))
    {
        assert!(world.messages.remove(message).await.unwrap());
    }
    let left = NOW.minus(Duration::from_mins(2));
    assert_eq!(at(NOW).await, pending(1, Some(left)));
    assert_eq!(at(later(60)).await, Pending::default());
}

async fn what_nobody_sends_is_not_counted_as_still_to_be_sent(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    let claimed = claim(&world.stores, NOW).await;
    let message = &claimed[0];
    assert!(put_back(&world.stores, message, message.message.expires).await);
    tell_to_be_read(&world, &person).await;
    assert_eq!(world.told().await.len(), 2);
    let counted = world.messages.pending(NOW).await.unwrap();
    assert_eq!(counted, Pending::default());
}

async fn what_has_expired_is_deleted(world: World) {
    let person = world.someone().await;
    tell(&world, &person, 0).await;
    for (minutes, left) in [(60, 1), (61, 0)] {
        world.housekeep(later(minutes), 100).await;
        assert_eq!(world.told().await.len(), left);
    }
}

async fn an_invitation_by_mail_is_the_kept_users(world: World) {
    let tenant = world.tenant("Example").await;
    let mut first = world.invitation(&tenant.organization, "ada@example.com");
    first.message = Some(world.message(&first.user.id));
    let kept = world.invite(first).await;
    let mut second = world.invitation(&tenant.organization, "Ada@example.com");
    second.message = Some(world.message(&second.user.id));
    world.invite(second).await;
    let told = world.told().await;
    let to: Vec<_> = told.iter().map(|message| &message.to).collect();
    assert_eq!(to, [&kept.username, &kept.username]);
}
