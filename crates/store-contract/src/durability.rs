//! Callers who go away.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::World;

cases! { durability:
    a_caller_who_goes_away_leaves_no_half_done_change,
}

async fn a_caller_who_goes_away_leaves_no_half_done_change(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let mut begun = vec![];
    for round in 0..60 {
        let (authority, credential) = (world.authority(&person), world.key(&person.user));
        begun.push((authority.clone(), credential.uuid.clone()));
        let call = world.credentials.create(authority, credential);
        let _gone = timeout(Duration::from_micros(round * 50), call).await;
    }
    // A change of the same user comes after all that are under way.
    world.create(&person, world.key(&person.user)).await;
    sleep(Duration::from_millis(200)).await;
    let kept = world.credentials_of(&person).await;
    for (authority, uuid) in begun {
        let was_made = kept.iter().any(|credential| credential.uuid == uuid);
        assert_eq!(world.standing(&authority).await.is_err(), was_made);
    }
}
