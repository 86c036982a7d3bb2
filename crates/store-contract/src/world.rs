//! Data that no other case has, with the stores of two replicas on it.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use latchkey_domain::{id::OrganizationId, time::Timestamp};
use latchkey_service::ports::Stores;
use tokio::{runtime, sync::Barrier, task::JoinSet};

/// What an adapter hands over: data that no other case has.
#[async_trait]
pub trait Adapter: Send + Sync + 'static {
    /// The stores of one more replica on this data, which share nothing else with earlier ones.
    async fn replica(&self) -> Stores;

    /// Makes an organization inactive, which no port does.
    async fn deactivate(&self, organization: &OrganizationId);
}

/// When most things happen.
pub const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_700_000_000_000);

/// How many callers come at once.
pub const CALLERS: usize = 32;

/// Where a case takes place: `world.accounts` is a store under test, as `world.stores.accounts` is.
pub struct World {
    /// The stores under test.
    pub stores: Stores,
    /// Another replica's stores on the same data.
    pub other: Stores,
    adapter: Box<dyn Adapter>,
    drawn: AtomicU64,
}

impl World {
    /// A world on that data, where nothing has happened yet.
    pub async fn new(adapter: impl Adapter) -> Self {
        Self {
            stores: adapter.replica().await,
            other: adapter.replica().await,
            adapter: Box::new(adapter),
            drawn: AtomicU64::new(0),
        }
    }

    /// Thirty-two bytes that were not drawn before.
    pub fn draw(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let number = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        bytes[24..].copy_from_slice(&number.to_le_bytes());
        bytes
    }

    /// The stores of both replicas in turn.
    pub fn replica(&self, index: usize) -> Stores {
        if index.is_multiple_of(2) {
            self.stores.clone()
        } else {
            self.other.clone()
        }
    }

    /// Makes an organization inactive.
    pub async fn deactivate(&self, organization: &OrganizationId) {
        self.adapter.deactivate(organization).await;
    }
}

impl Deref for World {
    type Target = Stores;

    fn deref(&self) -> &Stores {
        &self.stores
    }
}

/// Calls from [`CALLERS`] tasks, all of them at once, and gives every outcome.
pub async fn at_once<T, F, C>(call: C) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    C: Fn(usize) -> F,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut tasks = JoinSet::new();
    for index in 0..CALLERS {
        let barrier = Arc::clone(&barrier);
        let call = call(index);
        tasks.spawn(async move {
            barrier.wait().await;
            call.await
        });
    }
    tasks.join_all().await
}

/// How many calls succeeded.
pub fn successes<T, E>(outcomes: &[Result<T, E>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

/// Runs a case on several threads. [`store_contract!`](crate::store_contract) calls this.
#[doc(hidden)]
pub fn run<A, C, F>(fresh: impl Future<Output = A>, case: C)
where
    A: Adapter,
    C: FnOnce(World) -> F,
    F: Future<Output = ()>,
{
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { case(World::new(fresh.await).await).await });
}
