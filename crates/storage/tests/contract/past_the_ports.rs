//! States that no port leaves behind, and that every statement is prepared for all the same: the ports
//! that take a user, an epoch or a credential away cancel codes as well.

use std::time::Duration;

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind},
    approval::{Decision, Verdict, Wait},
    authority::Authority,
    credential::CredentialState,
    credential_code::{CodeState, NewCredentialCode},
    id::UserId,
    message::NewMessage,
    user::Epoch,
};
use latchkey_service::ports::{
    credential_code_store::DecideError, event_store::LeftEvent, user_store::UserChange,
};
use latchkey_store_contract::{NOW, Person, assert_refused};
use tokio::join;

use crate::world::SqlWorld;

on_both! {
    a_code_is_not_claimed_when_its_owner_changed,
    a_code_is_not_claimed_when_its_issuer_is_not_active,
    a_decision_needs_the_epoch_of_the_code,
    codes_of_another_epoch_take_no_room_and_go,
    an_organization_without_applications_is_listed,
    deleting_a_user_leaves_no_row_of_theirs,
    what_is_made_while_its_user_is_deleted_goes_as_well,
    what_a_newer_release_left_to_be_told_is_kept_for_a_week,
    a_message_of_a_newer_release_holds_up_no_other,
}

impl SqlWorld {
    /// Evidence stays on purpose.
    async fn assert_nothing_left_of(&self, user: &UserId) {
        for table in self.sql.tables_with("user_id").await {
            if table != "user_actions" {
                let left = format!("{table} WHERE user_id = '{user}'");
                assert_eq!(self.sql.count(&left).await, 0, "{table}");
            }
        }
    }

    async fn assert_not_claimable(&self, new: &NewCredentialCode) {
        assert_refused(self, &new.code, &new.long).await;
        assert_eq!(self.state_of(new).await, CodeState::Issued);
    }
}

async fn a_code_is_not_claimed_when_its_owner_changed(world: SqlWorld) {
    let person = world.someone().await;
    let id = &person.user.id;
    let new = world.issued_code(&person).await;
    let raise = format!("UPDATE users SET epoch = epoch + 1 WHERE id = '{id}'");
    world.sql.execute(&raise).await;
    world.assert_not_claimable(&new).await;

    let user = world.account(id).await.unwrap().user;
    let new = world
        .issued_code(&Person {
            user,
            ..person.clone()
        })
        .await;
    let deactivate = format!("UPDATE users SET is_active = FALSE WHERE id = '{id}'");
    world.sql.execute(&deactivate).await;
    world.assert_not_claimable(&new).await;
}

async fn a_code_is_not_claimed_when_its_issuer_is_not_active(world: SqlWorld) {
    let person = world.someone().await;
    let new = world.issued_code(&person).await;
    let first = &person.credentials[0].uuid;
    for change in [
        "UPDATE credentials SET is_active = FALSE",
        "DELETE FROM credentials",
    ] {
        world
            .sql
            .execute(&format!("{change} WHERE id = '{first}'"))
            .await;
        world.assert_not_claimable(&new).await;
    }
}

async fn a_decision_needs_the_epoch_of_the_code(world: SqlWorld) {
    let mut person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let mut waiting = world.key(&person.user);
    waiting.state = CredentialState::Waiting {
        until: Wait::begin(NOW).expires,
    };
    world.redeem(&claimed, waiting.clone()).await.unwrap();
    let raise = "UPDATE users SET epoch = epoch + 1 WHERE registered IS NOT NULL";
    world.sql.execute(raise).await;
    person.user.epoch = Epoch::new(person.user.epoch.number() + 1);
    let decision = Decision {
        credential: waiting.uuid,
        verdict: Verdict::Approved,
        date: NOW,
    };
    let authority = world.authority(&person);
    let outcome = world.credential_codes.decide(authority, decision).await;
    assert!(matches!(outcome, Err(DecideError::NotWaiting)));
}

/// As a replica leaves them that does not know that codes have epochs.
async fn codes_of_another_epoch_take_no_room_and_go(world: SqlWorld) {
    let [person, bystander] = world.two(1).await;
    let login = AccountCodeKind::Login;
    for user in [&person.user, &bystander.user] {
        for _ in 0..AccountCode::MAXIMUM_LIVE {
            world.hand_out(user, login, NOW).await;
        }
    }
    let id = &person.user.id;
    let earlier = format!("UPDATE account_codes SET epoch = epoch - 1 WHERE user_id = '{id}'");
    world.sql.execute(&earlier).await;
    for left in 1..=3 {
        world.hand_out(&person.user, login, NOW).await;
        let kept = format!("account_codes WHERE user_id = '{id}'");
        assert_eq!(world.sql.count(&kept).await, left);
    }
    assert_eq!(
        world.sql.count("account_codes WHERE kind = 'Login'").await,
        6
    );
}

async fn an_organization_without_applications_is_listed(world: SqlWorld) {
    let tenant = world.tenant("One").await;
    world.sql.execute("DELETE FROM application_origins").await;
    world.sql.execute("DELETE FROM applications").await;
    let directory = world.directory.load().await.unwrap();
    assert_eq!(directory.organizations.len(), 1);
    assert_eq!(directory.organizations[0].id, tenant.organization);
    assert_eq!(directory.applications, []);
}

/// Whatever table refers to users, now and later.
async fn deleting_a_user_leaves_no_row_of_theirs(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let ada = world.person(&tenant, 1).await;
    world.set_administrator(&ada.user.id, true).await;
    let bob = world.person(&tenant, 1).await;
    world.issued_code(&bob).await;
    let invitation = world.invitation(&tenant.organization, "carol@example.com");
    let carol = world.invite(invitation).await;
    for user in [&bob.user.id, &carol.id] {
        let authority = world.authority(&ada);
        let deleted = world.users.change(authority, user, UserChange::Delete);
        deleted.await.unwrap();
        world.assert_nothing_left_of(user).await;
    }
}

/// The lock of the user decides, before any foreign key could.
async fn what_is_made_while_its_user_is_deleted_goes_as_well(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    for _round in 0..20 {
        let person = world.person(&tenant, 2).await;
        let claimed = world.claimed_code(&person).await;
        let [first, second] = [world.key(&person.user), world.key(&person.user)];
        let redemption = world.redemption(&claimed.redeemed, first);
        let [issuing, creating] = [world.authority(&person), world.authority(&person)];
        let new = world.new_code(&person);
        let (issuer, redeemer, creator) = (world.replica(0), world.replica(1), world.replica(2));
        let (deleted, ..) = join!(
            world.administration.delete_user(&person.user.id),
            issuer.credential_codes.issue(issuing, new),
            redeemer
                .credential_codes
                .redeem(claimed.authority, redemption),
            creator.credentials.create(creating, second),
        );
        assert!(deleted.unwrap());
        world.assert_nothing_left_of(&person.user.id).await;
    }
}

/// By its name, or by its reason.
async fn what_a_newer_release_left_to_be_told_is_kept_for_a_week(world: SqlWorld) {
    for unknown in ["event", "reason"] {
        world.events.leave(world.event(0)).await.unwrap();
        let renamed = format!("UPDATE events SET {unknown} = 'of_a_newer_release'");
        world.sql.execute(&renamed).await;
        let known = world.event(0);
        world.events.leave(known.clone()).await.unwrap();
        let week_ends = NOW.plus(LeftEvent::KEPT);
        assert_eq!(world.housekeep(week_ends, 9).await, 0);
        let is_over = week_ends.plus(Duration::from_millis(1));
        assert_eq!(world.housekeep(is_over, 9).await, 1);
        assert_eq!(world.events.take(9).await.unwrap(), [known]);
        assert_eq!(world.sql.count("events").await, 0);
    }
}

async fn a_message_of_a_newer_release_holds_up_no_other(world: SqlWorld) {
    let person = world.someone().await;
    for minutes in [10, 20] {
        world
            .sql
            .execute("UPDATE messages SET kind = 'OfANewerRelease'")
            .await;
        let message = NewMessage {
            expires: NOW.plus(Duration::from_mins(minutes)),
            ..world.message(&person.user.id)
        };
        let authority = Authority::of_session(&world.session(&person)).telling(message);
        world.sessions.exercise(authority).await.unwrap();
    }
    let known = world.told().await;
    assert_eq!(known.len(), 1);
    assert_eq!(world.messages.pending(NOW).await.unwrap().count, 1);
    let lease = Duration::from_mins(1);
    let claimed = world.messages.claim(NOW, lease, 9).await.unwrap();
    let claimed: Vec<_> = claimed.into_iter().map(|held| held.message).collect();
    assert_eq!(claimed, known);
    assert_eq!(world.sql.count("messages").await, 2);
    // Nor is it one by itself.
    assert!(
        world
            .messages
            .claim(NOW, lease, 9)
            .await
            .unwrap()
            .is_empty()
    );
}
