//! An installation in miniature: real adapters, two organizations, and a clock that stands still.

use std::{future::ready, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::Router;
use latchkey_crypto::{entropy::SystemEntropy, secrets::Secrets};
use latchkey_domain::{
    application::{
        Origin, RelyingParty, RpId,
        native::{AndroidPackage, AppleAppId, NativeApplications},
        pages::{EnrolUrl, PagePrefix, Pages},
    },
    id::{ApplicationId, InstallationId, OrganizationId, UserId},
    message::MessageKind,
    organization::{Approval, CodeSignIn, Freshness, RequestsFrom, Setting},
    policy::{Limits, Policy},
    text::{ApplicationName, OrganizationName, Username},
    time::Timestamp,
    user::UserKind,
};
use latchkey_http::{Beside, HttpSettings};
use latchkey_mail::kept::Kept;
use latchkey_server::metrics::Metrics;
use latchkey_service::{
    administration::{Administration, Bootstrap, Invite},
    outbox::OpenMessage,
    ports::{
        Ports, Stores,
        administration_store::{ApplicationUpdate, NewEnrolUrl},
        clock::Clock as _,
        entropy::Entropy as _,
        locator::{Locator, Unlocated},
        mailer::{Delivery, DeliveryError, Mail, Mailer},
    },
    use_cases::{ServiceSettings, UseCases},
};
use latchkey_storage::{
    connect::connect,
    store::{SqlStore, Statements},
};
use latchkey_testkit::{clock::ManualClock, database::TestDatabase};
use zeroize::Zeroizing;

use super::{
    signed_in::SignedIn,
    signer::Signer,
    stranger::{Invited, Stranger},
};

/// Where the first application of the first organization runs.
pub(crate) const ONE: &str = "https://one.example";
/// Where its second application runs.
pub(crate) const TWO: &str = "https://two.example";
/// Where the only application of the other organization runs.
pub(crate) const RIVAL: &str = "https://rival.example";
/// Where no application runs.
pub(crate) const UNLISTED: &str = "https://unlisted.example";

/// An address in another network than everybody's.
pub(crate) const FAR: &str = "198.51.100.7";

/// 2026-01-01T00:00:00Z: when every case begins.
pub(crate) const START: Timestamp = Timestamp::from_unix_milliseconds(1_767_225_600_000);

/// The service with its database.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: SqlStore,
    pub(crate) use_cases: Arc<UseCases>,
    /// What is counted of them and of requests.
    pub(crate) metrics: Arc<Metrics>,
    /// The organization most cases play in: applications at [`ONE`] and [`TWO`].
    pub(crate) acme: Tenant,
    /// Another one, with an application at [`RIVAL`].
    pub(crate) rival: Tenant,
    router: Router,
    secrets: Zeroizing<String>,
    installation: InstallationId,
    circumstances: Circumstances,
    database: TestDatabase,
}

/// An organization.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) organization: String,
    /// Its applications, oldest first.
    pub(crate) applications: Vec<ApplicationId>,
}

/// How a world differs from the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub(crate) policy: Policy,
    pub(crate) trusted_proxies: Vec<&'static str>,
    pub(crate) is_postgres: bool,
    /// Whether what is told is sent to people.
    pub(crate) mails: bool,
    /// Whether it is known where [`FAR`] is.
    pub(crate) locates: bool,
}

impl Default for Circumstances {
    /// SQLite and the default limits.
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            trusted_proxies: vec![],
            is_postgres: false,
            mails: true,
            locates: false,
        }
    }
}

impl Circumstances {
    /// Nothing is limited, for cases that try very often.
    pub(crate) fn unlimited() -> Self {
        let limits = Limits {
            enabled: false,
            ..Limits::default()
        };
        Self {
            policy: Policy {
                limits,
                ..Policy::default()
            },
            ..Self::default()
        }
    }

    pub(crate) fn on_postgres(self) -> Self {
        Self {
            is_postgres: true,
            ..self
        }
    }
}

impl World {
    /// The usual world.
    pub(crate) async fn new() -> Self {
        Self::with(Circumstances::default()).await
    }

    pub(crate) async fn with(circumstances: Circumstances) -> Self {
        let database = if circumstances.is_postgres {
            TestDatabase::postgres().await
        } else {
            TestDatabase::sqlite().await
        };
        let database = database.unwrap();
        let store = connect(database.url()).await.unwrap();
        let clock = Arc::new(ManualClock::at(START.minus(Duration::from_secs(2))));
        let entropy = Arc::new(SystemEntropy);
        let secrets = Secrets::generate(entropy.as_ref(), clock.now()).unwrap();
        let kept = secrets.to_toml();
        let installation = InstallationId::from_random(&entropy.draw());
        let metrics = Metrics::new().unwrap();
        metrics.watch(&store);
        let world = (&installation, &circumstances, &metrics);
        let use_cases = use_cases(&store, &clock, &secrets, world);
        let acme = bootstrap(&use_cases.administration, "acme", ONE).await;
        let rival = bootstrap(&use_cases.administration, "rival", RIVAL).await;
        let mut world = Self {
            clock,
            store,
            acme,
            rival,
            router: router(use_cases.clone(), &circumstances.trusted_proxies, &metrics),
            use_cases,
            metrics,
            secrets: kept,
            installation,
            circumstances,
            database,
        };
        // What is older is so by the clock.
        world.wait(Duration::from_secs(1));
        let two = world.add_application(TWO).await;
        world.acme.applications.push(two);
        world.wait(Duration::from_secs(1));
        world
    }

    /// The organization's present moment, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().unix_milliseconds()
    }

    pub(crate) fn wait(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// A machine somewhere, with nobody signed in.
    pub(crate) fn stranger(&self) -> Stranger {
        Stranger::new(self.router.clone())
    }

    /// The secrets that everything here is signed and digested with.
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets::from_toml(&self.secrets).unwrap()
    }

    /// A machine that calls another replica: the same database and clock, its own connections and
    /// memory.
    pub(crate) async fn replica(&self, secrets: Secrets) -> Stranger {
        let store = connect(self.database.url()).await.unwrap();
        let metrics = Metrics::new().unwrap();
        let world = (&self.installation, &self.circumstances, &metrics);
        let use_cases = use_cases(&store, &self.clock, &secrets, world);
        let trusted = &self.circumstances.trusted_proxies;
        Stranger::new(router(use_cases, trusted, &metrics))
    }

    /// Adds an application to the first organization.
    pub(crate) async fn add_application(&self, origin: &str) -> ApplicationId {
        let organization: OrganizationId = self.acme.organization.parse().unwrap();
        let name = ApplicationName::new(host(origin)).unwrap();
        self.use_cases
            .administration
            .add_application(
                organization,
                name,
                relying_party(origin),
                Pages::default(),
                None,
            )
            .await
            .unwrap()
            .id
    }

    /// Adds an application with the RP id [`MOBILE`] to the first organization.
    pub(crate) async fn add_mobile_application(&self, origins: &[&str]) -> ApplicationId {
        let organization: OrganizationId = self.acme.organization.parse().unwrap();
        let origins = origins.iter().map(|origin| Origin::new(*origin).unwrap());
        let rp_id = RpId::new(host(MOBILE)).unwrap();
        let relying_party = RelyingParty::new(rp_id, origins.collect()).unwrap();
        let name = ApplicationName::new(host(MOBILE)).unwrap();
        self.use_cases
            .administration
            .add_application(organization, name, relying_party, Pages::default(), None)
            .await
            .unwrap()
            .id
    }

    /// Sets the applications for Android and Apple's devices.
    pub(crate) async fn set_native(&self, application: &ApplicationId, names: [Option<&str>; 2]) {
        let [android, apple] = names;
        let native = NativeApplications {
            android: android.map(|name| AndroidPackage::new(name).unwrap()),
            apple: apple.map(|name| AppleAppId::new(name).unwrap()),
        };
        let done = self
            .use_cases
            .administration
            .set_native(application, &native);
        assert!(done.await.unwrap().is_there());
        // Until the directory is read again.
        self.wait(Duration::from_secs(5));
    }

    /// Changes where people are led at an application.
    pub(crate) async fn set_pages(
        &self,
        application: &ApplicationId,
        ours: bool,
        enrol_url: Option<&str>,
    ) {
        let update = ApplicationUpdate {
            has_pages: Some(ours),
            enrol_url: Some(enrol_url.map_or(NewEnrolUrl::None, |url| {
                NewEnrolUrl::At(EnrolUrl::new(url).unwrap())
            })),
            ..ApplicationUpdate::default()
        };
        let administration = &self.use_cases.administration;
        let updated = administration.update_application(application, update);
        updated.await.unwrap();
        // Until the directory is read again.
        self.wait(Duration::from_secs(5));
    }

    pub(crate) async fn set_approval(&self, tenant: &Tenant, approval: Approval) {
        self.set(tenant, approval.into()).await;
    }

    pub(crate) async fn set_code_sign_in(&self, tenant: &Tenant, code_sign_in: CodeSignIn) {
        self.set(tenant, code_sign_in.into()).await;
    }

    pub(crate) async fn set_freshness(&self, tenant: &Tenant, freshness: &str) {
        let freshness: Freshness = freshness.parse().unwrap();
        self.set_now(tenant, freshness.into()).await;
    }

    /// Sets from where places may ask an organization's users for codes.
    pub(crate) async fn let_ask(&self, tenant: &Tenant, from: &str) {
        let from: RequestsFrom = from.parse().unwrap();
        self.set(tenant, from.into()).await;
    }

    /// Sets what an organization says, and waits until the directory is read again.
    async fn set(&self, tenant: &Tenant, setting: Setting) {
        self.set_now(tenant, setting).await;
        self.wait(Duration::from_secs(5));
    }

    async fn set_now(&self, tenant: &Tenant, setting: Setting) {
        let organization: OrganizationId = tenant.organization.parse().unwrap();
        let administration = &self.use_cases.administration;
        let set = administration.set_organization(&organization, setting);
        assert!(set.await.unwrap().is_there());
    }

    pub(crate) async fn set_application_active(&self, application: &ApplicationId, active: bool) {
        let done = self
            .use_cases
            .administration
            .set_application_active(application, active)
            .await;
        assert!(done.unwrap().is_there());
    }

    pub(crate) async fn set_user_active(&self, user: &str, active: bool) {
        let user: UserId = user.parse().unwrap();
        let done = self
            .use_cases
            .administration
            .set_user_active(&user, active)
            .await;
        assert!(done.unwrap().is_there());
    }

    pub(crate) async fn set_administrator(&self, user: &str, administrator: bool) {
        let user: UserId = user.parse().unwrap();
        let set = self
            .use_cases
            .administration
            .set_administrator(&user, administrator);
        assert!(set.await.unwrap().is_there());
    }

    pub(crate) async fn invite(&self, tenant: &Tenant, username: &str) -> Invited {
        let invited = self
            .use_cases
            .administration
            .invite(Invite {
                organization: tenant.organization.parse().unwrap(),
                username: Username::new(username).unwrap(),
                kind: UserKind::EndUser,
                administrator: false,
                by_mail: false,
            })
            .await
            .unwrap();
        Invited {
            organization: tenant.organization.clone(),
            id: invited.user.id.to_string(),
            username: username.to_owned(),
            code: invited.code.reveal().to_owned(),
        }
    }

    /// A user of that organization who registered with `signer`, signed in at a machine.
    pub(crate) async fn member(
        &self,
        tenant: &Tenant,
        username: &str,
        signer: &Signer,
    ) -> SignedIn {
        let invited = self.invite(tenant, username).await;
        let place = match signer.origin() {
            Some(origin) => self.stranger().at(origin),
            None => self.stranger(),
        };
        place.register(&invited, signer).await.ok();
        place.sign_in(tenant, username, signer).await
    }

    /// An administrator of that organization, signed in with a key.
    pub(crate) async fn administrator(&self, tenant: &Tenant, username: &str) -> SignedIn {
        let member = self.member(tenant, username, &Signer::key()).await;
        self.set_administrator(&member.user_id().await, true).await;
        member
    }

    /// Ada of the first organization, signed in with a key.
    pub(crate) async fn ada(&self) -> SignedIn {
        self.member(&self.acme, ADA, &Signer::key()).await
    }

    /// Makes the service read the directory, so that what follows is counted without it.
    pub(crate) async fn warm(&self) {
        let answer = self.stranger().begin_login(&self.acme, "nobody").await;
        assert_eq!(answer.status, 401);
    }

    /// What the store works on.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// All that the SQLite file and its write-ahead log hold.
    pub(crate) fn database_bytes(&self) -> Vec<u8> {
        let file = self.database.file();
        let mut bytes = std::fs::read(file).unwrap();
        bytes.extend(std::fs::read(format!("{file}-wal")).unwrap());
        bytes
    }

    /// Mails the codes that were asked for.
    pub(crate) async fn mail_codes(&self) {
        self.use_cases.mailed_codes.run(ready(())).await;
    }

    /// Lets the clock go on, so that what is told next is newer than what was told before.
    pub(crate) fn tick(&self) {
        self.wait(Duration::from_millis(1));
    }

    /// The code in the newest message to a user that has one.
    pub(crate) async fn mailed_code(&self, username: &str) -> String {
        let told = self.told(username).await;
        let is_short = |line: &str| line.len() == 11 && line.split('-').count() == 3;
        let code = |message: &OpenMessage| {
            let mut lines = message.content.text.lines().map(str::trim);
            let code = lines.find(|line| line.starts_with("rc_") || is_short(line));
            code.map(str::to_owned)
        };
        told.iter().rev().find_map(code).unwrap()
    }

    /// What a user was told so far, oldest first.
    pub(crate) async fn told(&self, username: &str) -> Vec<OpenMessage> {
        let waiting = self.use_cases.outbox.waiting().await.unwrap();
        waiting
            .into_iter()
            .filter(|message| message.to.as_str() == username)
            .collect()
    }

    /// What a user was told so far: the kinds of the messages.
    pub(crate) async fn told_kinds(&self, username: &str) -> Vec<MessageKind> {
        let told = self.told(username).await;
        told.iter().map(|message| message.kind).collect()
    }

    /// What `call` costs the database.
    pub(crate) async fn cost<T>(&self, call: impl Future<Output = T>) -> (T, Statements) {
        let before = self.store.statements();
        let outcome = call.await;
        let after = self.store.statements();
        let cost = Statements {
            reads: after.reads - before.reads,
            write_transactions: after.write_transactions - before.write_transactions,
            write_statements: after.write_statements - before.write_statements,
        };
        (outcome, cost)
    }
}

/// A page of an application that phones have too.
pub(crate) const MOBILE: &str = "https://mobile.example";

/// The same application on Android.
pub(crate) const ANDROID: &str = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

/// The user most cases are about.
pub(crate) const ADA: &str = "ada@example.com";

/// A mailer whose messages would reach people. Nothing here is sent: what is told is read where it waits.
struct Post;

#[async_trait]
impl Mailer for Post {
    async fn send(&self, _mail: Mail) -> Result<Delivery, DeliveryError> {
        Ok(Delivery::Kept)
    }
}

/// Knows where one address is.
struct Atlas;

impl Locator for Atlas {
    fn locate(&self, address: IpAddr) -> Option<String> {
        (address.to_string() == FAR).then(|| "Berlin, Germany".to_owned())
    }
}

/// Real adapters on that clock.
fn use_cases(
    store: &SqlStore,
    clock: &Arc<ManualClock>,
    secrets: &Secrets,
    (installation, circumstances, metrics): (&InstallationId, &Circumstances, &Arc<Metrics>),
) -> Arc<UseCases> {
    let stores = Stores::of(Arc::new(store.clone()));
    let mailer: Arc<dyn Mailer> = if circumstances.mails {
        Arc::new(Post)
    } else {
        Arc::new(Kept)
    };
    let locator: Arc<dyn Locator> = if circumstances.locates {
        Arc::new(Atlas)
    } else {
        Arc::new(Unlocated)
    };
    let ports = Ports {
        clock: clock.clone(),
        locator,
        observer: metrics.clone(),
        ..latchkey_crypto::ports(secrets, installation, stores, mailer)
    };
    let settings = ServiceSettings {
        policy: circumstances.policy.clone(),
        pages: Some(PagePrefix::default()),
    };
    Arc::new(UseCases::new(ports, settings))
}

fn router(use_cases: Arc<UseCases>, trusted_proxies: &[&str], metrics: &Arc<Metrics>) -> Router {
    let settings = HttpSettings {
        trusted_proxies: trusted_proxies
            .iter()
            .map(|network| network.parse().unwrap())
            .collect::<Vec<_>>()
            .into(),
        public_url: "https://auth.example".to_owned(),
        this_machine_alone: false,
    };
    let beside = Beside {
        meter: metrics.clone(),
        ..Beside::default()
    };
    latchkey_http::router_with_pages(use_cases, settings, beside)
}

async fn bootstrap(administration: &Administration, name: &str, origin: &str) -> Tenant {
    let made = administration
        .bootstrap(Bootstrap {
            organization: OrganizationName::new(name).unwrap(),
            approval: Approval::Never,
            administrator: Username::new(format!("admin@{}", host(origin))).unwrap(),
            application: ApplicationName::new(host(origin)).unwrap(),
            relying_party: relying_party(origin),
        })
        .await
        .unwrap();
    Tenant {
        organization: made.administrator.user.organization.to_string(),
        applications: vec![made.application],
    }
}

/// The host name of an origin, which is also the RP id and the name of its application here.
pub(crate) fn host(origin: &str) -> &str {
    origin.strip_prefix("https://").unwrap()
}

fn relying_party(origin: &str) -> RelyingParty {
    let rp_id = RpId::new(host(origin)).unwrap();
    RelyingParty::new(rp_id, vec![Origin::new(origin).unwrap()]).unwrap()
}
