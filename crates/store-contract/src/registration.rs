//! Registering a user's first credentials.

use latchkey_domain::{
    account_code::AccountCodeKind,
    authority::Spendable,
    credential::{Credential, CredentialId},
    message::{MessageKind, NewMessage},
};
use latchkey_service::ports::{
    credential_store::CreateError, registration_store::RegisterError, user_store::Invitation,
};

use crate::{NOW, Spent, Void, World, assert_one, at_once, conflict, successes};

cases! { registration:
    registering_makes_the_credentials_and_uses_up_the_code,
    registering_uses_up_every_code_to_register_with,
    of_many_registrations_with_one_code_one_succeeds,
    of_many_registrations_with_one_challenge_one_succeeds,
    a_replaced_code_registers_nobody,
    another_users_code_registers_nobody,
    a_failed_registration_changes_nothing,
    two_credentials_of_one_id_register_nobody,
    a_user_who_was_deactivated_does_not_register,
}

async fn invited(world: &World) -> Invitation {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "ada@example.com");
    world.invite(invitation.clone()).await;
    invitation
}

fn one_of_each(world: &World, invitation: &Invitation) -> Vec<Credential> {
    vec![
        world.key(&invitation.user),
        world.protected_key(&invitation.user),
        world.recovery_key(&invitation.user),
    ]
}

async fn registering_makes_the_credentials_and_uses_up_the_code(world: World) {
    let invitation = invited(&world).await;
    let credentials = one_of_each(&world, &invitation);
    world.register(&invitation, credentials.clone()).await;
    let account = world.account(&invitation.user.id).await.unwrap();
    assert_eq!(account.user.registered, Some(NOW));
    assert_eq!(account.credentials.len(), 3);
    for credential in &credentials {
        assert!(account.credentials.contains(credential));
    }
    let (authority, registration) =
        world.registration(&invitation, one_of_each(&world, &invitation));
    let again = world.registrations.register(authority, registration).await;
    assert!(matches!(again, Err(RegisterError::Lost)));
}

async fn registering_uses_up_every_code_to_register_with(world: World) {
    let invitation = invited(&world).await;
    let user = &invitation.user;
    let kind = AccountCodeKind::Registration;
    let further = world.hand_out(user, kind, NOW).await;
    world.hand_out(user, AccountCodeKind::Login, NOW).await;
    let other = world.invitation(&user.organization, "bob@example.com");
    world.invite(other.clone()).await;
    let credentials = one_of_each(&world, &invitation);
    let (authority, mut registration) = world.registration(&invitation, credentials);
    registration.code = further.code.id;
    let registered = world.registrations.register(authority, registration);
    registered.await.unwrap();
    let left = world.account_codes.list(&user.id).await.unwrap();
    let kinds: Vec<_> = left.iter().map(|code| code.kind).collect();
    assert_eq!(kinds, [AccountCodeKind::Login]);
    assert_eq!(world.to_bring(user).await, [MessageKind::LoginCode]);
    assert!(world.invited(&other).await.is_some());
}

async fn of_many_registrations_with_one_code_one_succeeds(world: World) {
    let invitation = invited(&world).await;
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let credentials = one_of_each(&world, &invitation);
        let (authority, registration) = world.registration(&invitation, credentials);
        async move { stores.registrations.register(authority, registration).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(()) | Err(RegisterError::Lost)));
    }
    let account = world.account(&invitation.user.id).await.unwrap();
    assert_eq!(account.credentials.len(), 3);
}

async fn of_many_registrations_with_one_challenge_one_succeeds(world: World) {
    let invitation = invited(&world).await;
    let credentials = one_of_each(&world, &invitation);
    let (authority, registration) = world.registration(&invitation, credentials);
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let (authority, registration) = (authority.clone(), registration.clone());
        async move { stores.registrations.register(authority, registration).await }
    })
    .await;
    assert_one(&outcomes, Spent(Spendable::Challenge));
}

async fn a_replaced_code_registers_nobody(world: World) {
    let invitation = invited(&world).await;
    let user = &invitation.user;
    world
        .hand_out(user, AccountCodeKind::Registration, NOW)
        .await;
    let mut newer = world.invitation(&user.organization, "ada@example.com");
    newer.message = Some(NewMessage {
        kind: MessageKind::Registration,
        ..world.message(&newer.user.id)
    });
    world.invite(newer).await;
    // Only the newer one is still brought.
    assert_eq!(world.to_bring(user).await, [MessageKind::Registration]);
    let credentials = one_of_each(&world, &invitation);
    let (authority, registration) = world.registration(&invitation, credentials);
    let outcome = world
        .registrations
        .register(authority.clone(), registration);
    assert!(matches!(outcome.await, Err(RegisterError::Lost)));
    let account = world.account(&invitation.user.id).await.unwrap();
    assert_eq!(account.credentials, []);
    assert_eq!(world.standing(&authority).await, Ok(()));
}

async fn another_users_code_registers_nobody(world: World) {
    let one = invited(&world).await;
    let other = world.invitation(&one.user.organization, "bob@example.com");
    world.invite(other.clone()).await;
    let (authority, mut registration) = world.registration(&one, one_of_each(&world, &one));
    registration.code = other.code.code.id.clone();
    let outcome = world
        .registrations
        .register(authority.clone(), registration)
        .await;
    assert!(matches!(outcome, Err(RegisterError::Lost)));
    assert_eq!(world.account(&one.user.id).await.unwrap().credentials, []);
    assert!(world.invited(&other).await.is_some());
    assert_eq!(world.standing(&authority).await, Ok(()));
}

async fn a_failed_registration_changes_nothing(world: World) {
    let person = world.someone().await;
    let organization = &person.user.organization;
    let invitation = world.invitation(organization, "ada@example.com");
    world.invite(invitation.clone()).await;
    let mut credentials = one_of_each(&world, &invitation);
    credentials[2].id = person.credentials[0].id.clone();
    let (authority, mut registration) = world.registration(&invitation, credentials);
    let outcome = world
        .registrations
        .register(authority.clone(), registration.clone())
        .await;
    assert!(matches!(
        outcome,
        Err(RegisterError::Create(CreateError::CredentialIdTaken))
    ));
    let account = world.account(&invitation.user.id).await.unwrap();
    assert_eq!(
        (account.user.registered, account.credentials),
        (None, vec![])
    );

    // Nothing was used up, so the same challenge completes with other credentials.
    registration.credentials.pop();
    let registered = world.registrations.register(authority, registration);
    registered.await.unwrap();
}

async fn two_credentials_of_one_id_register_nobody(world: World) {
    let invitation = invited(&world).await;
    let mut credentials = one_of_each(&world, &invitation);
    credentials[0].id = CredentialId::new("same").unwrap();
    credentials[1].id = CredentialId::new("same=").unwrap();
    let (authority, registration) = world.registration(&invitation, credentials);
    let outcome = world.registrations.register(authority, registration).await;
    assert!(matches!(
        outcome,
        Err(RegisterError::Create(CreateError::CredentialIdTaken))
    ));
    let account = world.account(&invitation.user.id).await.unwrap();
    assert_eq!(account.credentials, []);
}

async fn a_user_who_was_deactivated_does_not_register(world: World) {
    let invitation = invited(&world).await;
    let user = &invitation.user.id;
    world.set_user_active(user, false).await;
    let credentials = one_of_each(&world, &invitation);
    let (authority, registration) = world.registration(&invitation, credentials);
    let outcome = world.registrations.register(authority, registration).await;
    assert_eq!(conflict(&outcome), Void);
}
