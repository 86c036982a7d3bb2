//! Recovery: whoever holds a mailed code and the recovery key begins anew, and everything earlier ends.

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::{
    credential::{CredentialId, kit_number::KitNumber},
    message::MessageKind::{AccountRecovered, RecoveryCode},
};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::{FACTORS, Signer},
    world::{ADA, Circumstances, ONE, World},
};

/// Ada with a recovery key, and the code that was mailed to her.
struct Lost {
    world: World,
    ada: SignedIn,
    kit: Signer,
    code: String,
}

impl Lost {
    async fn everything() -> Self {
        let world = World::with(Circumstances::unlimited()).await;
        let ada = world.ada().await;
        let kit = Signer::recovery_key();
        ada.create(&kit).await.ok();
        let code = mailed_code(&world).await;
        Self {
            world,
            ada,
            kit,
            code,
        }
    }

    async fn begin_with(&self, username: &str, code: &str, credential: &str) -> Answer {
        let body = json!({
            "orgId": self.world.acme.organization,
            "username": username,
            "verificationCode": code,
            "credentialId": credential,
        });
        let place = self.world.stranger();
        place.post("/auth/recover/user/init", &body).await
    }

    async fn begin(&self) -> Value {
        self.begin_with(ADA, &self.code, self.kit.id()).await.ok()
    }

    async fn complete(&self, challenge: &Value, recovery: Value, new: &Value) -> Answer {
        let body = json!({ "recovery": recovery, "newCredentials": new });
        let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
        let place = self.world.stranger().bearing(token);
        place.post("/auth/recover/user", &body).await
    }
}

async fn mailed_code(world: &World) -> String {
    world.tick();
    let body = json!({ "orgId": world.acme.organization, "username": ADA });
    let place = world.stranger();
    place.post("/auth/recover/user/code", &body).await.ok();
    world.mail_codes().await;
    assert_eq!(world.told_kinds(ADA).await.last(), Some(&RecoveryCode));
    world.mailed_code(ADA).await
}

/// What the recovery key signs: exactly these new credentials.
fn agreement(kit: &Signer, new: &Value) -> Value {
    kit.sign(&json!({ "challenge": BASE64URL_NOPAD.encode(new.to_string().as_bytes()) }))
}

fn first(signer: &Signer, challenge: &Value) -> Value {
    json!({ "firstFactorCredential": signer.create(challenge) })
}

#[tokio::test]
async fn a_credential_of_every_kind_can_take_the_place_of_all() {
    for kind in FACTORS {
        let lost = Lost::everything().await;
        let challenge = lost.begin().await;
        assert_eq!(challenge["user"]["name"], ADA);
        let allowed = &challenge["allowedRecoveryCredentials"];
        assert_eq!(allowed[0]["id"], lost.kit.id());
        let signer = Signer::of(kind, ONE);
        let new = first(&signer, &challenge);
        let recovered = lost
            .complete(&challenge, agreement(&lost.kit, &new), &new)
            .await
            .ok();
        assert_eq!(recovered["credential"]["kind"], kind);
        let place = lost.world.stranger();
        let place = signer
            .origin()
            .map_or(place.clone(), |origin| place.at(origin));
        let back = place.sign_in(&lost.world.acme, ADA, &signer).await;
        let held = back.credentials().await;
        assert_eq!(held.len(), 1);
        assert_eq!(held[0]["createdBy"], "recovery");
        let told = lost.world.told_kinds(ADA).await;
        assert!(told.contains(&AccountRecovered), "{told:?}");
    }
}

#[tokio::test]
async fn a_kit_is_named_by_its_number_and_by_nothing_like_it() {
    let lost = Lost::everything().await;
    let id = CredentialId::new(lost.kit.id()).unwrap();
    let number = KitNumber::of(&id).to_string();
    let other = KitNumber::of(&CredentialId::new("another").unwrap());
    let refused = lost.begin_with(ADA, &lost.code, &other.to_string()).await;
    refused.refused(401, "recovery_credential_refused");
    // The code is good still, and the number is taken as it is typed.
    let typed = number.to_lowercase().replace('-', " ");
    let challenge = lost.begin_with(ADA, &lost.code, &typed).await.ok();
    let allowed = &challenge["allowedRecoveryCredentials"];
    assert_eq!(allowed[0]["id"], lost.kit.id());
    let new = first(&Signer::key(), &challenge);
    lost.complete(&challenge, agreement(&lost.kit, &new), &new)
        .await
        .ok();
}

#[tokio::test]
async fn a_recovery_that_began_with_a_kit_ends_when_another_one_takes_its_place() {
    let lost = Lost::everything().await;
    let challenge = lost.begin().await;
    let renewed = Signer::recovery_key();
    lost.ada.renew_recovery_key(&renewed).await.ok();
    let new = first(&Signer::key(), &challenge);
    lost.complete(&challenge, agreement(&lost.kit, &new), &new)
        .await
        .refused_challenge();
    let code = mailed_code(&lost.world).await;
    let refused = lost.begin_with(ADA, &code, lost.kit.id()).await;
    refused.refused(401, "recovery_credential_refused");
    lost.begin_with(ADA, &code, renewed.id()).await.ok();
}

/// It would be a way around everything that a fresh credential may not do.
#[tokio::test]
async fn a_recovery_key_that_is_fresh_recovers_nothing() {
    let world = World::with(Circumstances::unlimited()).await;
    let ada = world.ada().await;
    world.set_freshness(&world.acme, "24h").await;
    let kit = Signer::recovery_key();
    let codes = ada.code(world.now()).await;
    world.stranger().enrol(&codes.short, &kit).await.ok();
    let code = mailed_code(&world).await;
    let lost = Lost {
        world,
        ada,
        kit,
        code,
    };
    let challenge = lost.begin().await;
    let new = first(&Signer::key(), &challenge);
    lost.complete(&challenge, agreement(&lost.kit, &new), &new)
        .await
        .refused(403, "credential_fresh");
    assert!(lost.ada.is_signed_in().await);
    lost.world.set_freshness(&lost.world.acme, "off").await;
    lost.complete(&challenge, agreement(&lost.kit, &new), &new)
        .await
        .ok();
}

#[tokio::test]
async fn only_what_the_recovery_key_agreed_to_is_done() {
    let lost = Lost::everything().await;
    let challenge = lost.begin().await;
    let new = first(&Signer::key(), &challenge);
    let changed = first(&Signer::key(), &challenge);
    for recovery in [
        // Other credentials than were agreed to.
        agreement(&lost.kit, &changed),
        // The challenge of the ceremony, as every other ceremony is answered.
        lost.kit.sign(&challenge),
        // Somebody else's key under the same name.
        {
            let other = Signer::recovery_key();
            let id = lost.kit.id().to_owned();
            other.change_key(|client| client.credential_id = id);
            agreement(&other, &new)
        },
    ] {
        let refused = lost.complete(&challenge, recovery, &new).await;
        refused.refused(401, "factor_refused");
    }
    assert!(lost.ada.is_signed_in().await);
    let done = lost.complete(&challenge, agreement(&lost.kit, &new), &new);
    done.await.ok();
}

#[tokio::test]
async fn a_code_that_is_not_right_looks_the_same_and_costs_the_same() {
    let lost = Lost::everything().await;
    let bob = Signer::key();
    lost.world
        .member(&lost.world.acme, "bob@example.com", &bob)
        .await;
    let mut looks = vec![];
    for (username, code) in [
        (ADA, "ABC-DEF-GHJ"),
        ("bob@example.com", lost.code.as_str()),
        ("nobody@example.com", lost.code.as_str()),
    ] {
        lost.world.warm().await;
        let call = lost.begin_with(username, code, lost.kit.id());
        let (refused, cost) = lost.world.cost(call).await;
        refused.refused_code();
        looks.push((refused.fingerprint(), cost));
    }
    assert_eq!((looks[0].1.reads, looks[0].1.write_transactions), (1, 0));
    assert!(looks.iter().all(|look| *look == looks[0]), "{looks:?}");
    // A right code with a wrong key is not used up.
    for credential in ["no-such-key", lost.ada.signer.id()] {
        lost.begin_with(ADA, &lost.code, credential)
            .await
            .refused(401, "recovery_credential_refused");
    }
    lost.begin().await;
    lost.begin_with(ADA, &lost.code, lost.kit.id())
        .await
        .refused_code();
}
