//! A PostgreSQL that goes away, becomes read-only or does not answer, and comes back.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use latchkey_domain::{
    code_request::{CodeRequest, RequestState},
    credential::CredentialKind,
    credential_code::{Claim, CodeDigest, CodeEntry, CodeForm},
    id::{ApplicationId, ChallengeId, CodeRequestId, OrganizationId},
};
use latchkey_service::ports::{
    code_request_store::{CodeRequestStore as _, OpenRequestError},
    credential_code_store::{ClaimError, CredentialCodeStore},
    directory_store::DirectoryStore as _,
    installation_store::InstallationStore as _,
    store::StoreError,
};
use latchkey_storage::{
    connect::{ConnectOptions, connect},
    store::SqlStore,
};
use latchkey_store_contract::{CALLERS, NOW, at_once, successes};
use latchkey_testkit::{database::TestDatabase, proxy::Proxy};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};
use url::Url;

/// Calls that read and calls that write, from everywhere at once, more than there are connections.
async fn calls(store: &SqlStore) -> Vec<Result<(), StoreError>> {
    at_once(|index| {
        let store = store.clone();
        async move {
            match index % 3 {
                0 => store.load().await.map(|_entries| ()),
                1 => store.ping().await,
                _ => claim(&store).await,
            }
        }
    })
    .await
}

/// A change that may be told again: a claim of a code that there is not.
async fn claim(store: &SqlStore) -> Result<(), StoreError> {
    let entry = CodeEntry {
        organization: OrganizationId::from_random(&[1; 32]),
        application: ApplicationId::from_random(&[1; 32]),
        kind: CredentialKind::Key,
        username: None,
        claim: Claim {
            date: NOW,
            origin: None,
            address: Ipv4Addr::LOCALHOST.into(),
            challenge: ChallengeId::from_random(&[1; 32]),
            expires: NOW,
        },
    };
    let digest = CodeDigest::new([1; 32]);
    match CredentialCodeStore::claim(store, CodeForm::Long, &digest, entry).await {
        Err(ClaimError::Store(error)) => Err(error),
        Err(ClaimError::Refused(None)) => Ok(()),
        outcome => panic!("{outcome:?}"),
    }
}

/// A change that PostgreSQL is told at once: a request for a code, which an organization would have to let places
/// make that is not there.
async fn tell_at_once(store: &SqlStore) -> Result<(), StoreError> {
    let request = CodeRequest {
        id: CodeRequestId::from_random(&[1; 32]),
        organization: OrganizationId::from_random(&[1; 32]),
        application: None,
        origin: None,
        address: Ipv4Addr::LOCALHOST.into(),
        kind: CredentialKind::Key,
        short: CodeDigest::new([1; 32]),
        long: CodeDigest::new([2; 32]),
        opened: NOW,
        expires: NOW,
        state: RequestState::Waiting,
    };
    match store.open(request).await {
        Err(OpenRequestError::Store(error)) => Err(error),
        Err(OpenRequestError::NotOffered) => Ok(()),
        outcome => panic!("{outcome:?}"),
    }
}

async fn require_success(store: &SqlStore) {
    for outcome in calls(store).await {
        outcome.unwrap();
    }
}

fn unavailable(outcomes: &[Result<(), StoreError>]) -> usize {
    let is_unavailable = |outcome: &&_| matches!(outcome, Err(StoreError::Unavailable(_)));
    outcomes.iter().filter(is_unavailable).count()
}

/// A store with fewer connections than there are callers.
async fn store(url: &str, deadline: Duration) -> SqlStore {
    const { assert!(CALLERS > 8) };
    store_of(8, url, deadline).await
}

async fn store_of(max_connections: u32, url: &str, deadline: Duration) -> SqlStore {
    let options = ConnectOptions {
        max_connections,
        deadline,
        ..ConnectOptions::new(url)
    };
    connect(options).await.unwrap()
}

/// One connection to a database, past the store: its own is never among the others.
struct Administrator {
    database: TestDatabase,
    connection: DatabaseConnection,
}

impl Administrator {
    async fn new() -> Self {
        let database = TestDatabase::postgres().await.unwrap();
        let mut options = sea_orm::ConnectOptions::new(database.url());
        options.max_connections(1);
        let connection = Database::connect(options).await.unwrap();
        Self {
            database,
            connection,
        }
    }

    /// Runs a statement and gives how many rows it met.
    async fn execute(&self, sql: &str) -> u64 {
        let done = self.connection.execute_unprepared(sql).await.unwrap();
        done.rows_affected()
    }

    /// Ends every other connection, and those that are being made, and waits until they are gone.
    async fn end_all_others(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() \
                   AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        while self.execute(end).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_when_all_connections_are_ended() {
    let world = Administrator::new().await;
    let store = store(world.database.url(), Duration::from_mins(1)).await;
    for _round in 0..3 {
        require_success(&store).await;
        world.end_all_others().await;
        require_success(&store).await;
        world.end_all_others().await;
        // Idle ones are noticed by the single call that comes next.
        store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_callers_share_the_fewest_connections() {
    let world = Administrator::new().await;
    let store = store_of(1, world.database.url(), Duration::from_mins(1)).await;
    for _round in 0..3 {
        require_success(&store).await;
        let outcomes = at_once(|_index| {
            let store = store.clone();
            async move { tell_at_once(&store).await }
        });
        for outcome in outcomes.await {
            outcome.unwrap();
        }
    }
}

/// As after a restart of the server: what is told at once is not repeated, so it must not meet one that was ended.
#[tokio::test(flavor = "multi_thread")]
async fn no_change_that_is_told_at_once_fails_when_idle_connections_are_ended() {
    let world = Administrator::new().await;
    let store = store(world.database.url(), Duration::from_mins(1)).await;
    for _round in 0..3 {
        require_success(&store).await;
        world.end_all_others().await;
        // So long a connection is taken to live without being asked.
        sleep(Duration::from_millis(200)).await;
        let outcomes = at_once(|_index| {
            let store = store.clone();
            async move { tell_at_once(&store).await }
        });
        for outcome in outcomes.await {
            outcome.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_read_only_takes_changes_at_once_when_it_is_not_any_more() {
    let world = Administrator::new().await;
    let store = store(world.database.url(), Duration::from_mins(1)).await;
    require_success(&store).await;
    let name = world.database.url().rsplit('/').next().unwrap().to_owned();
    let setting = "default_transaction_read_only";
    for _round in 0..3 {
        world
            .execute(&format!("ALTER DATABASE {name} SET {setting} = on"))
            .await;
        world.end_all_others().await;
        let outcomes = calls(&store).await;
        let readers = CALLERS.div_ceil(3);
        assert_eq!(successes(&outcomes), readers, "{outcomes:?}");
        assert_eq!(unavailable(&outcomes), CALLERS - readers, "{outcomes:?}");
        let ping = store.ping().await;
        assert!(matches!(ping, Err(StoreError::Unavailable(_))), "{ping:?}");
        store.load().await.unwrap();
        world
            .execute(&format!("ALTER DATABASE {name} RESET {setting}"))
            .await;
        require_success(&store).await;
    }
}

/// As while its password is changed, or it is closed for work on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lets_nobody_in_is_unavailable_until_it_does_again() {
    let world = Administrator::new().await;
    let mut url = Url::parse(world.database.url()).unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    let role = format!("{name}_guest");
    let login = format!("SUPERUSER LOGIN PASSWORD '{role}'");
    world.execute(&format!("CREATE ROLE {role} {login}")).await;
    url.set_username(&role).unwrap();
    url.set_password(Some(&role)).unwrap();
    let store = store(url.as_str(), Duration::from_mins(1)).await;
    world
        .execute(&format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC"))
        .await;
    for refusal in ["NOLOGIN", "NOSUPERUSER"] {
        require_success(&store).await;
        world.execute(&format!("ALTER ROLE {role} {refusal}")).await;
        world.end_all_others().await;
        let outcomes = calls(&store).await;
        assert_eq!(unavailable(&outcomes), CALLERS, "{outcomes:?}");
        world
            .execute(&format!("ALTER ROLE {role} LOGIN SUPERUSER"))
            .await;
    }
    require_success(&store).await;
    world.end_all_others().await;
    world.execute(&format!("DROP ROLE {role}")).await;
}

/// Whatever it does: it claims, and then looks why not.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_kept_waiting_is_answered_at_its_one_deadline() {
    let world = Administrator::new().await;
    let deadline = Duration::from_secs(4);
    let store = store(world.database.url(), deadline).await;
    claim(&store).await.unwrap();
    world.execute("BEGIN; LOCK TABLE credential_codes").await;
    let began = Instant::now();
    let outcome = claim(&store).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    assert!(began.elapsed() < deadline * 2, "{:?}", began.elapsed());
    world.execute("ROLLBACK").await;
    claim(&store).await.unwrap();
}

/// The connections that hang never come back, as when their host is gone; new ones lead to another.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_hang_fail_at_the_deadline_and_their_connections_are_given_up() {
    let database = Arc::new(TestDatabase::postgres().await.unwrap());
    let (proxy, url) = Proxy::before(database.url()).await.unwrap();
    let store = store(&url, Duration::from_secs(2)).await;
    // One round to open connections, however long that takes.
    while calls(&store).await.iter().any(Result::is_err) {}
    proxy.freeze();
    for _round in 0..2 {
        let outcomes = calls(&store).await;
        assert_eq!(unavailable(&outcomes), CALLERS, "{outcomes:?}");
    }
    proxy.thaw();
    let mut patience = 20_u32;
    while calls(&store).await.iter().any(Result::is_err) {
        assert!(patience > 0, "the store does not come back");
        patience -= 1;
    }
}

/// What is lost on the way is which of the many things that can be wrong with a server it is.
#[tokio::test(flavor = "multi_thread")]
async fn why_no_connection_is_made_is_told_and_not_that_it_took_long() {
    let database = TestDatabase::postgres().await.unwrap();
    let (proxy, url) = Proxy::before(database.url()).await.unwrap();
    let store = store(&url, Duration::from_secs(5)).await;
    let server = Url::parse(&url).unwrap();
    let server = server.socket_addrs(|| None).unwrap();
    drop(proxy);
    while TcpStream::connect(&*server).await.is_ok() {
        sleep(Duration::from_millis(5)).await;
    }
    let mut patience = 20_u32;
    loop {
        let outcome = store.ping().await;
        assert_eq!(
            unavailable(std::slice::from_ref(&outcome)),
            1,
            "{outcome:?}"
        );
        let causes = format!("{:?}", outcome.unwrap_err());
        assert!(!causes.contains("postgres://"), "{causes}");
        if causes.contains("Connection refused") {
            break;
        }
        assert!(patience > 0, "{causes}");
        patience -= 1;
    }
}
