//! Users: an administrator manages the users of the organization, and nobody else does.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, World},
};

const USERS: &str = "/auth/users";
const BOB: &str = "bob@example.com";

async fn create(by: &SignedIn, body: Value) -> Answer {
    by.signed(Method::POST, USERS, Some(&body)).await
}

fn employee(email: &str) -> Value {
    json!({ "email": email, "kind": "CustomerEmployee" })
}

/// The path of a user, with what to do to the user if anything.
fn path(user: &str, verb: &str) -> String {
    format!("{USERS}/{user}{verb}")
}

async fn change(by: &SignedIn, user: &str, verb: &str) -> Answer {
    let path = path(user, verb);
    let method = if verb.is_empty() {
        Method::DELETE
    } else {
        Method::PUT
    };
    by.signed(method, &path, None).await
}

/// Every user in the list, by following it page by page.
async fn follow(by: &SignedIn, query: &str) -> Vec<Value> {
    let mut users = Vec::new();
    let mut next = String::new();
    loop {
        let page = by.get(&format!("{USERS}?{query}{next}")).await.ok();
        users.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["nextPageToken"].as_str() {
            Some(token) => next = format!("&paginationToken={token}"),
            None => return users,
        }
    }
}

fn names(users: &[Value]) -> Vec<&str> {
    users
        .iter()
        .map(|user| user["username"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_administrator_sees_every_user_of_the_organization_and_of_no_other() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    world
        .member(&world.rival, "eve@example.com", &Signer::key())
        .await;
    // The list is oldest first, and what is made at one moment is in no order.
    world.wait(std::time::Duration::from_millis(1));
    world.invite(&world.acme, BOB).await;
    let list = ada.get(USERS).await.ok();
    let users = list["items"].as_array().unwrap();
    assert_eq!(names(users), ["admin@one.example", ADA, BOB]);
    assert_eq!(list.get("nextPageToken"), None);
    let own = &users[1];
    assert_eq!(own["userId"], ada.user_id().await);
    assert_eq!(own["credentialUuid"], ada.uuid_of(&ada.signer).await);
    assert_eq!(own["orgId"], world.acme.organization);
    assert_eq!(
        (
            &own["isRegistered"],
            &own["isActive"],
            &own["isAdministrator"]
        ),
        (&json!(true), &json!(true), &json!(true))
    );
    let invited = &users[2];
    assert_eq!(invited["credentialUuid"], "");
    assert_eq!(
        (&invited["isRegistered"], &invited["isAdministrator"]),
        (&json!(false), &json!(false))
    );
    for user in users {
        let alone = ada.get(&path(user["userId"].as_str().unwrap(), "")).await;
        assert_eq!(&alone.ok(), user);
    }
    for (kind, expected) in [
        ("CustomerEmployee", &["admin@one.example"][..]),
        ("EndUser", &[ADA, BOB][..]),
    ] {
        let users = follow(&ada, &format!("kind={kind}&limit=1")).await;
        assert_eq!(names(&users), expected);
    }
}

#[tokio::test]
async fn what_becomes_of_a_user_is_told() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let signer = Signer::key();
    let bob = world.member(&world.acme, BOB, &signer).await;
    let id = bob.user_id().await;
    let mut expected = ada.get(&path(&id, "")).await.ok();
    for (verb, active) in [("/deactivate", false), ("/activate", true)] {
        expected["isActive"] = json!(active);
        for _ in 0..2 {
            assert_eq!(change(&ada, &id, verb).await.ok(), expected);
            assert!(!bob.is_signed_in().await);
        }
    }
    let again = world.stranger().sign_in(&world.acme, BOB, &signer).await;
    assert_eq!(change(&ada, &id, "").await.ok(), expected);
    assert!(!again.is_signed_in().await);
    ada.get(&path(&id, "")).await.refused(404, "user_not_found");
}

#[tokio::test]
async fn the_list_is_given_page_by_page() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    // All at one moment of the clock, so that only their ids order them.
    for number in 0..7 {
        world
            .invite(&world.acme, &format!("user{number}@example.com"))
            .await;
    }
    let all = follow(&ada, "").await;
    assert_eq!(all.len(), 9);
    for limit in [1, 2, 3, 8, 9, 10, 200] {
        assert_eq!(
            follow(&ada, &format!("limit={limit}")).await,
            all,
            "{limit}"
        );
    }
    let page = ada.get(&format!("{USERS}?limit=9")).await.ok();
    assert_eq!(page.get("nextPageToken"), None);
}

#[tokio::test]
async fn following_the_list_meets_everyone_once_whoever_comes_and_goes() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    // Who was made at the same moment comes in an order of chance: she is on the first page.
    world.wait(std::time::Duration::from_millis(1));
    for number in 0..6 {
        world
            .invite(&world.acme, &format!("user{number}@example.com"))
            .await;
    }
    let before = follow(&ada, "").await;
    let mut met = Vec::new();
    let mut next = String::new();
    for round in 0.. {
        let page = ada.get(&format!("{USERS}?limit=2{next}")).await.ok();
        let users = page["items"].as_array().unwrap();
        met.extend(users.iter().map(|user| user["userId"].clone()));
        world
            .invite(&world.acme, &format!("late{round}@example.com"))
            .await;
        if round == 1 {
            // Even the one whose place the token names.
            let last = users.last().unwrap()["userId"].as_str().unwrap();
            change(&ada, last, "").await.ok();
        }
        match page["nextPageToken"].as_str() {
            Some(token) => next = format!("&paginationToken={token}"),
            None => break,
        }
        world.wait(std::time::Duration::from_millis(1));
        assert!(round < 20, "the list ends");
    }
    let distinct: BTreeSet<_> = met.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), met.len());
    for user in before {
        assert!(met.contains(&user["userId"]), "{user}");
    }
}

#[tokio::test]
async fn parameters_of_the_list_that_cannot_be_are_named() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("kind=Robot", "kind"),
        ("kind=", "kind"),
        ("kind=EndUser&kind=EndUser", "kind"),
        ("paginationToken=", "paginationToken"),
        ("paginationToken=AAAA", "paginationToken"),
        ("paginationToken=%ff", "paginationToken"),
    ] {
        let refused = ada.get(&format!("{USERS}?{query}")).await;
        refused.refused(400, "invalid_field").about(field);
    }
    let refused = ada.get(&format!("{USERS}?unknown=1&limit=5")).await;
    refused.refused(400, "invalid_field").about("unknown");
    refused.saying(
        "unknown is not known here: the query may have limit, paginationToken, kind, search",
    );
    for search in ["", "%20", "%00", "a%E2%80%8Bb"] {
        let refused = ada.get(&format!("{USERS}?search={search}")).await;
        refused.refused(400, "invalid_field").about("search");
    }
}

#[tokio::test]
async fn users_are_found_by_part_of_their_name_or_id_in_the_own_organization() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    // Names that are longer than what a random id may have in it.
    for (tenant, name) in [
        (&world.acme, "Robertson.Miller@example.com"),
        (&world.acme, "robertson_100%@example.com"),
        (&world.rival, "robertson@example.com"),
    ] {
        world.invite(tenant, name).await;
    }
    let find = async |query: &str| {
        let users = follow(&ada, query).await;
        let names = users.iter().map(|user| user["username"].to_string());
        let mut names: Vec<_> = names.collect();
        // Who was made at the same moment comes in an order of chance.
        names.sort();
        names
    };
    let [miller, hundred] = [
        "\"Robertson.Miller@example.com\"",
        "\"robertson_100%@example.com\"",
    ];
    assert_eq!(find("search=ROBERTSON&limit=1").await, [miller, hundred]);
    assert_eq!(find("search=robertson&kind=EndUser").await.len(), 2);
    assert_eq!(
        find("search=robertson&kind=CustomerEmployee").await,
        Vec::<String>::new()
    );
    assert_eq!(find("search=_100%25").await, [hundred]);
    assert_eq!(find("search=n_m").await, Vec::<String>::new());
    let page = ada.get(&format!("{USERS}?search=miller")).await.ok();
    let id = page["items"][0]["userId"].as_str().unwrap();
    assert_eq!(find(&format!("search={}", &id[3..])).await, [miller]);
}

#[tokio::test]
async fn a_pagination_token_of_another_organization_shows_nothing_of_it() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let eve = world.administrator(&world.rival, "eve@example.com").await;
    let page = ada.get(&format!("{USERS}?limit=1")).await.ok();
    let token = page["nextPageToken"].as_str().unwrap();
    let users = follow(&eve, &format!("paginationToken={token}")).await;
    assert!(
        users
            .iter()
            .all(|user| user["orgId"] == world.rival.organization)
    );
}

#[tokio::test]
async fn a_created_user_can_register() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let body = json!({
        "email": BOB,
        "kind": "CustomerEmployee",
        "externalId": "staff-7",
        "isSSORequired": false,
    });
    let made = create(&ada, body).await.ok();
    assert_eq!(made["username"], BOB);
    assert_eq!(made["externalId"], "staff-7");
    assert_eq!(made["kind"], "CustomerEmployee");
    assert_eq!(made["isRegistered"], false);
    let id = made["userId"].as_str().unwrap();
    assert_eq!(ada.get(&path(id, "")).await.ok(), made);
    let invited = world.invite(&world.acme, BOB).await;
    assert_eq!(invited.id, id);
    let place = world.stranger();
    place.register(&invited, &Signer::key()).await.ok();
    let registered = ada.get(&path(id, "")).await.ok();
    assert_eq!(registered["isRegistered"], true);
    assert!(
        registered["credentialUuid"]
            .as_str()
            .unwrap()
            .starts_with("cr-")
    );
    create(&ada, employee(BOB))
        .await
        .refused(409, "user_exists");
}

#[tokio::test]
async fn a_name_or_external_id_that_is_taken_is_refused() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    for email in [ADA, "Ada@Example.com"] {
        let refused = create(&ada, employee(email)).await;
        refused
            .refused(409, "user_exists")
            .about("email")
            .saying("User already exists.");
        assert_eq!(refused.body["error"]["details"]["duplicate"], "email");
    }
    let body = |email| json!({ "email": email, "kind": "CustomerEmployee", "externalId": "7" });
    let made = create(&ada, body(BOB)).await.ok();
    let refused = create(&ada, body("carol@example.com")).await;
    refused
        .refused(409, "external_id_taken")
        .about("externalId");
    assert_eq!(refused.body["error"]["details"]["duplicate"], "externalId");
    assert_eq!(follow(&ada, "").await.len(), 3);
    // Another organization has names and ids of its own, and deleting frees them.
    let eve = world.administrator(&world.rival, "eve@example.com").await;
    create(&eve, body(BOB)).await.ok();
    change(&ada, made["userId"].as_str().unwrap(), "")
        .await
        .ok();
    create(&ada, body("carol@example.com")).await.ok();
    create(&ada, employee(BOB)).await.ok();
}

#[tokio::test]
async fn what_is_not_offered_for_users_says_so() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    for (member, value) in [
        ("isSSORequired", json!(true)),
        ("publicKey", json!("-----BEGIN")),
    ] {
        let mut body = employee(BOB);
        body[member] = value;
        create(&ada, body)
            .await
            .refused(400, "not_offered")
            .about(member);
    }
    for kind in ["EndUser", "customeremployee", "TenantUser"] {
        let body = json!({ "email": BOB, "kind": kind });
        let refused = create(&ada, body).await;
        refused
            .refused(400, "invalid_field")
            .about("kind")
            .saying("kind must be CustomerEmployee");
    }
    let own = path(&ada.user_id().await, "");
    let body = json!({ "isSSORequired": true });
    let refused = ada.signed(Method::PUT, &own, Some(&body)).await;
    refused.refused(400, "not_offered").about("isSSORequired");
}

#[tokio::test]
async fn an_administrator_who_was_demoted_may_no_more() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let body = employee(BOB);
    let action = ada
        .user_action(&Method::POST, USERS, &body.to_string())
        .await;
    world.set_administrator(&ada.user_id().await, false).await;
    ada.get(USERS).await.refused(403, "not_permitted");
    let place = ada.with_action(&action);
    place.post(USERS, &body).await.refused(403, "not_permitted");
    // What was refused used nothing up.
    world.set_administrator(&ada.user_id().await, true).await;
    place.post(USERS, &body).await.ok();
    place
        .post(USERS, &body)
        .await
        .refused(400, "user_action_used");
}

/// Who bootstrap made: an administrator who has not registered.
async fn first_administrator(by: &SignedIn) -> String {
    let page = by.get(&format!("{USERS}?limit=1")).await.ok();
    page["items"][0]["userId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_last_active_administrator_can_be_neither_deactivated_nor_deleted() {
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let first = first_administrator(&ada).await;
    let own = ada.user_id().await;
    change(&ada, &first, "/deactivate").await.ok();
    for verb in ["/deactivate", ""] {
        change(&ada, &own, verb)
            .await
            .refused(409, "last_administrator");
    }
    assert!(ada.is_signed_in().await);
    // With another one who is active, an administrator may leave.
    change(&ada, &first, "/activate").await.ok();
    change(&ada, &own, "/deactivate").await.ok();
    assert!(!ada.is_signed_in().await);
}
