//! Few queries: what each call costs the database.

use std::fmt::Write as _;

use axum::http::Method;
use latchkey_storage::store::Statements;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signer::Signer,
    world::{ADA, Circumstances, ONE, World},
};

/// What a call may cost at most, besides the statements inside its one write transaction.
#[derive(Clone, Copy)]
struct Budget {
    reads: u64,
    write_transactions: u64,
}

/// An init that writes nothing.
const INIT: Budget = Budget {
    reads: 3,
    write_transactions: 0,
};

/// A call that takes effect, and the init that claims a code.
const EFFECT: Budget = Budget {
    reads: 3,
    write_transactions: 1,
};

/// What each call did cost, in the order they were made.
#[derive(Default)]
struct Table(Vec<(&'static str, Statements)>);

impl Table {
    /// Makes a call that must succeed, with a directory that is fresh, and holds it to its budget.
    async fn measure(
        &mut self,
        world: &World,
        name: &'static str,
        budget: Budget,
        call: impl Future<Output = Answer>,
    ) -> Value {
        world.warm().await;
        let (answer, cost) = world.cost(call).await;
        let body = answer.ok();
        assert!(cost.reads <= budget.reads, "{name}: {cost:?}");
        assert_eq!(
            cost.write_transactions, budget.write_transactions,
            "{name}: {cost:?}"
        );
        self.0.push((name, cost));
        body
    }

    fn print(&self, database: &str) {
        let mut text = format!(
            "\n| call ({database}) | reads | write transactions | statements in them |\n|---|---|---|---|\n"
        );
        for (name, cost) in &self.0 {
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} |",
                cost.reads, cost.write_transactions, cost.write_statements
            );
        }
        println!("{text}");
    }
}

#[tokio::test]
async fn every_call_keeps_to_its_budget_on_sqlite() {
    let table = measure_all(&World::new().await).await;
    table.print("SQLite");
}

#[tokio::test]
async fn every_call_keeps_to_its_budget_on_postgres() {
    let world = World::with(Circumstances::default().on_postgres()).await;
    let table = measure_all(&world).await;
    table.print("PostgreSQL");
}

async fn measure_all(world: &World) -> Table {
    let mut table = Table::default();
    let place = world.stranger().at(ONE);
    let signer = Signer::passkey(ONE);

    let invited = world.invite(&world.acme, ADA).await;
    let call = place.begin_registration(&invited);
    let challenge = table
        .measure(world, "POST /auth/registration/init", INIT, call)
        .await;
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({ "firstFactorCredential": signer.create(&challenge) });
    let bearing = place.bearing(token);
    let call = bearing.post("/auth/registration", &body);
    table
        .measure(world, "POST /auth/registration", EFFECT, call)
        .await;

    let call = place.begin_login(&world.acme, ADA);
    let challenge = table
        .measure(world, "POST /auth/login/init", INIT, call)
        .await;
    let call = place.complete_login(&challenge, &signer);
    table.measure(world, "POST /auth/login", EFFECT, call).await;
    let body = json!({ "orgId": world.acme.organization });
    let call = place.post("/auth/login/init", &body);
    table
        .measure(world, "POST /auth/login/init, no username", INIT, call)
        .await;

    measure_signed_in(world, &mut table, &signer).await;
    measure_users(world, &mut table).await;
    table
}

async fn measure_users(world: &World, table: &mut Table) {
    let ada = world
        .administrator(&world.acme, "administrator@example.com")
        .await;
    let call = ada.get("/auth/users?limit=2");
    table.measure(world, "GET /auth/users", INIT, call).await;
    let body = Some(json!({ "email": "new@example.com", "kind": "CustomerEmployee" }));
    let made = measure_signed(world, table, &ada, ("POST", "/auth/users", body)).await;
    let path = format!("/auth/users/{}", made["userId"].as_str().unwrap());
    let call = ada.get(&path);
    table
        .measure(world, "GET /auth/users/{userId}", INIT, call)
        .await;
    let body = Some(json!({ "isSSORequired": false }));
    measure_signed(world, table, &ada, ("PUT", &path, body)).await;
    for verb in ["deactivate", "activate"] {
        let path = format!("{path}/{verb}");
        measure_signed(world, table, &ada, ("PUT", &path, None)).await;
    }
    measure_signed(world, table, &ada, ("DELETE", &path, None)).await;
}

async fn measure_signed_in(world: &World, table: &mut Table, signer: &Signer) {
    let place = world.stranger().at(ONE);
    let ada = place.sign_in(&world.acme, ADA, signer).await;

    let call = ada.begin_action("POST", "/x", "");
    let challenge = table
        .measure(world, "POST /auth/action/init", INIT, call)
        .await;
    let call = ada.complete_action(&challenge, signer);
    table
        .measure(world, "POST /auth/action", EFFECT, call)
        .await;

    let call = ada.get("/auth/credentials");
    table
        .measure(world, "GET /auth/credentials", INIT, call)
        .await;
    let spare = Signer::passkey(ONE);
    let call = ada.begin_credential("Fido2");
    let challenge = table
        .measure(world, "POST /auth/credentials/init", INIT, call)
        .await;
    let body = spare.named_credential(&challenge, "x");
    let made = measure_signed(
        world,
        table,
        &ada,
        ("POST", "/auth/credentials", Some(body)),
    )
    .await;
    let uuid = made["credentialUuid"].as_str().unwrap();

    let body = || Some(json!({ "credentialUuid": uuid }));
    let path = format!("/auth/credentials/{uuid}");
    let name = Some(json!({ "name": "y" }));
    measure_signed(world, table, &ada, ("PUT", path.as_str(), name)).await;
    for path in ["/auth/credentials/deactivate", "/auth/credentials/activate"] {
        measure_signed(world, table, &ada, ("PUT", path, body())).await;
    }
    let body = Some(json!({ "expiration": world.now() + 60_000 }));
    let codes = measure_signed(world, table, &ada, ("POST", "/auth/credentials/code", body)).await;
    let call = ada.get("/auth/credentials/code");
    table
        .measure(world, "GET /auth/credentials/code", INIT, call)
        .await;
    let call = place.begin_with_code("Fido2", codes["code"].as_str().unwrap());
    let challenge = table
        .measure(world, "POST /auth/credentials/code/init", EFFECT, call)
        .await;
    let second = Signer::passkey(ONE);
    let call = place.verify(&challenge, &second);
    table
        .measure(world, "POST /auth/credentials/code/verify", EFFECT, call)
        .await;
    let cancel = ada.place();
    let call = cancel.delete("/auth/credentials/code");
    table
        .measure(world, "DELETE /auth/credentials/code", EFFECT, call)
        .await;

    let path = format!("/auth/credentials/{uuid}");
    let call = ("DELETE", path.as_str(), None);
    measure_signed(world, table, &ada, call).await;
    let again = place.sign_in(&world.acme, ADA, signer).await;
    let call = again.log_out(false);
    table.measure(world, "PUT /auth/logout", EFFECT, call).await;
    let call = ada.log_out(true);
    table
        .measure(world, "PUT /auth/logout, all sessions", EFFECT, call)
        .await;
}

/// Measures a call that needs a user action, without the signing of it.
async fn measure_signed(
    world: &World,
    table: &mut Table,
    user: &crate::support::signed_in::SignedIn,
    (method, path, body): (&str, &str, Option<Value>),
) -> Value {
    let method: Method = method.parse().unwrap();
    let body = body.map(|body| body.to_string());
    let payload = body.as_deref().unwrap_or_default();
    let action = user.user_action(&method, path, payload).await;
    let place = user.with_action(&action);
    let name = match (method.as_str(), path) {
        ("POST", "/auth/credentials") => "POST /auth/credentials",
        ("PUT", "/auth/credentials/deactivate") => "PUT /auth/credentials/deactivate",
        ("PUT", "/auth/credentials/activate") => "PUT /auth/credentials/activate",
        ("POST", "/auth/credentials/code") => "POST /auth/credentials/code",
        ("POST", "/auth/users") => "POST /auth/users",
        ("PUT", path) if path.ends_with("/activate") => "PUT /auth/users/{userId}/activate",
        ("PUT", path) if path.ends_with("/deactivate") => "PUT /auth/users/{userId}/deactivate",
        ("PUT", path) if path.starts_with("/auth/users/") => "PUT /auth/users/{userId}",
        ("DELETE", path) if path.starts_with("/auth/users/") => "DELETE /auth/users/{userId}",
        ("PUT", _) => "PUT /auth/credentials/{credentialUuid}",
        ("DELETE", _) => "DELETE /auth/credentials/{credentialUuid}",
        other => panic!("{other:?}"),
    };
    let call = place.call(method, path, body.as_deref());
    table.measure(world, name, EFFECT, call).await
}

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
