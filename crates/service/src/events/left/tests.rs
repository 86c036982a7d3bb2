use std::sync::Mutex;

use super::*;
use crate::{
    ports::event_store::MockEventStore,
    testing::{NOW, clock, entropy, events, organization, user},
};

/// A store that keeps what is left, and gives it to whoever takes it first.
fn kept() -> MockEventStore {
    let kept: Arc<Mutex<Vec<LeftEvent>>> = Arc::default();
    let mut store = MockEventStore::new();
    let leaving = Arc::clone(&kept);
    store.expect_leave().returning(move |left| {
        leaving.lock().unwrap().push(left);
        Ok(())
    });
    store
        .expect_take()
        .returning(move |_batch| Ok(std::mem::take(&mut *kept.lock().unwrap())));
    store
}

fn left(store: MockEventStore, events: Events) -> LeftEvents {
    LeftEvents {
        clock: clock(),
        entropy: entropy(),
        store: Arc::new(store),
        events,
    }
}

fn facts() -> Facts {
    Facts {
        organization: Some(organization(1)),
        user: Some(user(1).id),
        ..Facts::default()
    }
}

#[tokio::test]
async fn an_event_that_was_left_is_told_once_by_who_takes_it_and_not_by_who_left_it() {
    let (events, heard) = events();
    let left = left(kept(), events);
    let outcome = left
        .leave_outcome::<_, StoreError>(Event::InviteUser, &facts(), Ok(7))
        .await;
    assert_eq!(outcome.unwrap(), 7);
    left.leave(Event::WriteBackup).await;
    assert_eq!(heard.take(), []);
    assert_eq!(left.run().await.unwrap(), 2);
    assert_eq!(
        heard.take(),
        [(Event::InviteUser, None), (Event::WriteBackup, None)]
    );
    assert_eq!(left.run().await.unwrap(), 0);
    assert_eq!(heard.take(), []);
}

#[tokio::test]
async fn what_is_not_there_is_refused_and_what_changes_nothing_is_no_event() {
    let (events, heard) = events();
    let left = left(kept(), events);
    for (effect, told) in [
        (Effect::Changed, Some(None)),
        (Effect::Unneeded, None),
        (Effect::NotFound, Some(Some(Reason::NotFound))),
    ] {
        let given = left
            .leave_effect::<StoreError>(Event::PromoteUser, &facts(), Ok(effect))
            .await;
        assert_eq!(given.unwrap(), effect);
        left.run().await.unwrap();
        let told: Vec<_> = told
            .map(|refused| (Event::PromoteUser, refused))
            .into_iter()
            .collect();
        assert_eq!(heard.take(), told);
    }
}

#[tokio::test]
async fn what_is_left_says_when_it_was_and_whom_it_is_about() {
    let mut store = MockEventStore::new();
    store
        .expect_leave()
        .times(1)
        .withf(|left| {
            left.at == NOW
                && left.event == Event::DemoteUser
                && left.refused == Some(Reason::LastAdministrator)
                && left.organization == Some(organization(1))
                && left.user == Some(user(1).id)
                && left.credential.is_none()
                && left.application.is_none()
        })
        .returning(|_| Ok(()));
    let (events, heard) = events();
    let refused = left(store, events)
        .leave_outcome::<(), _>(
            Event::DemoteUser,
            &facts(),
            Err(crate::ports::administration_store::SetUserError::LastAdministrator),
        )
        .await;
    assert!(refused.is_err());
    assert_eq!(heard.take(), []);
}

#[tokio::test]
async fn what_cannot_be_left_is_told_at_once() {
    let mut store = MockEventStore::new();
    store
        .expect_leave()
        .times(1)
        .returning(|_| Err(StoreError::new("it takes no changes")));
    let (events, heard) = events();
    let left = left(store, events);
    left.leave(Event::RestoreBackup).await;
    assert_eq!(heard.take(), [(Event::RestoreBackup, None)]);
    // Of a store that failed nothing is asked again.
    let away = Err(StoreError::unavailable("away"));
    let refused = left.leave_effect(Event::PromoteUser, &facts(), away).await;
    assert!(refused.is_err());
    let reason = Some(Reason::StoreUnavailable);
    assert_eq!(heard.take(), [(Event::PromoteUser, reason)]);
}

#[tokio::test]
async fn events_stay_when_the_store_cannot_give_them() {
    let mut store = MockEventStore::new();
    store
        .expect_take()
        .returning(|_batch| Err(StoreError::unavailable("away")));
    let (events, heard) = events();
    assert!(left(store, events).run().await.is_err());
    assert_eq!(heard.take(), []);
}
