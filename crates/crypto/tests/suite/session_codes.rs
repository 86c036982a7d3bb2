//! Session codes carry a session and tell nobody of it, and cannot be altered or moved.

use data_encoding::BASE64URL_NOPAD;
use latchkey_crypto::tokens::SignedTokens;
use latchkey_domain::{
    application::Origin,
    credential::CredentialKind,
    id::{ApplicationId, SessionCodeId},
    session::Session,
    session_code::{CodeChallenge, SessionCode},
};
use latchkey_service::ports::tokens::{InvalidToken, Tokens as _};

use crate::tokens::{NOW, installation, later, secrets, session, ticket, tokens};

fn code(number: u8) -> SessionCode {
    SessionCode {
        id: SessionCodeId::from_random(&[number; 32]),
        session: Session {
            credential_kind: Some(CredentialKind::Fido2),
            application: Some(ApplicationId::from_random(&[7; 32])),
            ..session()
        },
        application: ApplicationId::from_random(&[7; 32]),
        origin: Origin::new("https://app.example.com:8443").unwrap(),
        challenge: CodeChallenge::new("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap(),
        expires: later(60_000),
    }
}

#[test]
fn what_a_code_carries_is_read_by_every_replica_until_it_expires() {
    let without = Session {
        credential_kind: None,
        application: None,
        ..session()
    };
    for code in [
        code(1),
        SessionCode {
            session: without,
            ..code(2)
        },
    ] {
        let sealed = tokens().seal_session_code(&code);
        assert_eq!(
            tokens().open_session_code(&sealed, later(59_999)),
            Ok(code.clone())
        );
        assert_eq!(
            tokens().open_session_code(&sealed, code.expires),
            Err(InvalidToken)
        );
    }
}

#[test]
fn a_code_tells_nothing_and_needs_no_encoding_in_an_address() {
    let [one, two] = [1, 2].map(|number| tokens().seal_session_code(&code(number)));
    for sealed in [&one, &two] {
        let text = sealed.strip_prefix("sc_").unwrap();
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        for told in ["example", "us-", "or-", "Fido2", "latchkey"] {
            assert!(!shown.contains(told), "{told}");
        }
        // Servers and proxies take addresses of 8 KiB, and it is a small part of one.
        assert!(sealed.len() < 1_536, "{}", sealed.len());
    }
    // Codes of one session have nothing in common.
    let common = one
        .bytes()
        .zip(two.bytes())
        .take_while(|(one, two)| one == two);
    assert!(common.count() < 12, "{one} {two}");
}

#[test]
fn what_was_altered_moved_or_is_something_else_is_no_code() {
    let sealed = tokens().seal_session_code(&code(1));
    let text = sealed.strip_prefix("sc_").unwrap();
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let mut others: Vec<_> = (0..bytes.len())
        .map(|place| {
            let mut altered = bytes.clone();
            altered[place] ^= 1;
            format!("sc_{}", BASE64URL_NOPAD.encode(&altered))
        })
        .collect();
    others.extend([
        String::new(),
        "sc_".to_owned(),
        text.to_owned(),
        format!("{sealed}A"),
        format!("sc_{}", "A".repeat(100_000)),
        tokens().sign_session(&session()),
        tokens().sign_approval(&ticket(), NOW),
        SignedTokens::new(&secrets(1), &installation(2)).seal_session_code(&code(1)),
        SignedTokens::new(&secrets(2), &installation(1)).seal_session_code(&code(1)),
    ]);
    for other in others {
        let opened = tokens().open_session_code(&other, NOW);
        assert_eq!(opened, Err(InvalidToken), "{other}");
    }
    // Nor is a code anything else.
    assert_eq!(tokens().read_session(&sealed, NOW), Err(InvalidToken));
    assert_eq!(tokens().read_challenge(&sealed, NOW), Err(InvalidToken));
    assert_eq!(tokens().read_approval(&sealed, NOW), Err(InvalidToken));
}
