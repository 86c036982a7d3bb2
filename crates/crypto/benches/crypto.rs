//! What proofs of each kind, tokens and digests cost.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "an error here is no measurement"
)]

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use divan::Bencher;
use latchkey_crypto::{
    code_digest::HmacCodeDigester, entropy::SystemEntropy, proofs::Proofs, sealer::AesGcmSealer,
    secrets::Secrets, tokens::SignedTokens,
};
use latchkey_domain::{
    challenge::{Challenge, ChallengeText, purpose},
    credential::{CredentialKind, Material, passkey::Transports},
    credential_code::long_from_random,
    id::{
        ApplicationId, ChallengeId, CredentialUuid, InstallationId, MessageId, OrganizationId,
        TokenId, UserActionId,
    },
    session::Session,
    text::Username,
    time::Timestamp,
    user::{Epoch, UserKind},
    user_action::{ActionPath, Method, PayloadDigest, SignedUserAction, UserAction},
};
use latchkey_service::ports::{
    code_digester::CodeDigester as _,
    proof_verifier::{Offered, ProofVerifier as _, RecoveryProof},
    sealer::Sealer as _,
    tokens::Tokens as _,
};
use latchkey_testkit::{
    authenticator::{asked::Asked, key::KeyClient, key_pair::KeyKind, passkey::PasskeyClient},
    entropy::SeededEntropy,
};

use self::support::{
    application, asked, assertion, bytes, creation, credential, expected, owner, register_key,
    register_passkey, signer,
};

#[path = "../tests/suite/support.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod support;

fn main() {
    divan::main();
}

const ORIGIN: &str = "https://one.example";

/// The kinds of keys that passkeys have.
const OF_PASSKEYS: [KeyKind; 2] = [KeyKind::P256, KeyKind::Rsa2048];

fn asked_for_owner() -> Asked {
    Asked {
        challenge: asked(),
        user_id: Some(owner().to_string()),
        ..Asked::default()
    }
}

#[divan::bench(args = OF_PASSKEYS)]
fn making_a_passkey(bencher: Bencher<'_, '_>, kind: KeyKind) {
    let mut device = PasskeyClient::with_key(ORIGIN, kind);
    let proof = creation(
        Offered::Fido2(Transports::default()),
        &device.create(asked_for_owner()),
    );
    let expected = expected();
    bencher.bench(|| Proofs.verify_creation(&expected, &proof).unwrap());
}

#[divan::bench(args = OF_PASSKEYS)]
fn using_a_passkey(bencher: Bencher<'_, '_>, kind: KeyKind) {
    let mut device = PasskeyClient::with_key(ORIGIN, kind);
    let expected = expected();
    let passkey = register_passkey(&expected, &device.create(asked_for_owner())).unwrap();
    let signer = signer(Material::Fido2(passkey));
    let proof = assertion(&device.get(asked_for_owner()));
    bencher.bench(|| {
        let used = Proofs.verify_assertion(&expected, &signer, &proof);
        used.unwrap()
    });
}

/// What a stranger is answered who names no credential that there is.
#[divan::bench(args = OF_PASSKEYS)]
fn using_a_passkey_of_nobody(bencher: Bencher<'_, '_>, kind: KeyKind) {
    let mut device = PasskeyClient::with_key(ORIGIN, kind);
    device.create(asked_for_owner());
    let proof = assertion(&device.get(asked_for_owner()));
    let mut expected = expected();
    expected.applications = vec![application(1, "one.example", &[ORIGIN])];
    bencher.bench(|| Proofs.verify_for_nobody(&expected, &proof));
}

#[divan::bench(args = KeyKind::ALL)]
fn making_a_key(bencher: Bencher<'_, '_>, kind: KeyKind) {
    let proof = creation(Offered::Key, &KeyClient::new(kind).create(&asked()));
    let expected = expected();
    bencher.bench(|| Proofs.verify_creation(&expected, &proof).unwrap());
}

#[divan::bench(args = KeyKind::ALL)]
fn using_a_key(bencher: Bencher<'_, '_>, kind: KeyKind) {
    let client = KeyClient::new(kind);
    let pair = register_key(&client.create(&asked())).unwrap();
    let signer = signer(Material::Key(pair));
    let proof = assertion(&client.get(&asked()));
    let expected = expected();
    bencher.bench(|| {
        let used = Proofs.verify_assertion(&expected, &signer, &proof);
        used.unwrap()
    });
}

#[divan::bench(args = KeyKind::ALL)]
fn confirming_a_recovery(bencher: Bencher<'_, '_>, kind: KeyKind) {
    const NEW: &str = r#"{"firstFactorCredential":{"credentialInfo":{"credId":"AQID"}}}"#;
    let client = KeyClient::new(kind);
    let pair = register_key(&client.create(&asked())).unwrap();
    let credential = credential("any", Material::RecoveryKey(pair, None));
    let signed = client.get(&BASE64URL_NOPAD.encode(NEW.as_bytes()));
    let proof = RecoveryProof {
        credential: assertion(&signed).credential,
        client_data: bytes(&signed, "clientData"),
        signature: bytes(&signed, "signature"),
        algorithm: None,
    };
    bencher.bench(|| {
        let confirmed = Proofs.confirm_recovery(&credential, NEW, &proof);
        confirmed.unwrap();
    });
}

const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_795_374_000_250);
const LATER: Timestamp = Timestamp::from_unix_milliseconds(1_795_374_300_250);

fn secrets() -> Secrets {
    Secrets::generate(&SeededEntropy::new(1), NOW).unwrap()
}

fn tokens() -> SignedTokens {
    SignedTokens::new(&secrets(), &InstallationId::from_random(&[1; 32]))
}

fn session() -> Session {
    Session {
        id: TokenId::from_random(&[2; 32]),
        organization: OrganizationId::from_random(&[3; 32]),
        user: owner(),
        username: Username::new("ada@example.com").unwrap(),
        user_kind: UserKind::EndUser,
        epoch: Epoch::new(7),
        credential: CredentialUuid::from_random(&[5; 32]),
        credential_kind: Some(CredentialKind::Fido2),
        application: Some(ApplicationId::from_random(&[9; 32])),
        issued: NOW,
        expires: LATER,
    }
}

fn challenge() -> Challenge {
    Challenge {
        id: ChallengeId::from_random(&[2; 32]),
        text: ChallengeText::from_random(&[1; 32]),
        organization: OrganizationId::from_random(&[3; 32]),
        application: Some(ApplicationId::from_random(&[9; 32])),
        purpose: purpose::Login {
            user: Some(owner()),
            epoch: Some(Epoch::new(7)),
        }
        .into(),
        issued: NOW,
        expires: LATER,
    }
}

fn user_action() -> SignedUserAction {
    SignedUserAction {
        id: UserActionId::from_random(&[2; 32]),
        organization: OrganizationId::from_random(&[3; 32]),
        user: owner(),
        epoch: Epoch::new(7),
        signers: vec![CredentialUuid::from_random(&[5; 32])],
        action: UserAction {
            method: Method::Post,
            path: ActionPath::parse("/auth/credentials/code").unwrap(),
            payload: PayloadDigest::new([6; 32]),
        },
        issued: NOW,
        expires: LATER,
    }
}

#[divan::bench]
fn signing_a_session(bencher: Bencher<'_, '_>) {
    let (tokens, session) = (tokens(), session());
    bencher.bench(|| tokens.sign_session(&session));
}

/// Whoever has read it before remembers that it was good.
#[divan::bench]
fn reading_a_session(bencher: Bencher<'_, '_>) {
    let token = tokens().sign_session(&session());
    bencher
        .with_inputs(tokens)
        .bench_values(|tokens| tokens.read_session(&token, NOW).unwrap());
}

#[divan::bench]
fn reading_a_session_again(bencher: Bencher<'_, '_>) {
    let tokens = tokens();
    let token = tokens.sign_session(&session());
    bencher.bench(|| tokens.read_session(&token, NOW).unwrap());
}

#[divan::bench]
fn signing_a_challenge(bencher: Bencher<'_, '_>) {
    let (tokens, challenge) = (tokens(), challenge());
    bencher.bench(|| tokens.sign_challenge(&challenge));
}

#[divan::bench]
fn reading_a_challenge(bencher: Bencher<'_, '_>) {
    let tokens = tokens();
    let token = tokens.sign_challenge(&challenge());
    bencher.bench(|| tokens.read_challenge(&token, NOW).unwrap());
}

#[divan::bench]
fn signing_a_user_action(bencher: Bencher<'_, '_>) {
    let (tokens, action) = (tokens(), user_action());
    bencher.bench(|| tokens.sign_user_action(&action));
}

#[divan::bench]
fn reading_a_user_action(bencher: Bencher<'_, '_>) {
    let tokens = tokens();
    let token = tokens.sign_user_action(&user_action());
    bencher.bench(|| tokens.read_user_action(&token, NOW).unwrap());
}

#[divan::bench]
fn digesting_a_code(bencher: Bencher<'_, '_>) {
    let digester = HmacCodeDigester::new(&secrets());
    let code = long_from_random(&[7; 32]);
    bencher.bench(|| digester.digest(&code));
}

#[divan::bench(args = [100, 1_000, 10_000])]
fn digesting_a_payload(bencher: Bencher<'_, '_>, length: usize) {
    let payload = "a".repeat(length);
    bencher.bench(|| PayloadDigest::of(&payload));
}

#[divan::bench]
fn sealing_a_message(bencher: Bencher<'_, '_>) {
    let sealer = AesGcmSealer::new(&secrets(), Arc::new(SystemEntropy));
    let (id, text) = (MessageId::from_random(&[8; 32]), [b'a'; 2_000]);
    bencher.bench(|| sealer.seal(&id, &text));
}
