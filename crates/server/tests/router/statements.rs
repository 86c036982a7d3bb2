//! Few queries: what calls cost the database that are not as usual (see `operations`).

use serde_json::json;

use crate::support::{
    signer::Signer,
    world::{ADA, ONE, World},
};

#[tokio::test]
async fn a_directory_that_is_too_old_costs_one_read_more() {
    let world = World::new().await;
    let ada = world.ada().await;
    world.warm().await;
    let place = world.stranger().at(ONE);
    let (_, warm) = world.cost(place.begin_login(&world.acme, ADA)).await;
    world.wait(std::time::Duration::from_secs(5));
    let (_, cold) = world.cost(place.begin_login(&world.acme, ADA)).await;
    assert_eq!((warm.reads, cold.reads), (1, 2));
    world.wait(std::time::Duration::from_secs(5));
    let codes = ada.code(world.now()).await;
    world.wait(std::time::Duration::from_secs(5));
    let (begun, cold) = world.cost(place.begin_with_code("Key", &codes.short)).await;
    begun.ok();
    assert!(cold.reads <= 3, "{cold:?}");
}

#[tokio::test]
async fn a_refused_call_writes_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let place = world.stranger();
    let registration = place.begin_registration(&invited).await.ok();
    let login = place.begin_login(&world.acme, ADA).await.ok();
    let claimed = place.begin_with_code("Key", &codes.short).await.ok();
    let token = registration["temporaryAuthenticationToken"]
        .as_str()
        .unwrap();
    let wrong = json!({ "challenge": "Y2gtYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ" });

    let (answers, cost) = world
        .cost(async {
            let mut bad_login = login.clone();
            bad_login["challenge"] = wrong["challenge"].clone();
            let mut bad_claim = claimed.clone();
            bad_claim["challenge"] = wrong["challenge"].clone();
            let body = json!({ "firstFactorCredential": Signer::key().create(&wrong) });
            [
                place.begin_login(&world.acme, "nobody").await,
                place.begin_with_code("Key", "ABC-DEF-GHJ").await,
                place.begin_with_code("Key", &codes.short).await,
                place.complete_login(&bad_login, &ada.signer).await,
                place.complete_login(&login, &Signer::key()).await,
                place.verify(&bad_claim, &Signer::key()).await,
                place.bearing(token).post("/auth/registration", &body).await,
                place.get("/health/live").await,
                place.get("/health/ready").await,
                place.get("/openapi.json").await,
                place.get("/auth/credentials").await,
                place.get("/nowhere").await,
            ]
        })
        .await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        3
    );
    assert_eq!((cost.write_transactions, cost.write_statements), (0, 0));
}
