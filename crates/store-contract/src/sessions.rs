//! Whether sessions still hold.

use std::time::Duration;

use latchkey_domain::{
    application::Origin,
    authority::{Authority, Spend, Spendable},
    credential::signer::ListedSigner,
    id::{ApplicationId, SessionCodeId},
    session::Session,
    session_code::{CodeChallenge, SessionCode},
    user::Epoch,
};

use crate::{NOW, Person, Spent, Void, World, assert_one, at_once, conflict};

cases! { sessions:
    a_session_is_live_until_it_is_ended,
    whoever_is_signed_in_signs_with_what_is_active_and_signs,
    of_many_who_end_a_session_one_succeeds,
    ending_all_sessions_raises_the_epoch,
    a_session_that_has_ended_ends_no_other,
    of_many_who_end_all_sessions_one_succeeds,
    a_session_ends_with_its_user,
    a_session_ends_with_its_credential,
    a_session_ends_with_the_application_of_its_passkey,
    a_session_ends_with_its_organization,
    a_session_is_of_one_user_and_organization,
    of_many_who_use_a_session_code_one_succeeds,
    a_session_code_ends_with_its_epoch_and_its_application,
}

fn logout(session: &Session) -> Authority {
    Authority::of_session(session).spending(Spend::session(session))
}

/// Whether the session holds, whoever is asked: for itself, with the account, or by what it permits.
async fn is_live(world: &World, session: &Session) -> bool {
    let is_live = world.sessions.is_live(session).await.unwrap();
    let account = world.accounts.find_signed_in(session).await.unwrap();
    assert_eq!(account.is_some(), is_live);
    let signers = world.accounts.find_signers(session).await.unwrap();
    assert_eq!(signers.is_some(), is_live);
    if let Some((account, signers)) = account.zip(signers) {
        let listed = account.credentials.iter().filter_map(ListedSigner::of);
        assert_eq!(signers, listed.collect::<Vec<_>>());
        assert_eq!(Some(account), world.account(&session.user).await);
    }
    let permits = world.standing(&Authority::of_session(session)).await;
    assert_eq!(permits, if is_live { Ok(()) } else { Err(Void) });
    is_live
}

async fn whoever_is_signed_in_signs_with_what_is_active_and_signs(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let inactive = world.key(&person.user);
    for credential in [
        world.protected_key(&person.user),
        world.recovery_key(&person.user),
        inactive.clone(),
    ] {
        world.create(&person, credential).await;
    }
    world.set_active(&person, &inactive.uuid, false).await;
    let session = world.session(&person);
    assert!(is_live(&world, &session).await);
    let signers = world.accounts.find_signers(&session).await.unwrap();
    assert_eq!(signers.unwrap().len(), 3);
}

async fn a_session_is_live_until_it_is_ended(world: World) {
    let person = world.someone().await;
    let (session, other) = (world.session(&person), world.session(&person));
    assert!(is_live(&world, &session).await);
    world.sessions.exercise(logout(&session)).await.unwrap();
    assert!(!is_live(&world, &session).await);
    assert!(is_live(&world, &other).await);
    let again = world.sessions.exercise(logout(&session)).await;
    assert_eq!(conflict(&again), Void);
}

async fn of_many_who_end_a_session_one_succeeds(world: World) {
    let person = world.someone().await;
    let authority = logout(&world.session(&person));
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), authority.clone());
        async move { stores.sessions.exercise(authority).await }
    })
    .await;
    assert_one(&outcomes, Void);
}

async fn ending_all_sessions_raises_the_epoch(world: World) {
    let person = world.someone().await;
    let (one, two) = (world.session(&person), world.session(&person));
    world.end_all(&person).await;
    assert!(!is_live(&world, &one).await && !is_live(&world, &two).await);
    let user = world.account(&person.user.id).await.unwrap().user;
    assert_eq!(user.epoch, Epoch::new(1));
    let newer = Person { user, ..person };
    assert!(is_live(&world, &world.session(&newer)).await);
}

async fn a_session_that_has_ended_ends_no_other(world: World) {
    let person = world.someone().await;
    let (session, other) = (world.session(&person), world.session(&person));
    world.sessions.exercise(logout(&session)).await.unwrap();
    let ended = world.sessions.end_all(Authority::of_session(&session));
    assert_eq!(conflict(&ended.await), Void);
    assert!(is_live(&world, &other).await);
}

async fn of_many_who_end_all_sessions_one_succeeds(world: World) {
    let person = world.someone().await;
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let authority = Authority::of_session(&world.session(&person));
        async move { stores.sessions.end_all(authority).await }
    })
    .await;
    assert_one(&outcomes, Void);
    let user = world.account(&person.user.id).await.unwrap().user;
    assert_eq!(user.epoch, Epoch::new(1));
}

async fn a_session_ends_with_its_user(world: World) {
    let person = world.someone().await;
    let session = world.session(&person);
    let id = &person.user.id;
    world.set_user_active(id, false).await;
    assert!(!is_live(&world, &session).await);
    world.set_user_active(id, true).await;
    assert!(!is_live(&world, &session).await);
}

async fn a_session_ends_with_its_credential(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1].uuid;
    let session = world.session_with(&person.user, second);
    let later = NOW.plus(Duration::from_secs(1));
    world.set_active(&person, second, false).await;
    assert!(!is_live(&world, &session).await);
    // It stays ended when the credential is active again; only what begins then holds.
    world.set_active_at(&person, second, true, later).await;
    assert!(!is_live(&world, &session).await);
    let newer = Session {
        issued: later,
        ..session
    };
    assert!(is_live(&world, &newer).await);
    world.delete(&person, second).await;
    assert!(!is_live(&world, &newer).await);
}

async fn a_session_ends_with_the_application_of_its_passkey(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let session = world.session_with(&person.user, &person.credentials[1].uuid);
    assert!(is_live(&world, &session).await);
    let application = &tenant.application.id;
    world.set_application_active(application, false).await;
    assert!(!is_live(&world, &session).await);
    assert!(is_live(&world, &world.session(&person)).await);
}

async fn a_session_ends_with_its_organization(world: World) {
    let person = world.someone().await;
    let session = world.session(&person);
    world.deactivate(&person.user.organization).await;
    assert!(!is_live(&world, &session).await);
}

async fn a_session_is_of_one_user_and_organization(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let other = world.person(&tenant, 1).await;
    let elsewhere = world.tenant("Other").await;
    let session = world.session(&person);
    let of_another_credential = Session {
        credential: other.credentials[0].uuid.clone(),
        ..session.clone()
    };
    let of_another_organization = Session {
        organization: elsewhere.organization,
        ..session
    };
    assert!(!is_live(&world, &of_another_credential).await);
    assert!(!is_live(&world, &of_another_organization).await);
}

/// What a code for that session is used up with.
fn exchange(world: &World, application: &ApplicationId, session: &Session) -> Authority {
    let code = SessionCode {
        id: SessionCodeId::from_random(&world.draw()),
        session: session.clone(),
        application: application.clone(),
        origin: Origin::new("https://one.example").unwrap(),
        challenge: CodeChallenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap(),
        expires: NOW.plus(SessionCode::LIFETIME),
    };
    Authority::of_session(session)
        .within([&code.application])
        .spending(Spend::session_code(&code))
}

async fn of_many_who_use_a_session_code_one_succeeds(world: World) {
    let tenant = world.tenant("Example").await;
    let session = world.session(&world.person(&tenant, 1).await);
    let authority = exchange(&world, &tenant.application.id, &session);
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), authority.clone());
        async move { stores.sessions.exercise(authority).await }
    })
    .await;
    assert_one(&outcomes, Spent(Spendable::SessionCode));
    // The session goes on, and so does another code.
    assert!(is_live(&world, &session).await);
    let other = exchange(&world, &tenant.application.id, &session);
    world.sessions.exercise(other).await.unwrap();
}

async fn a_session_code_ends_with_its_epoch_and_its_application(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let session = world.session(&person);
    let id = &tenant.application.id;
    let authority = exchange(&world, id, &session);
    world.set_application_active(id, false).await;
    let refused = world.sessions.exercise(authority.clone()).await;
    assert_eq!(conflict(&refused), Void);
    world.set_application_active(id, true).await;
    world.end_all(&person).await;
    let refused = world.sessions.exercise(authority).await;
    assert_eq!(conflict(&refused), Void);
}
