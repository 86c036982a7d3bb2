//! What every change requires, and that it uses nothing up when that does not hold.

use latchkey_domain::{
    authority::Authority,
    challenge::purpose,
    credential::CredentialKind,
    credential_code::{CodeState, RedeemedCode},
    id::{ApplicationId, CredentialUuid, TokenId},
    user::Epoch,
};
use latchkey_service::ports::{
    credential_code_store::IssueError,
    credential_store::{ChangeError, CreateError},
    session_store::EndSessionError,
    sign_in_store::UseError,
    store::AuthorityConflict,
};

use crate::{NOW, Person, Tenant, World};

cases! { authority:
    what_is_all_active_holds,
    void_when_the_user_is_not_active,
    void_when_the_epoch_moved_on,
    void_when_the_organization_is_not_active,
    void_when_a_credential_is_not_active,
    void_when_a_credential_was_deleted,
    void_when_a_credential_is_another_users,
    void_when_the_application_of_a_credential_is_not_active,
    void_when_the_application_is_not_active,
    void_when_the_application_is_another_organizations,
    void_when_the_user_is_another_organizations,
    every_change_requires_its_authority,
    credentials_may_be_named_twice,
}

/// A tenant with a person who has two keys and a passkey.
async fn scene(world: &World) -> (Tenant, Person) {
    let tenant = world.tenant("Example").await;
    let mut person = world.person(&tenant, 2).await;
    let passkey = world.passkey(&person.user, &tenant.application);
    world.create(&person, passkey.clone()).await;
    person.credentials.push(passkey);
    (tenant, person)
}

/// The authority of a challenge to add a credential, signed for with that credential.
fn adding(world: &World, person: &Person, credential: &CredentialUuid) -> Authority {
    let challenge = world.challenge(
        &person.user.organization,
        purpose::Credential {
            user: person.user.id.clone(),
            epoch: person.user.epoch,
            session: TokenId::from_random(&world.draw()),
            session_credential: credential.clone(),
            kind: CredentialKind::Key,
        },
    );
    Authority::of_challenge(&challenge)
}

/// Whether the authority holds; asking does not use it up, so it can be asked again.
async fn holds(world: &World, authority: &Authority) -> bool {
    let standing = world.standing(authority).await;
    assert_eq!(world.standing(authority).await, standing);
    match standing {
        Ok(()) => true,
        Err(AuthorityConflict::Void) => false,
        Err(spent @ AuthorityConflict::Spent(_)) => panic!("{spent:?}"),
    }
}

async fn what_is_all_active_holds(world: World) {
    let (tenant, person) = scene(&world).await;
    let passkey = &person.credentials[2].uuid;
    let authority = adding(&world, &person, passkey)
        .within([&tenant.application.id])
        .signed_by(person.credentials[1].uuid.clone());
    assert!(holds(&world, &authority).await);
}

async fn void_when_the_user_is_not_active(world: World) {
    let (_tenant, person) = scene(&world).await;
    let id = &person.user.id;
    world.set_user_active(id, false).await;
    let user = world.account(id).await.unwrap().user;
    let now = Person { user, ..person };
    let authority = adding(&world, &now, &now.credentials[0].uuid);
    assert!(!holds(&world, &authority).await);
}

async fn void_when_the_epoch_moved_on(world: World) {
    let (_tenant, mut person) = scene(&world).await;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    world
        .sessions
        .end_all(Authority::of_session(&world.session(&person)))
        .await
        .unwrap();
    assert!(!holds(&world, &authority).await);
    person.user.epoch = Epoch::new(1);
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    assert!(holds(&world, &authority).await);
}

async fn void_when_the_organization_is_not_active(world: World) {
    let (_tenant, person) = scene(&world).await;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    world.deactivate(&person.user.organization).await;
    assert!(!holds(&world, &authority).await);
}

async fn void_when_a_credential_is_not_active(world: World) {
    let (_tenant, person) = scene(&world).await;
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    world.set_active(&person, second, false).await;
    assert!(!holds(&world, &adding(&world, &person, second)).await);
    let signed = adding(&world, &person, first).signed_by(second.clone());
    assert!(!holds(&world, &signed).await);
    assert!(holds(&world, &adding(&world, &person, first)).await);
}

async fn void_when_a_credential_was_deleted(world: World) {
    let (_tenant, person) = scene(&world).await;
    let second = &person.credentials[1].uuid;
    world.delete(&person, second).await;
    assert!(!holds(&world, &adding(&world, &person, second)).await);
}

async fn void_when_a_credential_is_another_users(world: World) {
    let (tenant, person) = scene(&world).await;
    let other = world.person(&tenant, 1).await;
    let authority = adding(&world, &person, &other.credentials[0].uuid);
    assert!(!holds(&world, &authority).await);
}

async fn void_when_the_application_of_a_credential_is_not_active(world: World) {
    let (tenant, person) = scene(&world).await;
    let passkey = &person.credentials[2].uuid;
    let application = &tenant.application.id;
    world.set_application_active(application, false).await;
    assert!(!holds(&world, &adding(&world, &person, passkey)).await);
    let with_a_key = adding(&world, &person, &person.credentials[0].uuid);
    assert!(holds(&world, &with_a_key).await);
}

async fn void_when_the_application_is_not_active(world: World) {
    let (tenant, person) = scene(&world).await;
    let second = world.new_application(&tenant.organization, "https://two.example");
    world
        .administration
        .add_application(second.clone())
        .await
        .unwrap();
    let authority = adding(&world, &person, &person.credentials[0].uuid).within([&second.id]);
    assert!(holds(&world, &authority).await);
    world.set_application_active(&second.id, false).await;
    assert!(!holds(&world, &authority).await);
    let unknown = ApplicationId::from_random(&world.draw());
    assert!(!holds(&world, &authority.within([&unknown])).await);
}

async fn void_when_the_application_is_another_organizations(world: World) {
    let (_tenant, person) = scene(&world).await;
    let other = world.tenant("Other").await;
    let authority =
        adding(&world, &person, &person.credentials[0].uuid).within([&other.application.id]);
    assert!(!holds(&world, &authority).await);
}

async fn void_when_the_user_is_another_organizations(world: World) {
    let (_tenant, mut person) = scene(&world).await;
    person.user.organization = world.tenant("Other").await.organization;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    assert!(!holds(&world, &authority).await);
}

async fn credentials_may_be_named_twice(world: World) {
    let (_tenant, person) = scene(&world).await;
    let first = &person.credentials[0].uuid;
    let authority = adding(&world, &person, first)
        .signed_by(first.clone())
        .signed_by(first.clone());
    assert!(holds(&world, &authority).await);
}

/// One void authority, tried on every method that takes one.
async fn every_change_requires_its_authority(world: World) {
    let (tenant, person) = scene(&world).await;
    let code = world.issued_code(&person).await.code;
    let claim = world.claim();
    let challenge = world.challenge_of(&code, &claim);
    let claimed = code.claim(claim.clone()).unwrap();
    world.credential_codes.claim(claimed).await.unwrap();
    let redeemed = RedeemedCode::with(&challenge);

    let stores = &world.stores;
    let void = world.authority_with(&person.user, &person.credentials[2].uuid);
    let application = &tenant.application.id;
    world.set_application_active(application, false).await;
    let first = &person.credentials[0].uuid;
    let key = || world.key(&person.user);

    let created = stores.credentials.create(void.clone(), key()).await;
    assert!(matches!(
        created,
        Err(CreateError::Authority(AuthorityConflict::Void))
    ));
    let changed = stores
        .credentials
        .set_active(void.clone(), first, false, NOW)
        .await;
    assert!(matches!(
        changed,
        Err(ChangeError::Authority(AuthorityConflict::Void))
    ));
    let deleted = stores.credentials.delete(void.clone(), first).await;
    assert!(matches!(
        deleted,
        Err(ChangeError::Authority(AuthorityConflict::Void))
    ));
    let issued = stores
        .credential_codes
        .issue(void.clone(), world.new_code(&person))
        .await;
    assert!(matches!(
        issued,
        Err(IssueError::Authority(AuthorityConflict::Void))
    ));
    let made = stores
        .credential_codes
        .redeem(void.clone(), redeemed, key())
        .await;
    assert!(matches!(
        made,
        Err(CreateError::Authority(AuthorityConflict::Void))
    ));
    let used = stores.sign_ins.sign_in(void.clone(), vec![]).await;
    assert!(matches!(
        used,
        Err(UseError::Authority(AuthorityConflict::Void))
    ));
    let ended = stores.sessions.end(void.clone()).await;
    assert!(matches!(
        ended,
        Err(EndSessionError::Authority(AuthorityConflict::Void))
    ));
    let ended = stores.sessions.end_all(void.clone()).await;
    assert!(matches!(
        ended,
        Err(EndSessionError::Authority(AuthorityConflict::Void))
    ));

    assert_eq!(world.credentials_of(&person).await.len(), 3);
    let newest = stores.credential_codes.newest(&person.user.id).await;
    assert_eq!(newest.unwrap().unwrap().state, CodeState::Claimed(claim));
    // Nothing was used up, so it would be good again.
    world.set_application_active(application, true).await;
    assert!(holds(&world, &void).await);
}
