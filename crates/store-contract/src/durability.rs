//! Callers who go away.

use std::time::Duration;

use latchkey_domain::credential::Credential;
use tokio::time::timeout;

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
    // A change of the same user comes after most that are under way. Those that still are end between two
    // looks, but whole: what is there has used its authority up, and what has used it up is there.
    world.create(&person, world.key(&person.user)).await;
    let before = world.credentials_of(&person).await;
    let mut spent = vec![];
    for (authority, uuid) in begun {
        spent.push((world.standing(&authority).await.is_err(), uuid));
    }
    let after = world.credentials_of(&person).await;
    for (is_spent, uuid) in spent {
        let is_in = |kept: &[Credential]| kept.iter().any(|credential| credential.uuid == uuid);
        assert!(is_spent || !is_in(&before));
        assert!(!is_spent || is_in(&after));
    }
}
