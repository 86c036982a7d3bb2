//! Security events that wait to be told: each is taken once, whole, oldest first.

use std::{collections::HashSet, time::Duration};

use latchkey_domain::id::{ApplicationId, CredentialUuid, EventId, OrganizationId, UserId};
use latchkey_service::{
    events::{Event, Reason},
    ports::event_store::LeftEvent,
};

use crate::{CALLERS, NOW, World, at_once};

cases! { events:
    an_event_that_was_left_is_taken_whole_and_once,
    events_are_taken_in_batches_oldest_first,
    every_event_and_every_reason_can_be_left,
    an_event_is_given_to_one_of_many_processes,
}

impl World {
    /// An event about nothing, so many seconds ago.
    pub fn event(&self, ago: u64) -> LeftEvent {
        LeftEvent {
            id: EventId::from_random(&self.draw()),
            at: NOW.minus(Duration::from_secs(ago)),
            event: Event::WriteBackup,
            refused: None,
            organization: None,
            user: None,
            credential: None,
            application: None,
        }
    }

    async fn leave(&self, left: &LeftEvent) {
        self.events.leave(left.clone()).await.unwrap();
    }
}

/// What it is about need not be there.
async fn an_event_that_was_left_is_taken_whole_and_once(world: World) {
    let left = LeftEvent {
        event: Event::DemoteUser,
        refused: Some(Reason::LastAdministrator),
        organization: Some(OrganizationId::from_random(&world.draw())),
        user: Some(UserId::from_random(&world.draw())),
        credential: Some(CredentialUuid::from_random(&world.draw())),
        application: Some(ApplicationId::from_random(&world.draw())),
        ..world.event(0)
    };
    world.leave(&left).await;
    assert_eq!(world.other.events.take(9).await.unwrap(), [left]);
    assert_eq!(world.events.take(9).await.unwrap(), []);
}

async fn events_are_taken_in_batches_oldest_first(world: World) {
    let mut expected = vec![];
    for ago in [3, 1, 4, 0, 2] {
        let left = world.event(ago);
        world.leave(&left).await;
        expected.push(left);
    }
    expected.sort_by_key(|left| left.at);
    for batch in expected.chunks(2) {
        assert_eq!(world.events.take(2).await.unwrap(), batch);
    }
    assert_eq!(world.events.take(2).await.unwrap(), []);
}

async fn every_event_and_every_reason_can_be_left(world: World) {
    let events = Event::ALL.iter().map(|event| (*event, None));
    let reasons = Reason::ALL
        .iter()
        .map(|reason| (Event::InviteUser, Some(*reason)));
    let all: Vec<_> = events.chain(reasons).collect();
    for (event, refused) in &all {
        let left = LeftEvent {
            event: *event,
            refused: *refused,
            ..world.event(0)
        };
        world.leave(&left).await;
    }
    let taken = world.events.take(1_000).await.unwrap();
    let taken: HashSet<_> = taken
        .iter()
        .map(|left| (left.event, left.refused))
        .collect();
    assert_eq!(taken, all.into_iter().collect());
}

async fn an_event_is_given_to_one_of_many_processes(world: World) {
    for _ in 0..40 {
        world.leave(&world.event(0)).await;
    }
    let taken = at_once(|index| {
        let stores = world.replica(index);
        async move {
            let mut ids = vec![];
            loop {
                let batch = stores.events.take(3).await.unwrap();
                if batch.is_empty() {
                    return ids;
                }
                ids.extend(batch.into_iter().map(|left| left.id.to_string()));
            }
        }
    })
    .await;
    assert_eq!(taken.len(), CALLERS);
    let all: Vec<_> = taken.into_iter().flatten().collect();
    let distinct: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (40, 40));
}
