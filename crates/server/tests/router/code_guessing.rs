//! Guessing codes is limited, and nobody can use the limits against others.

use std::time::Duration;

use crate::support::{
    answer::Answer,
    stranger::{Invited, Stranger},
    world::{ADA, Circumstances, World},
};

const WRONG: &str = "ABC-DEF-GHJ";

async fn guess(place: &Stranger) -> Answer {
    place.begin_with_code("Key", WRONG).await
}

/// Uses up the ten wrong codes of an address.
async fn exhaust(place: &Stranger) {
    for _ in 0..10 {
        guess(place).await.refused_code();
    }
}

#[tokio::test]
async fn the_eleventh_wrong_code_of_an_address_is_429_until_the_minute_is_over() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger();
    exhaust(&place).await;
    world.wait(Duration::from_secs(20));
    let codes = ada.code(world.now()).await;
    world.warm().await;
    for code in [WRONG, &codes.short, &codes.long] {
        let (answer, cost) = world.cost(place.begin_with_code("Key", code)).await;
        answer.refused(429, "too_many_attempts");
        assert_eq!(answer.header("retry-after"), "41");
        assert_eq!((cost.reads, cost.write_transactions), (0, 0));
    }
    assert_eq!(ada.code_state().await, "Issued");
    let elsewhere = world.stranger().from("192.0.2.2");
    guess(&elsewhere).await.refused_code();
    world.wait(Duration::from_secs(40));
    guess(&place).await.refused_code();
}

#[tokio::test]
async fn registration_codes_pass_the_same_choke_point() {
    let world = World::new().await;
    let invited = world.invite(&world.acme, "bob@example.com").await;
    let wrong = Invited {
        code: "wrong".to_owned(),
        ..invited.clone()
    };
    let place = world.stranger();
    for _ in 0..10 {
        place.begin_registration(&wrong).await.refused_code();
    }
    for attempt in [&wrong, &invited] {
        let refused = place.begin_registration(attempt).await;
        refused.refused(429, "too_many_attempts");
        assert!(!refused.header("retry-after").is_empty());
    }
    let elsewhere = world.stranger().from("192.0.2.2");
    elsewhere.begin_registration(&invited).await.ok();
}

#[tokio::test]
async fn wrong_codes_of_one_kind_keep_nobody_from_those_of_another() {
    let world = World::new().await;
    let ada = world.ada().await;
    let invited = world.invite(&world.acme, "bob@example.com").await;
    let wrong = Invited {
        code: "wrong".to_owned(),
        ..invited.clone()
    };
    // Where everybody shares an address, one who mistypes a code shuts out nobody who was invited.
    let place = world.stranger();
    exhaust(&place).await;
    guess(&place).await.refused(429, "too_many_attempts");
    place.begin_registration(&invited).await.ok();
    // Nor the other way round.
    let elsewhere = world.stranger().from("192.0.2.2");
    for _ in 0..10 {
        elsewhere.begin_registration(&wrong).await.refused_code();
    }
    let refused = elsewhere.begin_registration(&wrong).await;
    refused.refused(429, "too_many_attempts");
    let codes = ada.code(world.now()).await;
    let claimed = elsewhere.begin_with_code("Key", &codes.short).await;
    claimed.ok();
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let world = World::with(Circumstances {
        trusted_proxies: vec!["10.0.0.0/8"],
        ..Circumstances::default()
    })
    .await;
    let through = |proxy: &str, client: &str| {
        world
            .stranger()
            .from(proxy)
            .with_header("x-forwarded-for", client)
    };
    exhaust(&through("10.0.0.1", "203.0.113.1")).await;
    // What the client itself wrote stands left of what the proxy added.
    let refused = guess(&through("10.0.0.2", "198.51.100.9, 203.0.113.1")).await;
    refused.refused(429, "too_many_attempts");
    guess(&through("10.0.0.1", "203.0.113.2"))
        .await
        .refused_code();
    // Nobody else is believed.
    for last in 1..=10 {
        let place = through("192.0.2.1", &format!("203.0.113.{last}"));
        guess(&place).await.refused_code();
    }
    let refused = guess(&through("192.0.2.1", "203.0.113.99")).await;
    refused.refused(429, "too_many_attempts");
}

#[tokio::test]
async fn sign_ins_are_limited_per_address() {
    let world = World::new().await;
    let ada = world.ada().await;
    // One sign-in has begun from this address already.
    for _ in 0..59 {
        world.stranger().begin_login(&world.acme, ADA).await.ok();
    }
    let refused = world.stranger().begin_login(&world.acme, ADA).await;
    refused.refused(429, "too_many_attempts");
    assert_eq!(refused.header("retry-after"), "61");
    let elsewhere = world.stranger().from("192.0.2.2");
    let again = elsewhere.sign_in(&world.acme, ADA, &ada.signer).await;
    assert!(again.is_signed_in().await);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let world = World::with(Circumstances::unlimited()).await;
    for _ in 0..2 {
        exhaust(&world.stranger()).await;
    }
}
