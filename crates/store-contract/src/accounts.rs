//! Reading users and their credentials.

use std::net::{IpAddr, Ipv6Addr};

use latchkey_domain::{
    application::Origin,
    credential::{
        Credential, CredentialId, CredentialReference, CredentialState, MadeBy, Material,
        Provenance,
        key::{EncryptedPrivateKey, KeyPair},
    },
    id::{CredentialCodeId, OrganizationId, TokenId, UserId},
    text::{CredentialName, Username},
    time::Timestamp,
    user::User,
};

use crate::{Person, Tenant, World};

cases! { accounts:
    every_kind_of_credential_comes_back_as_it_was,
    usernames_are_found_without_regard_to_case,
    unknown_users_are_not_found,
    credentials_come_oldest_first,
    a_credential_is_found_with_and_without_padding,
    a_credential_is_found_by_its_uuid,
    a_credential_is_found_in_its_organization_only,
    what_is_not_active_is_found,
    an_organization_that_is_not_active_has_no_users,
}

/// Names that strain a database: not ASCII, quotes, a percent sign, a backslash.
const AWKWARD: &str = "Ünïcödé 🔑 'quoted\" 100% \\ back";

fn every_kind(world: &World, tenant: &Tenant, person: &Person) -> Vec<Credential> {
    let user = &person.user;
    let provenance = |made_by| Provenance {
        made_by,
        origin: Some(Origin::new("https://one.example").unwrap()),
        address: IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let credential = person.credentials[0].uuid.clone();
    let mut passkey = world.passkey(user, &tenant.application);
    if let Material::Fido2(passkey) = &mut passkey.material {
        passkey.sign_count = u32::MAX;
    }
    passkey.provenance = provenance(MadeBy::Credential {
        session: TokenId::from_random(&world.draw()),
        credential: credential.clone(),
    });
    passkey.name = CredentialName::new(AWKWARD).unwrap();
    let mut protected = world.protected_key(user);
    protected.provenance = provenance(MadeBy::Code {
        code: CredentialCodeId::from_random(&world.draw()),
        credential: credential.clone(),
    });
    protected.id = CredentialId::new("padded==").unwrap();
    let pair = KeyPair {
        public_key: world.public_key(),
        origin: Some("anything at all".to_owned()),
    };
    let encrypted = EncryptedPrivateKey::new("x".repeat(16_384)).unwrap();
    let mut recovery = world.credential(user, Material::RecoveryKey(pair, Some(encrypted)));
    recovery.provenance = provenance(MadeBy::Recovery { credential });
    recovery.state = CredentialState::Inactive;
    recovery.last_used = Some(Timestamp::from_unix_milliseconds(3));
    vec![
        passkey,
        protected,
        recovery,
        world.recovery_key(user),
        world.key(user),
    ]
}

/// The credential that a client refers to, and its owner.
async fn referred(
    world: &World,
    organization: &OrganizationId,
    reference: &CredentialReference,
) -> Option<(Credential, User)> {
    let found = world.accounts.find_credential(organization, reference);
    let found = found.await.unwrap();
    found.map(|held| (held.credential, held.user))
}

async fn every_kind_of_credential_comes_back_as_it_was(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    for credential in every_kind(&world, &tenant, &person) {
        world.create(&person, credential.clone()).await;
        let kept = world.credentials_of(&person).await;
        assert!(kept.contains(&credential), "{credential:?}");
    }
}

async fn usernames_are_found_without_regard_to_case(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "Ädä@Example.com");
    let user = world.invite(invitation).await;
    let shouted = Username::new(" ÄDÄ@EXAMPLE.COM ").unwrap();
    let account = world
        .accounts
        .find_by_username(&tenant.organization, &shouted)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(account.user, user);
}

async fn unknown_users_are_not_found(world: World) {
    let person = world.someone().await;
    let elsewhere = OrganizationId::from_random(&world.draw());
    let found = world
        .accounts
        .find_by_username(&elsewhere, &person.user.username);
    assert_eq!(found.await.unwrap(), None);
    let nobody = UserId::from_random(&world.draw());
    assert_eq!(world.account(&nobody).await, None);
}

async fn credentials_come_oldest_first(world: World) {
    let person = world.someone().await;
    let mut older = world.key(&person.user);
    older.created = Timestamp::from_unix_milliseconds(5);
    world.create(&person, older.clone()).await;
    let mut expected = person.credentials.clone();
    expected.sort_by(|one, other| one.uuid.cmp(&other.uuid));
    expected.insert(0, older);
    assert_eq!(world.credentials_of(&person).await, expected);
}

async fn a_credential_is_found_with_and_without_padding(world: World) {
    let person = world.someone().await;
    let mut credential = world.key(&person.user);
    credential.id = CredentialId::new("AQ==").unwrap();
    world.create(&person, credential.clone()).await;
    for text in ["AQ", "AQ=", "AQ=="] {
        let reference = CredentialReference::parse(text).unwrap();
        let held = referred(&world, &person.user.organization, &reference).await;
        assert_eq!(held, Some((credential.clone(), person.user.clone())));
    }
    for text in ["aq", "AQA", "A"] {
        let reference = CredentialReference::parse(text).unwrap();
        let found = referred(&world, &person.user.organization, &reference).await;
        assert_eq!(found, None, "{text}");
    }
}

async fn a_credential_is_found_by_its_uuid(world: World) {
    let person = world.someone().await;
    let reference = CredentialReference::Uuid(person.credentials[1].uuid.clone());
    let held = referred(&world, &person.user.organization, &reference).await;
    assert_eq!(held, Some((person.credentials[1].clone(), person.user)));
}

async fn a_credential_is_found_in_its_organization_only(world: World) {
    let person = world.someone().await;
    let other = world.tenant("Other").await;
    for reference in [
        CredentialReference::Uuid(person.credentials[0].uuid.clone()),
        CredentialReference::Id(person.credentials[0].id.clone()),
    ] {
        let found = referred(&world, &other.organization, &reference).await;
        assert_eq!(found, None);
    }
}

async fn what_is_not_active_is_found(world: World) {
    let person = world.someone().await;
    let credential = &person.credentials[1].uuid;
    world.set_active(&person, credential, false).await;
    world.set_user_active(&person.user.id, false).await;
    let account = world.account(&person.user.id).await.unwrap();
    assert!(!account.user.is_active);
    let active: Vec<_> = account
        .credentials
        .iter()
        .filter(|credential| credential.is_active())
        .map(|credential| &credential.uuid)
        .collect();
    assert_eq!(active, [&person.credentials[0].uuid]);
}

async fn an_organization_that_is_not_active_has_no_users(world: World) {
    let person = world.someone().await;
    let code = world.issued_code(&person).await;
    let invitation = world.invitation(&person.user.organization, "invited@example.com");
    world.invite(invitation.clone()).await;
    let (organization, name) = (&person.user.organization, &person.user.username);
    world.deactivate(organization).await;
    let reference = CredentialReference::Uuid(person.credentials[0].uuid.clone());
    let found = world.accounts.find_by_username(organization, name).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(world.account(&person.user.id).await, None);
    assert_eq!(referred(&world, organization, &reference).await, None);
    assert_eq!(world.code(&code.long).await, None);
    assert_eq!(world.code_by_id(&code.code.id).await, None);
    assert_eq!(world.invited(&invitation).await, None);
}
