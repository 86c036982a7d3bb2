use latchkey_domain::{
    credential::Material,
    id::CredentialCodeId,
    text::{CredentialName, Username},
};

use super::*;
use crate::testing::{
    NOW, application, caller, credential, key, messages, passkey, recovery_key, told, user, uuid,
};

fn code() -> CodeText {
    CodeText::new("rc_a-code".to_owned())
}

/// A code that was asked for by a machine.
fn asked(text: &CodeText, expires: Timestamp) -> AskedCode<'_> {
    AskedCode {
        text,
        expires,
        application: None,
    }
}

fn named(name: &str, material: Material) -> Credential {
    Credential {
        name: CredentialName::new(name).unwrap(),
        ..credential(1, &user(1), material)
    }
}

#[tokio::test]
async fn an_invitation_holds_code_and_link() {
    let invited = User {
        username: Username::new("ada+1&x=y <a>@example.com").unwrap(),
        ..user(1)
    };
    let message = messages()
        .registration(&invited, &code(), NOW)
        .await
        .unwrap();
    assert_eq!(message.kind, MessageKind::Registration);
    assert_eq!(
        (message.user.clone(), message.expires),
        (invited.id.clone(), NOW)
    );
    let content = told(&message);
    let link = format!(
        "https://one.example/register#code=rc_a-code&username=ada%2B1%26x%3Dy%20%3Ca%3E%40example.com\
         &orgId={}",
        invited.organization
    );
    assert!(
        content.text.contains(&format!("  {link}\n")),
        "{}",
        content.text
    );
    assert!(content.text.contains("\n  rc_a-code\n"), "{}", content.text);
    let by_hand = "Or open https://one.example/register and enter your username";
    assert!(content.text.contains(by_hand), "{}", content.text);
    let place = "invited to register at one, of Organization 1.";
    assert!(content.text.contains(place), "{}", content.text);
    // Nobody asks to be invited.
    let unexpected = "If you do not expect this, you need not do anything.";
    assert!(content.text.contains(unexpected), "{}", content.text);
    assert!(!content.text.contains("ask for"), "{}", content.text);
    assert!(content.text.contains("2023-11-14 22:13:20 UTC"));
    let escaped = link.replace('&', "&amp;");
    assert!(
        content.html.contains(&format!("href=\"{escaped}\"")),
        "{}",
        content.html
    );
    assert!(!content.html.contains("<a>@"), "{}", content.html);
}

#[tokio::test]
async fn without_pages_an_invitation_holds_no_link() {
    let messages = Messages {
        pages: None,
        ..messages()
    };
    let message = messages.registration(&user(1), &code(), NOW).await.unwrap();
    let content = told(&message);
    assert!(!content.text.contains("https:"), "{}", content.text);
    assert!(content.text.contains("rc_a-code"));
    let place = "invited to register at Organization 1.";
    assert!(content.text.contains(place), "{}", content.text);
    let named = "\n  Organization: Organization 1\n";
    assert!(content.text.contains(named), "{}", content.text);
    // A program that registers has no other way to say at which one.
    let id = format!("\n  Organization id: {}\n", user(1).organization);
    assert!(content.text.contains(&id), "{}", content.text);
}

#[tokio::test]
async fn every_message_names_the_organization_and_a_passkeys_its_application() {
    let messages = messages();
    messages.directory.snapshot().await.unwrap();
    let (user, by) = (user(1), "somebody");
    let passkey = named("Phone", passkey(&application("two", 1)));
    let place = caller(Some("https://two.example"));
    let of_passkeys = [
        messages.credential_added(&passkey, None),
        messages.credential_waits(&passkey),
        messages.registered(&passkey, &[]),
        messages.credential_activated(&passkey, &place),
        messages.credential_deactivated(&passkey, &place),
        messages.credential_deactivated_by(&passkey, by),
        messages.credential_deleted(&passkey, &place),
        messages.credential_deleted_by(&passkey, by),
        messages.account_recovered(&passkey, &[]),
    ];
    for message in &of_passkeys {
        let text = &told(message).text;
        assert!(text.contains("\n  Application: two\n"), "{text}");
    }
    let others = [
        messages.login_code(&user, &asked(&code(), NOW)),
        messages.recovery_code(&user, &asked(&code(), NOW)),
        messages.account_activated(&user.id, &user.organization, by),
        messages.administrator_made(&user.id, &user.organization, by),
    ];
    for message in of_passkeys.iter().chain(&others) {
        let content = told(message);
        let about = "This is about your account at Organization 1.\n";
        assert!(content.text.starts_with(about), "{}", content.text);
        assert!(!content.subject.contains("Organization 1"));
        let id = user.organization.as_str();
        assert!(!content.text.contains(id), "{}", content.text);
    }
    let invitation = messages.registration(&user, &code(), NOW).await.unwrap();
    assert!(told(&invitation).text.contains("of Organization 1."));
}

#[test]
fn what_is_not_known_yet_is_named_by_its_id() {
    let credential = named("Phone", passkey(&application("two", 1)));
    let text = &told(&messages().credential_added(&credential, None)).text;
    let about = format!("your account at {}.\n", credential.organization);
    assert!(text.contains(&about), "{text}");
    assert!(!text.contains("Application:"), "{text}");
}

#[test]
fn a_code_that_was_asked_for_on_a_page_names_its_application() {
    let (code, user, application) = (code(), user(1), application("one", 1));
    let on_a_page = AskedCode {
        application: Some(&application.name),
        ..asked(&code, NOW)
    };
    for message in [
        messages().login_code(&user, &on_a_page),
        messages().recovery_code(&user, &on_a_page),
    ] {
        let text = &told(&message).text;
        assert!(text.contains("\n  Application: one\n"), "{text}");
    }
    let text = &told(&messages().login_code(&user, &asked(&code, NOW))).text;
    assert!(!text.contains("Application:"), "{text}");
}

#[test]
fn a_recovery_kit_is_called_so_everywhere() {
    let kit = named("Kit", recovery_key());
    for message in [
        messages().recovery_code(&user(1), &asked(&code(), NOW)),
        messages().credential_added(&kit, None),
        messages().recovery_key_renewed(&kit),
        messages().account_recovered(&named("Phone", key()), &[kit]),
    ] {
        let text = &told(&message).text;
        assert!(text.contains("recovery kit"), "{text}");
        assert!(!text.contains("recovery key"), "{text}");
    }
}

#[test]
fn codes_expire_with_their_message() {
    let user = user(1);
    let expires = NOW.plus(std::time::Duration::from_mins(10));
    for message in [
        messages().login_code(&user, &asked(&code(), expires)),
        messages().recovery_code(&user, &asked(&code(), expires)),
    ] {
        let content = told(&message);
        assert_eq!((message.expires, message.created), (expires, NOW));
        assert!(content.text.contains("rc_a-code"), "{}", content.text);
        assert!(content.html.contains("rc_a-code"), "{}", content.html);
        assert!(!content.subject.contains("rc_a-code"));
    }
}

#[test]
fn a_notice_says_what_where_and_when_and_what_to_do() {
    let credential = named("Ada's phone", passkey(&application("one", 1)));
    let message = messages().credential_added(&credential, None);
    assert_eq!(message.expires, NOW.plus(MessageKind::NOTICE_LIFETIME));
    let text = &told(&message).text;
    for part in [
        "  Name: Ada's phone\n",
        "  Kind: passkey or security key\n",
        "  Made: with an invitation\n",
        "  Where: no web page\n",
        "  Address: 127.0.0.1\n",
        "  Date: 2023-11-14 22:13:20 UTC\n",
        "deactivate it at once",
        "administrator",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Cancel every code"));
}

#[test]
fn whoever_has_a_new_recovery_kit_is_told_that_the_earlier_ones_have_ended() {
    let message = messages().recovery_key_renewed(&named("Kit", recovery_key()));
    assert_eq!(message.kind, MessageKind::CredentialAdded);
    let text = &told(&message).text;
    for part in [
        "Every earlier one has ended",
        "  Kind: recovery kit\n",
        "make a new recovery kit yourself",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn whoever_is_told_of_a_code_is_told_to_cancel_codes() {
    let mut credential = named("Phone", key());
    credential.provenance.made_by = MadeBy::Code {
        code: CredentialCodeId::from_random(&[1; 32]),
        credential: uuid(2),
    };
    let text = &told(&messages().credential_added(&credential, None)).text;
    assert!(text.contains("Cancel every code"), "{text}");
}

#[test]
fn what_was_added_can_be_taken_away_where_there_is_a_page() {
    let credential = named("Phone", key());
    let page = "https://one.example/keys";
    let text = &told(&messages().credential_added(&credential, Some(page))).text;
    let link = format!("{page}/account#{}", credential.uuid);
    assert!(text.contains(&link), "{text}");
    let text = &told(&messages().credential_added(&credential, None)).text;
    assert!(!text.contains("/account#"), "{text}");
}

#[test]
fn the_others_of_a_registration_and_a_recovery_are_named() {
    let (first, others) = (named("First", key()), [named("Kit", recovery_key())]);
    for (message, kind) in [
        (
            messages().registered(&first, &others),
            MessageKind::CredentialAdded,
        ),
        (
            messages().account_recovered(&first, &others),
            MessageKind::AccountRecovered,
        ),
    ] {
        assert_eq!(message.kind, kind);
        let text = &told(&message).text;
        assert!(text.contains("First") && text.contains("Kit"), "{text}");
    }
}

#[test]
fn a_removal_says_who_asked_for_it() {
    let credential = named("Phone", key());
    let caller = caller(Some("https://two.example"));
    for message in [
        messages().credential_deactivated(&credential, &caller),
        messages().credential_deleted(&credential, &caller),
    ] {
        assert_eq!(message.user, credential.user);
        let text = &told(&message).text;
        assert!(text.contains("Where: https://two.example\n"), "{text}");
        assert!(text.contains("another credential"), "{text}");
    }
}

#[test]
fn whose_account_is_activated_again_is_told_by_whom_and_what_to_do() {
    let user = user(1);
    let message = messages().account_activated(&user.id, &user.organization, "somebody");
    assert_eq!(message.kind, MessageKind::AccountActivated);
    assert_eq!(message.user, user.id);
    assert_eq!(message.expires, NOW.plus(MessageKind::NOTICE_LIFETIME));
    let text = &told(&message).text;
    for part in [
        "  Activated by: somebody\n",
        "  Date: 2023-11-14 22:13:20 UTC",
        "deactivate what you do not know",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn who_becomes_an_administrator_is_told_by_whom_and_what_to_do() {
    let user = user(1);
    let message = messages().administrator_made(&user.id, &user.organization, "somebody");
    assert_eq!(message.kind, MessageKind::AdministratorMade);
    assert_eq!(message.user, user.id);
    let text = &told(&message).text;
    for part in [
        "  Made by: somebody\n",
        "  Date: 2023-11-14 22:13:20 UTC",
        "another administrator",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn names_cannot_break_out_of_html_or_into_the_subject() {
    let name = "</td><script>alert('1')</script>\"&";
    let credential = named(name, key());
    let content = told(&messages().credential_added(&credential, None));
    assert!(!content.subject.contains("script"));
    assert!(!content.html.contains("<script>"), "{}", content.html);
    let escaped = "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;";
    assert!(content.html.contains(escaped), "{}", content.html);
    assert!(content.text.contains(name), "{}", content.text);
}

#[test]
fn html_refers_to_nothing_outside() {
    let content = told(&messages().credential_added(&named("Phone", key()), None));
    for sign in ["src=", "url(", "http", "<img", "<link"] {
        assert!(!content.html.contains(sign), "{sign}: {}", content.html);
    }
}
