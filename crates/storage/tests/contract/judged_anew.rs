//! What a change meets that begins before another one is committed and goes on after: rows that somebody has
//! just changed are judged anew, and what follows the lock of a user sees what its former holder did. On
//! SQLite nobody changes anything meanwhile.

use std::time::Duration;

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::{Application, Origin},
    authority::Spendable,
    credential_code::CodeForm,
    organization::Approval,
};
use latchkey_service::ports::{
    administration_store::ApplicationUpdate,
    code_request_store::{DecideRequestError, RefuseRequestError},
    credential_code_store::{ClaimError, IssueError, RedeemError, ReleaseError},
    credential_store::CreateError,
    proof_verifier::AuthenticatorState,
    session_store::ExerciseError,
    sign_in_store::{CredentialUse, UseError},
    store::AuthorityConflict::{Spent, Void},
};
use latchkey_store_contract::{NOW, Person, enter};
use tokio::{join, time::sleep};

use crate::world::SqlWorld;

/// Ends when somebody waits for the transaction it is in.
const UNTIL_SOMEBODY_WAITS: &str = "DO $$ BEGIN
    WHILE NOT EXISTS (
        SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
    ) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$";

/// The sessions of this database that wait so.
const WAITING: &str =
    "pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

/// Makes the change in a transaction that is committed when the call waits for it.
async fn meanwhile<T>(world: &SqlWorld, change: &str, call: impl Future<Output = T>) -> T {
    meanwhile_in_two(world, change, "SELECT", call).await
}

/// The same with a second change, when the call waits for the first one. It must not wait for the call.
async fn meanwhile_in_two<T>(
    world: &SqlWorld,
    change: &str,
    second: &str,
    call: impl Future<Output = T>,
) -> T {
    let script = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; {change}; {UNTIL_SOMEBODY_WAITS}; \
         SET LOCAL lock_timeout = '10ms'; {second}; COMMIT"
    );
    let called = async {
        while world.sql.count(WAITING).await == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        call.await
    };
    let (_changed, outcome) = join!(world.sql.execute(&script), called);
    outcome
}

/// Locks the user, as everybody does who takes something of the user away: the row is written as it is.
fn locked(person: &Person, change: &str) -> String {
    let id = &person.user.id;
    format!("UPDATE users SET epoch = epoch WHERE id = '{id}'; {change}")
}

/// Makes the first credential of that person inactive.
fn deactivation(person: &Person) -> String {
    let id = &person.credentials[0].uuid;
    format!("UPDATE credentials SET is_active = FALSE WHERE id = '{id}'")
}

fn uses(person: &Person, place: usize, count: Option<u32>) -> Vec<CredentialUse> {
    let state = count.map(|sign_count| AuthenticatorState {
        sign_count,
        backed_up: false,
    });
    vec![CredentialUse {
        credential: person.credentials[place].uuid.clone(),
        state,
        date: NOW,
    }]
}

macro_rules! assert_refused {
    ($outcome:expr, $error:pat) => {{
        let outcome = $outcome;
        assert!(matches!(outcome, Err($error)), "{outcome:?}");
    }};
}

async fn world() -> SqlWorld {
    SqlWorld::postgres().await
}

#[tokio::test]
async fn a_credential_that_is_being_deactivated_does_not_sign_in() {
    let world = world().await;
    let person = world.someone().await;
    let id = &person.credentials[0].uuid;
    for change in [
        deactivation(&person),
        format!("DELETE FROM credentials WHERE id = '{id}'"),
    ] {
        let undo = "UPDATE credentials SET is_active = TRUE";
        world.sql.execute(undo).await;
        world.sql.execute("DELETE FROM spent").await;
        let signed_in = world
            .sign_ins
            .sign_in(world.sign_in(&person), uses(&person, 0, None));
        let outcome = meanwhile(&world, &change, signed_in).await;
        assert_refused!(outcome, UseError::Authority(Void));
        assert_eq!(world.sql.count("spent").await, 0);
        let used = "credentials WHERE last_used IS NOT NULL";
        assert_eq!(world.sql.count(used).await, 0);
    }
}

#[tokio::test]
async fn a_credential_that_is_being_deactivated_signs_no_action() {
    let world = world().await;
    let person = world.someone().await;
    world.sql.execute("DELETE FROM spent").await;
    let evidence = world.evidence(&person.credentials[0]);
    let authority = world.sign_in(&person);
    let signed = world
        .sign_ins
        .sign_action(authority, uses(&person, 0, None), evidence);
    let outcome = meanwhile(&world, &deactivation(&person), signed).await;
    assert_refused!(outcome, UseError::Authority(Void));
    assert_eq!(world.sql.count("user_actions").await, 0);
    assert_eq!(world.sql.count("spent").await, 0);
}

#[tokio::test]
async fn a_counter_that_is_being_raised_is_not_gone_below() {
    let world = world().await;
    let person = world.with_passkey().await;
    let raise = format!(
        "UPDATE credentials SET sign_count = 5 WHERE id = '{}'",
        person.credentials[1].uuid
    );
    for (count, is_beyond) in [(5, false), (6, true)] {
        let authority = world.sign_in(&person);
        let signed_in = world
            .sign_ins
            .sign_in(authority, uses(&person, 1, Some(count)));
        let outcome = meanwhile(&world, &raise, signed_in).await;
        if is_beyond {
            outcome.unwrap();
        } else {
            assert_refused!(outcome, UseError::CounterRegressed);
        }
    }
}

#[tokio::test]
async fn what_is_being_used_up_is_not_used_again() {
    let world = world().await;
    let person = world.someone().await;
    let authority = world.sign_in(&person);
    let entry_of = |id: &str| format!("INSERT INTO spent (id, expires) VALUES ('{id}', 1)");
    let signed_in = world
        .sign_ins
        .sign_in(authority.clone(), uses(&person, 0, None));
    let outcome = meanwhile(&world, &entry_of(&authority.spends()[0].id), signed_in).await;
    assert_refused!(outcome, UseError::Authority(Spent(Spendable::Challenge)));
    let used = "credentials WHERE last_used IS NOT NULL";
    assert_eq!(world.sql.count(used).await, 0);

    let authority = world.authority(&person);
    let ended = world.sessions.exercise(authority.clone());
    let outcome = meanwhile(&world, &entry_of(&authority.spends()[0].id), ended).await;
    let spent = Spent(Spendable::UserAction);
    assert!(matches!(outcome, Err(ExerciseError::Authority(it)) if it == spent));
}

/// As when its answer was lost: nobody else has its challenge.
#[tokio::test]
async fn a_claim_may_be_told_again_and_no_other() {
    let world = world().await;
    let person = world.someone().await;
    let issued = world.issued_code(&person).await;
    let entry = world.entry(&issued.code);
    let claimed = enter(&world, &issued.long, entry.clone()).await.unwrap();
    let again = enter(&world, &issued.long, entry.clone()).await.unwrap();
    assert_eq!(again, claimed);
    let other = enter(&world, &issued.long, world.entry(&issued.code)).await;
    assert_refused!(other, ClaimError::Refused(Some(_)));
    world.cancel_all(&person).await;
    let too_late = enter(&world, &issued.long, entry).await;
    assert_refused!(too_late, ClaimError::Refused(Some(_)));
}

#[tokio::test]
async fn a_code_that_is_being_cancelled_is_neither_claimed_nor_redeemed() {
    let world = world().await;
    let person = world.someone().await;
    let cancel = "UPDATE credential_codes SET state = 'cancelled' WHERE is_newest";
    let issued = world.issued_code(&person).await;
    let claimed = enter(&world, &issued.long, world.entry(&issued.code));
    assert_refused!(
        meanwhile(&world, cancel, claimed).await,
        ClaimError::Refused(Some(_))
    );

    let claimed = world.claimed_code(&person).await;
    let redemption = world.redemption(&claimed.redeemed, world.key(&person.user));
    let redeemed = world
        .credential_codes
        .redeem(claimed.authority.clone(), redemption);
    let outcome = meanwhile(&world, cancel, redeemed).await;
    assert_refused!(outcome, RedeemError::Create(CreateError::Authority(Void)));
    assert_eq!(world.credentials_of(&person).await.len(), 2);
    assert_eq!(world.told().await, []);
    assert_eq!(world.standing(&claimed.authority).await, Ok(()));

    let claimed = world.claimed_code(&person).await;
    let released = world.credential_codes.release(world.released(&claimed));
    let outcome = meanwhile(&world, cancel, released).await;
    assert_refused!(outcome, ReleaseError::Lost);
}

/// These lock the user first, and see then what the one before them did.
#[tokio::test]
async fn what_changes_a_user_sees_what_the_one_before_did() {
    let world = world().await;
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let take = locked(&person, &deactivation(&person));
    let redemption = world.redemption(&claimed.redeemed, world.key(&person.user));
    let redeemed = world
        .credential_codes
        .redeem(claimed.authority.clone(), redemption);
    let outcome = meanwhile(&world, &take, redeemed).await;
    assert_refused!(outcome, RedeemError::Create(CreateError::Authority(Void)));

    let undo = "UPDATE credentials SET is_active = TRUE";
    world.sql.execute(undo).await;
    let issued = world
        .credential_codes
        .issue(world.authority(&person), world.new_code(&person));
    let outcome = meanwhile(&world, &take, issued).await;
    assert_refused!(outcome, IssueError::Authority(Void));

    world.sql.execute(undo).await;
    let created = world
        .credentials
        .create(world.authority(&person), world.key(&person.user));
    let outcome = meanwhile(&world, &take, created).await;
    assert_refused!(outcome, CreateError::Authority(Void));

    world.sql.execute(undo).await;
    let raise = "UPDATE users SET epoch = epoch + 1";
    let created = world
        .credentials
        .create(world.authority(&person), world.key(&person.user));
    let outcome = meanwhile(&world, &locked(&person, raise), created).await;
    assert_refused!(outcome, CreateError::Authority(Void));
    assert_eq!(world.credentials_of(&person).await.len(), 2);
}

/// A statement that takes the lock itself knows by that mark of whoever had it since it began.
#[tokio::test]
async fn whoever_locks_a_user_leaves_a_mark() {
    let world = world().await;
    let person = world.with_passkey().await;
    let user = &person.user.id;
    let version = format!("SELECT xmin::text FROM users WHERE id = '{user}'");
    let mut versions = vec![world.sql.ask::<String>(&version).await];

    world.credential_codes.cancel_all(user).await.unwrap();
    versions.push(world.sql.ask(&version).await);

    let created = world
        .credentials
        .create(world.authority(&person), world.key(&person.user));
    created.await.unwrap();
    versions.push(world.sql.ask(&version).await);

    world
        .hand_out(&person.user, AccountCodeKind::Login, NOW)
        .await;
    versions.push(world.sql.ask(&version).await);

    let application = person.credentials[1].material.application().unwrap();
    let deleted = world
        .administration
        .delete_application(application, Some(world.notice()));
    deleted.await.unwrap();
    versions.push(world.sql.ask(&version).await);

    versions.dedup();
    assert_eq!(versions.len(), 5, "{versions:?}");
}

/// A code that is being claimed is one of those that a newer one ends.
#[tokio::test]
async fn issuing_ends_a_code_that_is_being_claimed() {
    let world = world().await;
    let person = world.someone().await;
    let old = world.issued_code(&person).await;
    let claim = format!(
        "UPDATE credential_codes SET state = 'claimed', claimed = 1, claim_address = '::1', \
         claim_challenge = 'ch-00000-00000-0000000000000000', claim_expires = 2 WHERE id = '{}'",
        old.code.id
    );
    let new = world.new_code(&person);
    let issued = world
        .credential_codes
        .issue(world.authority(&person), new.clone());
    meanwhile(&world, &claim, issued).await.unwrap();
    let ended = "credential_codes WHERE state = 'cancelled' AND claimed = 1 AND NOT is_newest";
    assert_eq!(world.sql.count(ended).await, 1);
    let newest = world.newest(&person.user.id).await.unwrap();
    assert_eq!(newest, new.code);
}

#[tokio::test]
async fn an_organization_that_begins_to_ask_for_approval_is_asked_under_the_lock() {
    let world = world().await;
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let asks = "UPDATE organizations SET approval = 'always'";
    let redemption = world.redemption(&claimed.redeemed, world.key(&person.user));
    let redeemed = world
        .credential_codes
        .redeem(claimed.authority.clone(), redemption);
    let outcome = meanwhile(&world, &locked(&person, asks), redeemed).await;
    assert_refused!(outcome, RedeemError::Asks(Approval::Always));
}

#[tokio::test]
async fn a_request_that_is_being_decided_is_not_granted() {
    let world = world().await;
    let person = world.someone().await;
    for change in [
        "UPDATE code_requests SET state = 'refused'",
        "UPDATE code_requests SET state = 'granted'",
        "DELETE FROM code_requests",
    ] {
        let request = world.ask_for_code(&person.user.organization).await;
        let authority = world.authority(&person);
        let granted = world
            .code_requests
            .decide(authority.clone(), world.granting(&request, &person));
        let outcome = meanwhile(&world, change, granted).await;
        assert_refused!(outcome, DecideRequestError::NotWaiting);
        assert_eq!(world.sql.count("credential_codes").await, 0);
        assert_eq!(world.standing(&authority).await, Ok(()));
    }
}

#[tokio::test]
async fn a_request_that_is_being_granted_is_not_refused() {
    let world = world().await;
    let person = world.someone().await;
    let request = world.ask_for_code(&person.user.organization).await;
    let found = world
        .code_requests
        .find(CodeForm::Short, &request.short)
        .await;
    let found = found.unwrap().unwrap();
    let refused = world.code_requests.refuse(&found, NOW);
    let change = "UPDATE code_requests SET state = 'granted'";
    let outcome = meanwhile(&world, change, refused).await;
    assert_refused!(outcome, RefuseRequestError::NotWaiting);
    let granted = "code_requests WHERE state = 'granted'";
    assert_eq!(world.sql.count(granted).await, 1);
}

/// One that is being added is one of those that a new one takes the place of.
#[tokio::test]
async fn renewing_takes_the_place_of_a_recovery_key_that_is_being_added() {
    let world = world().await;
    let person = world.someone().await;
    let earlier = world.recovery_key(&person.user);
    let created = world
        .credentials
        .create(world.authority(&person), earlier.clone());
    created.await.unwrap();
    let add = format!(
        "CREATE TEMPORARY TABLE added ON COMMIT DROP AS SELECT * FROM credentials WHERE id = '{}'; \
         UPDATE added SET id = 'cr-00000-00000-0000000000000000', credential_id = 'YWRkZWQ', \
         credential_key = 'added'; INSERT INTO credentials SELECT * FROM added",
        earlier.uuid
    );
    let renewed = world.recovery_key(&person.user);
    let renewing = world
        .credentials
        .renew_recovery_key(world.authority(&person), renewed.clone());
    let outcome = meanwhile(&world, &locked(&person, &add), renewing).await;
    outcome.unwrap();
    let keys = "credentials WHERE kind = 'RecoveryKey'";
    assert_eq!(world.sql.count(keys).await, 1);
    assert!(world.credentials_of(&person).await.contains(&renewed));
}

#[tokio::test]
async fn who_makes_a_passkey_does_not_wait_for_who_waits_to_delete_the_application() {
    let world = world().await;
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let application = &tenant.application.id;
    let refers = format!("SELECT FROM applications WHERE id = '{application}' FOR KEY SHARE");
    let deleted = world
        .administration
        .delete_application(application, Some(world.notice()));
    let loss = meanwhile_in_two(&world, &locked(&person, "SELECT"), &refers, deleted).await;
    assert_eq!(loss.unwrap().passkeys, 1);
}

#[tokio::test]
async fn who_acts_on_other_users_does_not_wait_for_who_waits_to_delete_an_application() {
    let world = world().await;
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let organization = &tenant.organization;
    let acts = format!("SELECT FROM organizations WHERE id = '{organization}' FOR NO KEY UPDATE");
    let deleted = world
        .administration
        .delete_application(&tenant.application.id, Some(world.notice()));
    let loss = meanwhile_in_two(&world, &acts, &locked(&person, "SELECT"), deleted).await;
    assert_eq!(loss.unwrap().passkeys, 1);
}

#[tokio::test]
async fn who_changes_an_application_does_not_wait_for_who_waits_to_delete_the_organization() {
    let world = world().await;
    let tenant = world.tenant("Example").await;
    let application = &tenant.application.id;
    let change = format!("SELECT FROM applications WHERE id = '{application}' FOR UPDATE");
    let origins = format!("DELETE FROM application_origins WHERE application_id = '{application}'");
    let deleted = world
        .administration
        .delete_organization(&tenant.organization);
    let vacancy = meanwhile_in_two(&world, &change, &origins, deleted).await;
    assert_eq!(vacancy.unwrap().applications, 1);
}

#[tokio::test]
async fn who_gives_an_origin_to_an_application_does_not_wait_for_who_waits_to_take_it_from_another()
{
    let world = world().await;
    let tenant = world.tenant("Example").await;
    let Application {
        id, relying_party, ..
    } = &tenant.application;
    let turn = "SELECT pg_advisory_xact_lock(31369519446978163)";
    let origins = format!("DELETE FROM application_origins WHERE application_id = '{id}'");
    let deeper = format!("https://deeper.{}", relying_party.rp_id());
    let update = ApplicationUpdate {
        origins: Some(vec![Origin::new(&deeper).unwrap()]),
        ..ApplicationUpdate::default()
    };
    let updated = world.administration.update_application(id, update);
    let updated = meanwhile_in_two(&world, turn, &origins, updated).await;
    assert!(updated.unwrap().is_changed);
}
