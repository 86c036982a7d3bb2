use latchkey_testkit::{database::TestDatabase, proxy::Proxy};
use sea_orm::sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

use super::*;
use crate::store::SqlStore;

/// Fails in these tests only where it must.
const LONG: Duration = Duration::from_mins(1);

/// For what is to be waited for, and still leaves time to make a connection.
const SHORT: Duration = Duration::from_secs(1);

/// Two connections to PostgreSQL behind a proxy.
async fn behind_a_proxy(patience: Duration) -> (Connections, Proxy, TestDatabase) {
    let database = TestDatabase::empty_postgres().unwrap();
    let (proxy, url) = Proxy::before(database.url()).await.unwrap();
    let terms = Terms {
        trust: Trust::default(),
        patience,
        statements: Arc::default(),
        watch: Watch::default(),
    };
    let pool = terms
        .trust
        .guard(PgPoolOptions::new(), patience)
        .max_connections(3)
        .acquire_timeout(LONG)
        .connect_lazy(&url)
        .unwrap();
    (Connections::new(pool.into(), 2, terms), proxy, database)
}

/// Which of the server's sessions it is.
async fn session(lent: &Lent) -> i32 {
    let asked = Statement::from_string(DbBackend::Postgres, "SELECT pg_backend_pid()");
    let row = lent.connection().query_one_raw(asked).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}

/// Lends one and gives it back; which it is.
async fn lent_once(connections: &Connections) -> i32 {
    let lent = connections.lend().await.unwrap();
    let session = session(&lent).await;
    lent.give_back();
    session
}

fn trusts_all(connections: &Connections) -> bool {
    connections.terms().trust.covers(Duration::from_hours(1))
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_costs_none_of_those_there_are() {
    let (connections, proxy, _database) = behind_a_proxy(LONG).await;
    let store = SqlStore::new(connections.clone(), connections.clone(), LONG, None);
    let first = connections.lend().await.unwrap();
    let its_session = session(&first).await;
    proxy.set_full(true);
    let one = Statement::from_string(DbBackend::Postgres, "SELECT 1");
    let refused = store.row(one).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(trusts_all(&connections));
    first.give_back();
    assert_eq!(lent_once(&connections).await, its_session);
    proxy.set_full(false);
    let first = connections.lend().await.unwrap();
    let second = connections.lend().await.unwrap();
    assert_ne!(session(&second).await, its_session);
    drop((first, second));
}

/// The proxy leads to where connections are taken and nobody answers, for as long as what is given here is kept.
async fn lead_nowhere(proxy: &Proxy) -> TcpListener {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    proxy.lead_to(&format!("postgres://{address}")).unwrap();
    silent
}

#[tokio::test]
async fn whoever_waits_for_another_connection_takes_one_that_is_given_back() {
    let (connections, proxy, _database) = behind_a_proxy(LONG).await;
    let first = connections.lend().await.unwrap();
    let its_session = session(&first).await;
    let _silent = lead_nowhere(&proxy).await;
    let giving_back = async { first.give_back() };
    let (second, ()) = tokio::join!(connections.lend(), giving_back);
    assert_eq!(session(&second.unwrap()).await, its_session);
}

#[tokio::test]
async fn an_old_connection_is_replaced_as_soon_as_another_one_can_be_made() {
    let (connections, proxy, database) = behind_a_proxy(LONG).await;
    let first = lent_once(&connections).await;
    let grow_old = || connections.kept()[0].life = Duration::ZERO;
    let silent = lead_nowhere(&proxy).await;
    for is_full in [true, false] {
        grow_old();
        proxy.set_full(is_full);
        // Nobody waits for it.
        let lent = timeout(LONG / 2, lent_once(&connections)).await;
        assert_eq!(lent.unwrap(), first);
        // Not at each call is it tried.
        assert!(connections.kept()[0].life > Duration::ZERO);
    }
    proxy.lead_to(database.url()).unwrap();
    drop(silent);
    while lent_once(&connections).await == first {
        grow_old();
    }
    assert_eq!(connections.look("all").free, 1);
}

#[tokio::test]
async fn whoever_only_waits_is_not_told_of_a_connection_that_was_not_made_before() {
    let (connections, _proxy, _database) = behind_a_proxy(SHORT).await;
    let _lent = [
        connections.lend().await.unwrap(),
        connections.lend().await.unwrap(),
    ];
    connections.note(Some("the server was full".to_owned()));
    let late = format!("{:?}", connections.lend().await.unwrap_err());
    assert!(!late.contains("full"), "{late}");
}

/// As when another server has taken over behind one address.
#[tokio::test]
async fn who_meets_connections_that_are_silent_gets_another_one() {
    let (connections, proxy, _database) = behind_a_proxy(SHORT).await;
    let store = SqlStore::new(connections.clone(), connections.clone(), LONG, None);
    let one = || Statement::from_string(DbBackend::Postgres, "SELECT 1");
    let read = async || store.row(one()).await.map(|_row| ());
    let write = async || store.write(async |_tx| Ok(())).await;
    let write_repeatably = async || {
        let operation = async move |reader: Reader| {
            let told = reader.query_all_raw(one()).await;
            told.map(|_rows| ()).map_err(StoreError::new)
        };
        store.write_repeatably(operation).await
    };
    for way in 0..3 {
        let both = [
            connections.lend().await.unwrap(),
            connections.lend().await.unwrap(),
        ];
        both.into_iter().for_each(Lent::give_back);
        proxy.freeze();
        proxy.thaw();
        let outcome: Result<(), StoreError> = match way {
            0 => read().await,
            1 => write().await,
            _ => write_repeatably().await,
        };
        outcome.unwrap();
        assert_eq!(connections.look("all").free, 1);
    }
}

/// Whoever had it waits for its answer no more.
#[tokio::test]
async fn a_connection_that_answers_nothing_costs_all_and_one_that_does_costs_none() {
    let (connections, _proxy, _database) = behind_a_proxy(LONG).await;
    drop(connections.lend().await.unwrap());
    // The pool has it again when it has answered.
    while connections.pool().get_postgres_connection_pool().num_idle() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(trusts_all(&connections));

    let (connections, proxy, _database) = behind_a_proxy(SHORT).await;
    let lent = connections.lend().await.unwrap();
    proxy.freeze();
    drop(lent);
    while trusts_all(&connections) {
        sleep(Duration::from_millis(5)).await;
    }
}
