//! What a challenge says of the credential that is to sign an action, when that is no longer so.

use crate::support::{
    signer::Signer,
    world::{ADA, ONE, World},
};

enum Taken {
    Session,
    Epoch,
    User,
    Organization,
    Application,
    Credential,
    CredentialForATime,
    CredentialForGood,
}

#[tokio::test]
async fn what_was_taken_away_since_the_challenge_signs_nothing() {
    let (void, unknown) = ((400, "challenge_invalid"), (401, "no_usable_credential"));
    // What the user is told in another session, where that one still holds.
    for (taken, elsewhere) in [
        (Taken::Session, None),
        (Taken::Epoch, None),
        (Taken::User, None),
        (Taken::Organization, None),
        (Taken::Application, Some(void)),
        (Taken::Credential, Some(void)),
        (Taken::CredentialForATime, Some(void)),
        (Taken::CredentialForGood, Some(unknown)),
    ] {
        let world = World::new().await;
        let passkey = Signer::passkey(ONE);
        let ada = world.member(&world.acme, ADA, &passkey).await;
        let spare = Signer::key();
        ada.create(&spare).await.ok();
        let other = world.stranger().sign_in(&world.acme, ADA, &spare).await;
        let uuid = ada.uuid_of(&passkey).await;
        let [begun, good] = [
            ada.begin_action("POST", "/x", "").await.ok(),
            ada.begin_action("POST", "/x", "").await.ok(),
        ];
        ada.complete_action(&good, &passkey).await.ok();
        let execute = async |sql| world.database().execute(sql).await.unwrap();
        match taken {
            Taken::Session => drop(ada.log_out(false).await.ok()),
            Taken::Epoch => drop(other.log_out(true).await.ok()),
            Taken::User => world.set_user_active(&ada.user_id().await, false).await,
            Taken::Organization => execute("UPDATE organizations SET is_active = FALSE").await,
            Taken::Application => execute("UPDATE applications SET is_active = FALSE").await,
            Taken::Credential => drop(other.deactivate(&uuid).await.ok()),
            Taken::CredentialForATime => {
                other.deactivate(&uuid).await.ok();
                world.tick();
                other.activate(&uuid).await.ok();
            }
            Taken::CredentialForGood => drop(other.remove(&uuid).await.ok()),
        }
        let late = ada.complete_action(&begun, &passkey).await;
        late.refused(401, "not_authorized");
        if let Some((status, code)) = elsewhere {
            let late = other.complete_action(&begun, &passkey).await;
            late.refused(status, code);
        }
    }
}

#[tokio::test]
async fn a_counter_that_grew_since_the_challenge_must_have_grown_beyond() {
    let world = World::new().await;
    let passkey = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &passkey).await;
    let [earlier, later] = [
        ada.begin_action("POST", "/x", "").await.ok(),
        ada.begin_action("POST", "/x", "").await.ok(),
    ];
    let count = |count| passkey.change_passkey(|passkey| passkey.quirks.counter = Some(count));
    count(100);
    ada.complete_action(&later, &passkey).await.ok();
    // More than the challenge knows, and no more than what is kept.
    for copied in [100, 99] {
        count(copied);
        let refused = ada.complete_action(&earlier, &passkey).await;
        refused
            .refused(401, "factor_refused")
            .saying("firstFactor.credentialAssertion: the signature counter went back");
    }
    count(101);
    ada.complete_action(&earlier, &passkey).await.ok();
}
