//! The use cases behind another adapter than HTTP: lines of text, and everything kept in memory.
//!
//! ```sh
//! printf 'issue\nlist\n' | cargo run -p latchkey-without-http
//! ```
//!
//! A person is signed in at one place, with a key that this program holds. `issue` shows a code there;
//! `enrol CODE` enters it in another place, which makes a key of its own; `list` shows all keys.

use std::{
    error::Error,
    io::{self, Write},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use data_encoding::BASE64URL_NOPAD;
use latchkey_crypto::{clock::SystemClock, entropy::SystemEntropy, secrets::Secrets};
use latchkey_domain::{
    application::{Origin, RelyingParty, RpId},
    credential::{CredentialId, CredentialKind, CredentialReference},
    credential_code::{Binding, EnteredCode},
    id::InstallationId,
    organization::Approval,
    session::Session,
    text::{ApplicationName, CredentialName, OrganizationName, Username},
    user_action::{ActionPath, Method, PayloadDigest, UserAction},
};
use latchkey_mail::kept::Kept;
use latchkey_memory::MemoryStore;
use latchkey_service::{
    administration::Bootstrap,
    ceremony::NewCredential,
    credential_codes::{BeginWithCode, IssueCode},
    directory::Caller,
    factors::FactorAnswer,
    first_credentials::{FirstCredential, FirstCredentials},
    login::{BeginLogin, Who},
    ports::{
        Ports, Stores,
        clock::Clock as _,
        entropy::Entropy as _,
        proof_verifier::{AssertionProof, CreationProof, Offered, Used},
    },
    registration::{BeginRegistration, CompleteRegistration},
    use_cases::{ServiceSettings, UseCases},
    user_actions::SignedRequest,
};
use latchkey_testkit::authenticator::{key::KeyClient, key_pair::KeyKind};
use serde_json::Value;
use tokio::{sync::oneshot, task::spawn_blocking};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The adapter: a line comes in, use cases are called, a line goes out.
struct Terminal {
    latchkey: UseCases,
    session: Session,
    /// What the person holds in the first place.
    key: KeyClient,
}

impl Terminal {
    /// Makes an organization with one person, who registers a key and signs in with it.
    async fn open() -> Outcome<Self> {
        let latchkey = UseCases::new(ports()?, ServiceSettings::default());
        let username = Username::new("ada@example.com")?;
        let origin = Origin::new("https://one.example")?;
        let bootstrap = Bootstrap {
            organization: OrganizationName::new("acme")?,
            approval: Approval::Never,
            administrator: username.clone(),
            application: ApplicationName::new("One")?,
            relying_party: RelyingParty::new(RpId::new("one.example")?, vec![origin])?,
        };
        let invited = latchkey
            .administration
            .bootstrap(bootstrap)
            .await?
            .administrator;
        let organization = Some(invited.user.organization);

        let key = KeyClient::new(KeyKind::Ed25519);
        let request = BeginRegistration {
            organization: organization.clone(),
            username: username.clone(),
            code: EnteredCode::parse(invited.code.reveal()),
        };
        let begun = latchkey.registrations.begin(&here(), request).await?.begun;
        let first = FirstCredential {
            name: None,
            proof: creation(&key, begun.challenge.text.as_str())?,
        };
        let complete = CompleteRegistration {
            temporary_token: begun.identifier,
            credentials: FirstCredentials {
                first,
                second: None,
                recovery: None,
            },
        };
        latchkey.registrations.complete(&here(), complete).await?;

        let request = BeginLogin {
            organization,
            who: Who::User(username),
        };
        let begun = latchkey.logins.begin(&here(), request).await?.begun;
        let answer = answer(&key, begun.challenge.text.as_str(), begun.identifier)?;
        let session = latchkey.logins.complete(&here(), &answer).await?.session;
        Ok(Self {
            latchkey,
            session,
            key,
        })
    }

    /// Answers one line.
    async fn answer(&self, line: &str) -> Outcome<String> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("issue", "") => self.issue().await,
            ("enrol", code) => self.enrol(code).await,
            ("list", "") => self.list().await,
            _ => Ok("issue, enrol CODE, or list".to_owned()),
        }
    }

    /// Whatever changes something is signed first: exactly this request, and once.
    async fn issue(&self) -> Outcome<String> {
        let action = UserAction {
            method: Method::Post,
            path: ActionPath::parse("/auth/credentials/code")?,
            // The line has no payload.
            payload: PayloadDigest::of("{}"),
        };
        let actions = &self.latchkey.user_actions;
        let begun = actions
            .begin(&here(), &self.session, action.clone())
            .await?
            .begun;
        let answer = answer(&self.key, begun.challenge.text.as_str(), begun.identifier)?;
        let token = actions.complete(&here(), &self.session, &answer).await?;
        let signed = SignedRequest {
            action: actions.check(&self.session, &token, &action)?,
            session: self.session.clone(),
            address: here().address,
        };
        let wanted = IssueCode {
            expiration: SystemClock.now().plus(Duration::from_mins(1)),
            long_only: false,
            binding: Binding::default(),
        };
        let codes = &self.latchkey.credential_codes;
        let issued = codes.issue(&here(), &signed, wanted).await?;
        Ok(issued
            .short
            .map(|code| code.reveal().to_owned())
            .unwrap_or_default())
    }

    /// Nobody is signed in here: the code, the challenge and the proof are the whole authority.
    async fn enrol(&self, code: &str) -> Outcome<String> {
        let codes = &self.latchkey.credential_codes;
        let request = BeginWithCode {
            code: EnteredCode::parse(code),
            kind: CredentialKind::Key,
            username: None,
        };
        let begun = codes.begin(&here(), &request).await?.begun;
        let key = KeyClient::new(KeyKind::Ed25519);
        let new = NewCredential {
            name: CredentialName::new("Second place")?,
            proof: creation(&key, begun.challenge.text.as_str())?,
        };
        let made = codes.verify(&here(), &begun.identifier, new).await?;
        Ok(format!("made {}", made.credential.uuid))
    }

    async fn list(&self) -> Outcome<String> {
        let credentials = self.latchkey.credentials.list(&self.session).await?;
        let names = credentials
            .iter()
            .map(|credential| credential.name.as_str());
        Ok(names.collect::<Vec<_>>().join(", "))
    }
}

/// An adapter behind every port; messages go nowhere, and everything is kept in memory.
fn ports() -> Outcome<Ports> {
    let secrets = Secrets::generate(&SystemEntropy, SystemClock.now())?;
    let installation = InstallationId::from_random(&SystemEntropy.draw());
    let stores = Stores::of(Arc::new(MemoryStore::default()));
    let mailer = Arc::new(Kept);
    Ok(latchkey_crypto::ports(
        &secrets,
        &installation,
        stores,
        mailer,
    ))
}

/// Where requests come from: no browser, so no origin.
fn here() -> Caller {
    Caller {
        origin: None,
        application: None,
        address: Ipv4Addr::LOCALHOST.into(),
    }
}

/// The proof of a new key.
fn creation(key: &KeyClient, challenge: &str) -> Outcome<CreationProof> {
    let info = key.create(challenge);
    Ok(CreationProof {
        credential_id: CredentialId::new(text(&info, "credId"))?,
        client_data: bytes(&info, "clientData")?,
        attestation_data: bytes(&info, "attestationData")?,
        offered: Offered::Key,
    })
}

/// The proof that a registered key was used.
fn answer(key: &KeyClient, challenge: &str, identifier: String) -> Outcome<FactorAnswer> {
    let assertion = key.get(challenge);
    let first = AssertionProof {
        credential: CredentialReference::parse(text(&assertion, "credId"))?,
        client_data: bytes(&assertion, "clientData")?,
        signature: bytes(&assertion, "signature")?,
        used: Used::Key { algorithm: None },
    };
    Ok(FactorAnswer {
        identifier,
        first,
        second: None,
    })
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn bytes(object: &Value, member: &str) -> Outcome<Vec<u8>> {
    Ok(BASE64URL_NOPAD.decode(text(object, member).as_bytes())?)
}

/// Answers lines until there are no more.
async fn converse(terminal: &Terminal) -> Outcome {
    // Whoever waits for a person waits apart, so that everything else goes on.
    while let Some(line) = spawn_blocking(|| io::stdin().lines().next()).await? {
        let said = terminal.answer(line?.trim()).await;
        let said = said.unwrap_or_else(|error| format!("refused: {error}"));
        writeln!(io::stdout(), "{said}")?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    let terminal = Terminal::open().await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let conversation = async {
        let outcome = converse(&terminal).await;
        drop(stop);
        outcome
    };
    let work = terminal.latchkey.work(async {
        let _dropped = stopped.await;
    });
    let (outcome, worked) = tokio::join!(conversation, work);
    worked?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_added_with_a_code_that_is_good_once() {
        let terminal = Terminal::open().await.unwrap();
        let before = terminal.answer("list").await.unwrap();
        let code = terminal.answer("issue").await.unwrap();
        let enrol = format!("enrol {}", code.to_lowercase());
        assert!(
            terminal
                .answer(&enrol)
                .await
                .unwrap()
                .starts_with("made cr-")
        );
        let refused = terminal.answer(&enrol).await.unwrap_err();
        assert_eq!(refused.to_string(), "the code is not valid");
        let after = terminal.answer("list").await.unwrap();
        assert_eq!(after, format!("{before}, Second place"));
    }
}
