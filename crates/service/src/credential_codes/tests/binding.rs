//! Codes that are for something.

use latchkey_domain::{credential_code::Kinds, id::ApplicationId, text::CredentialName};

use super::*;

/// A code that is for that.
fn bound(binding: Binding) -> FoundCode {
    let mut found = held(CodeState::Issued);
    found.code.binding = binding;
    found
}

fn for_application(id: &ApplicationId) -> Binding {
    Binding {
        application: Some(id.clone()),
        ..Binding::default()
    }
}

async fn begin(binding: Binding, caller: &Caller) -> Result<CreationChallenge, BeginWithCodeError> {
    let held = bound(binding);
    let mut store = MockCredentialCodeStore::new();
    store.expect_claim().returning(claiming(Some(held.clone())));
    store
        .expect_find()
        .returning(move |_, _| Ok(Some(held.clone())));
    codes_kept_by(store).begin(caller, &entered()).await
}

#[tokio::test]
async fn a_code_for_an_application_is_a_wrong_one_at_another() {
    let [one, two] = ["one", "two"].map(|name| application(name, 1).id);
    let here = begin(for_application(&one), &caller(ONE)).await.unwrap();
    assert_eq!(here.begun.challenge.application, Some(one.clone()));
    let elsewhere = begin(for_application(&two), &caller(ONE)).await;
    assert!(matches!(elsewhere, Err(BeginWithCodeError::InvalidCode)));
    // A client that says nothing means the one that the code is for, and its proof must be of that.
    for id in [&one, &two] {
        let native = begin(for_application(id), &caller(None)).await.unwrap();
        assert_eq!(native.begun.challenge.application.as_ref(), Some(id));
        assert_eq!(native.begun.application.id, *id);
    }
    let names_another = Caller {
        application: Some(two),
        ..caller(None)
    };
    let refused = begin(for_application(&one), &names_another).await;
    assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
    let gone = ApplicationId::from_random(&[99; 32]);
    let refused = begin(for_application(&gone), &caller(None)).await;
    assert!(matches!(refused, Err(BeginWithCodeError::InvalidCode)));
}

#[tokio::test]
async fn a_code_for_other_kinds_is_a_wrong_one() {
    for (kinds, is_right) in [
        (vec![CredentialKind::Fido2], true),
        (vec![CredentialKind::Key, CredentialKind::Fido2], true),
        (vec![CredentialKind::Key], false),
    ] {
        let binding = Binding {
            kinds: Some(Kinds::new(&kinds).unwrap()),
            ..Binding::default()
        };
        let begun = begin(binding, &caller(ONE)).await;
        assert_eq!(begun.is_ok(), is_right, "{kinds:?}");
    }
}

#[tokio::test]
async fn what_is_made_with_a_code_of_a_name_is_called_so() {
    let name = CredentialName::new("Her phone").unwrap();
    let mut store = MockCredentialCodeStore::new();
    store.expect_redeem().times(1).returning(|_, _| Ok(()));
    let purpose = purpose::CredentialWithCode {
        name: Some(name.clone()),
        ..with_code(&user(3))
    };
    let made = verify(store, true_proofs(key()), purpose).await.unwrap();
    assert_eq!(made.credential.name, name);
}

#[tokio::test]
async fn a_code_is_kept_with_what_it_is_for_and_for_nothing_that_there_is_not() {
    let binding = Binding {
        application: Some(application("two", 1).id),
        kinds: Some(Kinds::new(&[CredentialKind::Key]).unwrap()),
        name: Some(CredentialName::new("Her phone").unwrap()),
    };
    let expected = binding.clone();
    let mut store = MockCredentialCodeStore::new();
    store
        .expect_issue()
        .times(1)
        .withf(move |_, new| new.code.binding == expected)
        .returning(|_, _| Ok(()));
    let codes = codes_kept_by(store);
    let request = signed_request(&user(3));
    let bound = |binding| IssueCode {
        binding,
        ..wanted(false)
    };
    let issued = codes.issue(&caller(ONE), &request, bound(binding)).await;
    assert!(issued.is_ok());
    let unknown = for_application(&ApplicationId::from_random(&[99; 32]));
    let refused = codes.issue(&caller(ONE), &request, bound(unknown)).await;
    assert!(matches!(refused, Err(IssueCodeError::UnknownApplication)));
}
