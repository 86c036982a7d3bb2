//! A world with somebody for every role, where good requests of every operation can be made.

use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::organization::{Approval, CodeSignIn};
use serde_json::{Value, json};

use super::{
    signed_in::SignedIn,
    signer::Signer,
    stranger::{Invited, Stranger},
    world::{ANDROID, Circumstances, MOBILE, ONE, RIVAL, Tenant, World},
};

/// Two organizations with an administrator each: in the first one a code signs in at once, and the second asks for
/// approval.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) ada: Person,
    /// Of the other organization.
    pub(crate) eve: Person,
    number: AtomicU64,
}

/// Somebody with a credential for every purpose, who is signed in on a page.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) tenant: Tenant,
    pub(crate) username: String,
    pub(crate) id: String,
    pub(crate) origin: &'static str,
    /// Where the page is.
    pub(crate) place: Stranger,
    /// A session that the password-protected key signed in, which signs user actions too.
    pub(crate) session: SignedIn,
    pub(crate) passkey: Signer,
    pub(crate) recovery_key: Signer,
}

impl Stage {
    /// Nothing is limited, since cases try very often.
    pub(crate) async fn new() -> Self {
        Self::with(Circumstances::unlimited()).await
    }

    pub(crate) async fn with(circumstances: Circumstances) -> Self {
        let world = World::with(circumstances).await;
        let mobile = world.add_mobile_application(&[MOBILE, ANDROID]).await;
        let names = [Some("com.example.app"), Some("A1B2C3D4E5.com.example.app")];
        world.set_native(&mobile, names).await;
        world.set_approval(&world.rival, Approval::Always).await;
        world
            .set_code_sign_in(&world.acme, CodeSignIn::AtOnce)
            .await;
        let number = AtomicU64::new(0);
        let ada = person(&world, &world.acme, "ada@example.com").await;
        let eve = person(&world, &world.rival, "eve@example.com").await;
        for administrator in [&ada, &eve] {
            world.set_administrator(&administrator.id, true).await;
        }
        Self {
            world,
            ada,
            eve,
            number,
        }
    }

    /// Who administrates the organization that `person` is not of.
    pub(crate) fn foreign_to(&self, person: &Person) -> &Person {
        if person.tenant.organization == self.ada.tenant.organization {
            &self.eve
        } else {
            &self.ada
        }
    }

    /// A username that nobody had before.
    pub(crate) fn username(&self) -> String {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        format!("user{number}@example.com")
    }

    /// Somebody new in the organization of `other`, who is no administrator.
    pub(crate) async fn colleague(&self, other: &Person) -> Person {
        person(&self.world, &other.tenant, &self.username()).await
    }

    /// A new user of that organization who has not registered.
    pub(crate) async fn invited(&self, by: &Person) -> Invited {
        self.world.invite(&by.tenant, &self.username()).await
    }

    /// The newest code that was mailed to that user after asking for it with that path.
    pub(crate) async fn mailed_code(&self, person: &Person, path: &str) -> String {
        let body = person.named(json!({}));
        // What was asked for earlier is older.
        self.world.mail_codes().await;
        self.world.tick();
        person.place.post(path, &body).await.ok();
        self.world.mail_codes().await;
        self.world.mailed_code(&person.username).await
    }
}

impl Person {
    /// A body that says who this is.
    pub(crate) fn named(&self, mut body: Value) -> Value {
        body["orgId"] = json!(self.tenant.organization);
        body["username"] = json!(self.username);
        body
    }

    /// What the recovery key signs for exactly these new credentials.
    pub(crate) fn agrees_to(&self, new: &Value) -> Value {
        let text = BASE64URL_NOPAD.encode(new.to_string().as_bytes());
        self.recovery_key.sign(&json!({ "challenge": text }))
    }

    /// Another session of the same user.
    pub(crate) async fn again(&self) -> Self {
        let signer = &self.session.signer;
        let session = self.place.sign_in(&self.tenant, &self.username, signer);
        Self {
            session: session.await,
            ..self.clone()
        }
    }

    /// The `cr-…` of a new credential to do something to.
    pub(crate) async fn spare(&self) -> String {
        let made = self.session.create(&Signer::key()).await.ok();
        made["credentialUuid"].as_str().unwrap().to_owned()
    }

    /// What a place asks the person's organization for.
    pub(crate) fn asking(&self) -> Value {
        json!({ "orgId": self.tenant.organization, "credentialKind": "Key" })
    }

    /// What a place on the same page gets that asks for a code.
    pub(crate) async fn asked(&self, stage: &Stage) -> Value {
        stage.world.let_ask(&self.tenant, "anywhere").await;
        self.place.ask_for_code(&self.asking()).await.ok()
    }

    /// What comes of a new credential code in the hands of somebody else on the same page.
    pub(crate) async fn enrolled(&self, stage: &Stage) -> Value {
        let codes = self.session.code(stage.world.now()).await;
        self.place.enrol(&codes.short, &Signer::key()).await.ok()
    }
}

async fn person(world: &World, tenant: &Tenant, username: &str) -> Person {
    let is_rival = tenant.organization == world.rival.organization;
    let origin = if is_rival { RIVAL } else { ONE };
    let place = world.stranger().at(origin);
    let key = Signer::password_protected_key();
    let [passkey, recovery_key] = [Signer::passkey(origin), Signer::recovery_key()];
    for signer in [&key, &recovery_key] {
        // What may be named is named, so that it is tried.
        signer.change_key(|client| client.algorithm = Some("SHA256".to_owned()));
    }
    let invited = world.invite(tenant, username).await;
    let challenge = place.begin_registration(&invited).await.ok();
    let body = json!({
        "firstFactorCredential": key.create(&challenge),
        "secondFactorCredential": passkey.create(&challenge),
        "recoveryCredential": recovery_key.create(&challenge),
    });
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let registered = place.bearing(token).post("/auth/registration", &body).await;
    registered.ok();
    Person {
        session: place.sign_in(tenant, username, &key).await,
        tenant: tenant.clone(),
        username: username.to_owned(),
        id: invited.id,
        origin,
        place,
        passkey,
        recovery_key,
    }
}
