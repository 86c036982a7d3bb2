//! Credential codes that are entered.

use std::time::Duration;

use latchkey_domain::{
    credential::CredentialKind,
    credential_code::{Binding, CodeDigest, CodeEntry, CodeForm, CodeState, CredentialCode, Kinds},
    text::{CredentialName, Username},
};
use latchkey_service::ports::{
    Stores,
    credential_code_store::{ClaimError, ClaimedCode},
};

use crate::{NOW, World};

cases! { code_entries:
    a_claimed_code_is_not_claimed_again,
    an_expired_code_is_not_claimed,
    a_code_is_claimed_where_and_for_what_it_is_alone,
    a_claimed_code_is_given_with_what_was_found_of_it,
    a_code_is_not_claimed_when_the_application_of_its_issuer_is_not_active,
    a_code_is_not_claimed_in_an_organization_that_is_not_active,
}

/// Enters a code in its long form.
///
/// # Errors
/// [`ClaimError`].
pub async fn enter(
    stores: &Stores,
    long: &CodeDigest,
    entry: CodeEntry,
) -> Result<ClaimedCode, ClaimError> {
    let codes = &stores.credential_codes;
    codes.claim(CodeForm::Long, long, entry).await
}

/// The code cannot be claimed, and what there is of it is told.
pub async fn assert_refused(world: &World, code: &CredentialCode, long: &CodeDigest) {
    let found = world.credential_codes.find(CodeForm::Long, long).await;
    match enter(world, long, world.entry(code)).await {
        Err(ClaimError::Refused(told)) => assert_eq!(told.map(|told| *told), found.unwrap()),
        other => panic!("{other:?}"),
    }
}

async fn a_claimed_code_is_not_claimed_again(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    assert_refused(&world, &claimed.code, &claimed.long).await;
    let newest = world.newest(&person.user.id).await.unwrap();
    assert_eq!(newest.state, CodeState::Claimed(claimed.claim));
}

async fn an_expired_code_is_not_claimed(world: World) {
    let person = world.someone().await;
    let new = world.issued_code(&person).await;
    for (after, claimable) in [(60_000, false), (59_999, true)] {
        let mut entry = world.entry(&new.code);
        entry.claim.date = NOW.plus(Duration::from_millis(after));
        let outcome = enter(&world, &new.long, entry).await;
        assert_eq!(outcome.is_ok(), claimable);
    }
}

/// Whatever a code is for, it is claimed by the entries that the domain says.
async fn a_code_is_claimed_where_and_for_what_it_is_alone(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let other = world.tenant("Other").await;
    let all = CredentialKind::ALL;
    let each = all.iter().map(std::slice::from_ref);
    let kinds = [&[][..], all]
        .into_iter()
        .chain(each)
        .map(|named| Kinds::new(named).ok());
    let of_none = [None, Some(tenant.application.id.clone())];
    let bindings = kinds.flat_map(|kinds| {
        of_none.clone().map(|application| Binding {
            application,
            kinds: kinds.clone(),
            name: None,
        })
    });
    let own = person.user.username.clone();
    let shouted = Username::new(own.as_str().to_uppercase()).unwrap();
    for binding in bindings {
        for (kind, username) in
            all.iter()
                .zip([None, Some(own.clone()), Some(shouted.clone()), None])
        {
            for in_application in [&tenant.application.id, &other.application.id] {
                let mut new = world.new_code(&person);
                new.code = new.code.bound_to(binding.clone());
                let authority = world.authority(&person);
                let issued = world.credential_codes.issue(authority, new.clone());
                issued.await.unwrap();
                let entry = CodeEntry {
                    kind: *kind,
                    application: in_application.clone(),
                    username: username.clone(),
                    ..world.entry(&new.code)
                };
                let another = Username::new("another@example.com").unwrap();
                for wrong in [
                    CodeEntry {
                        username: Some(another),
                        ..entry.clone()
                    },
                    CodeEntry {
                        organization: other.organization.clone(),
                        ..entry.clone()
                    },
                ] {
                    let refused = enter(&world, &new.long, wrong).await;
                    assert!(matches!(refused, Err(ClaimError::Refused(Some(_)))));
                }
                let is_claimed = entry.claims(&new.code, &person.user);
                let outcome = enter(&world, &new.long, entry).await;
                assert_eq!(
                    outcome.is_ok(),
                    is_claimed,
                    "{kind} {binding:?} {in_application}"
                );
            }
        }
    }
}

async fn a_claimed_code_is_given_with_what_was_found_of_it(world: World) {
    let person = world.with_passkey().await;
    for form in [CodeForm::Short, CodeForm::Long] {
        let mut new = world.new_code(&person);
        new.code.binding.name = Some(CredentialName::new("Ada's phone").unwrap());
        let authority = world.authority(&person);
        let codes = &world.credential_codes;
        codes.issue(authority, new.clone()).await.unwrap();
        let digest = match form {
            CodeForm::Short => new.short.unwrap(),
            CodeForm::Long => new.long,
        };
        let found = codes.find(form, &digest).await.unwrap().unwrap();
        let entry = world.entry(&new.code);
        let unknown = codes.claim(form, &world.digest(), entry.clone()).await;
        assert!(matches!(unknown, Err(ClaimError::Refused(None))));
        let state = CodeState::Claimed(entry.claim.clone());
        let claimed = codes.claim(form, &digest, entry).await.unwrap();
        assert_eq!(claimed, found.into());
        assert_eq!(world.state_of(&new).await, state);
    }
}

async fn a_code_is_not_claimed_when_the_application_of_its_issuer_is_not_active(world: World) {
    let tenant = world.tenant("Example").await;
    let mut person = world.person_with_passkey(&tenant, 1).await;
    person.credentials.reverse();
    let new = world.issued_code(&person).await;
    world
        .set_application_active(&tenant.application.id, false)
        .await;
    assert_refused(&world, &new.code, &new.long).await;
}

async fn a_code_is_not_claimed_in_an_organization_that_is_not_active(world: World) {
    let person = world.someone().await;
    let new = world.issued_code(&person).await;
    world.deactivate(&person.user.organization).await;
    assert_refused(&world, &new.code, &new.long).await;
}
