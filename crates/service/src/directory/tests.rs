use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use async_trait::async_trait;
use latchkey_domain::time::Timestamp;
use tokio::{sync::Semaphore, task::JoinHandle};

use super::*;
use crate::{
    ports::clock::MockClock,
    testing::{application, caller, entries, organization, tenant},
};

fn snapshot() -> Snapshot {
    entries().into()
}

#[test]
fn an_origin_tells_the_application_and_binds_the_challenge() {
    // Whatever application a legacy client names.
    let caller = Caller {
        application: Some(application("one", 1).id),
        ..caller(Some("https://two.example"))
    };
    let party = snapshot().party(&caller, &organization(1)).unwrap();
    assert_eq!(party.application.name.as_str(), "two");
    assert!(party.is_bound);
}

#[test]
fn without_an_origin_the_oldest_application_is_named_and_nothing_is_bound() {
    let party = snapshot().party(&caller(None), &organization(1)).unwrap();
    assert_eq!(party.application.name.as_str(), "one");
    assert_eq!(party.bound(), None);
}

#[test]
fn a_legacy_application_id_is_followed_within_the_organization_only() {
    let named = |name: &str, owner| Caller {
        application: Some(application(name, owner).id),
        ..caller(None)
    };
    let party = snapshot()
        .party(&named("two", 1), &organization(1))
        .unwrap();
    assert_eq!(party.application.name.as_str(), "two");
    let party = snapshot()
        .party(&named("other", 2), &organization(1))
        .unwrap();
    assert_eq!(party.application.name.as_str(), "one");
}

#[test]
fn unlisted_and_foreign_origins_are_told_apart() {
    let choose = |origin| snapshot().party(&caller(Some(origin)), &organization(1));
    assert_eq!(
        choose("https://evil.example"),
        Err(PartyError::OriginNotAllowed)
    );
    assert_eq!(choose("null"), Err(PartyError::OriginNotAllowed));
    assert_eq!(
        choose("https://other.example"),
        Err(PartyError::ForeignOrigin)
    );
}

#[test]
fn an_organization_without_applications_has_no_party() {
    let party = snapshot().party(&caller(None), &organization(3));
    assert_eq!(party, Err(PartyError::NoApplication));
}

#[test]
fn the_organization_may_be_left_out_when_there_is_one() {
    assert_eq!(snapshot().organization(None), Err(OrganizationRequired));
    let one = Snapshot {
        organizations: vec![tenant(7)],
        applications: vec![],
    };
    assert_eq!(one.organization(None), Ok(organization(7)));
    assert_eq!(one.organization(Some(organization(9))), Ok(organization(9)));
}

/// A store that answers when it is let, or at once.
struct Reads {
    begun: AtomicU32,
    is_broken: AtomicBool,
    answers: Semaphore,
}

#[async_trait]
impl DirectoryStore for Reads {
    async fn load(&self) -> Result<DirectoryEntries, StoreError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.answers.acquire().await.unwrap().forget();
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable("it is away"));
        }
        Ok(entries())
    }

    async fn logo(&self, _application: &ApplicationId) -> Result<Option<Logo>, StoreError> {
        Ok(None)
    }
}

struct World {
    now: Arc<AtomicI64>,
    reads: Arc<Reads>,
    directory: Arc<Directory>,
}

impl World {
    /// Where so many reads are answered at once; later ones hang until they are let.
    fn answering(answers: usize) -> Self {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let mut clock = MockClock::new();
        let set = Arc::clone(&now);
        clock
            .expect_now()
            .returning(move || Timestamp::from_unix_milliseconds(set.load(Ordering::Relaxed)));
        let reads = Arc::new(Reads {
            begun: AtomicU32::new(0),
            is_broken: AtomicBool::new(false),
            answers: Semaphore::new(answers),
        });
        Self {
            now,
            directory: Arc::new(Directory::new(reads.clone(), Arc::new(clock))),
            reads,
        }
    }

    fn wait(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::Relaxed);
    }

    fn reads(&self) -> u32 {
        self.reads.begun.load(Ordering::Relaxed)
    }

    /// Somebody who asks, on a task that has come as far as it can.
    async fn somebody(&self) -> JoinHandle<Result<Arc<Snapshot>, StoreError>> {
        let directory = Arc::clone(&self.directory);
        let asking = tokio::spawn(async move { directory.snapshot().await });
        tokio::task::yield_now().await;
        asking
    }
}

const ANY: usize = 1_000;

#[tokio::test]
async fn a_snapshot_is_read_again_after_five_seconds() {
    let world = World::answering(ANY);
    for (wait, reads) in [(0, 1), (4_999, 1), (1, 2), (4_999, 2)] {
        world.wait(wait);
        let snapshot = world.directory.snapshot().await.unwrap();
        assert!(snapshot.lists("https://one.example"));
        assert_eq!(world.reads(), reads);
    }
}

#[tokio::test]
async fn one_reads_anew_and_the_others_go_on_with_what_is_there() {
    let world = World::answering(1);
    world.directory.snapshot().await.unwrap();
    world.wait(5_000);
    let reading = world.somebody().await;
    for _ in 0..10 {
        world.directory.snapshot().await.unwrap();
    }
    world.wait(24_999);
    world.directory.snapshot().await.unwrap();
    assert_eq!(world.reads(), 2);
    assert!(!reading.is_finished());
    // Thirty seconds are too old to go on with.
    world.wait(1);
    let waiting = world.somebody().await;
    assert!(!waiting.is_finished());
    world.reads.answers.add_permits(1);
    reading.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(world.reads(), 2);
}

#[tokio::test]
async fn all_who_wait_for_a_read_share_its_failure() {
    let world = World::answering(0);
    world.reads.is_broken.store(true, Ordering::Relaxed);
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(world.somebody().await);
    }
    world.reads.answers.add_permits(1);
    for asked in waiting {
        assert!(matches!(
            asked.await.unwrap(),
            Err(StoreError::Unavailable(_))
        ));
    }
    assert_eq!(world.reads(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_anew_is_good_for_thirty_seconds() {
    let world = World::answering(ANY);
    world.directory.snapshot().await.unwrap();
    world.reads.is_broken.store(true, Ordering::Relaxed);
    world.wait(29_999);
    world.directory.snapshot().await.unwrap();
    world.wait(1);
    let refused = world.directory.snapshot().await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    world.reads.is_broken.store(false, Ordering::Relaxed);
    world.directory.snapshot().await.unwrap();
    assert_eq!(world.reads(), 4);
}

#[tokio::test]
async fn what_is_not_known_is_asked_for_at_most_once_a_second() {
    let world = World::answering(ANY);
    let ask = async |origin: &'static str| {
        let caller = caller(Some(origin));
        let snapshot = world.directory.snapshot_for(&caller, None).await;
        snapshot.unwrap().lists(origin)
    };
    for (wait, reads) in [(0, 1), (0, 1), (999, 1), (1, 2), (0, 2), (1_000, 3)] {
        world.wait(wait);
        assert!(!ask("https://new.example").await);
        assert!(ask("https://one.example").await);
        assert_eq!(world.reads(), reads);
    }
    // What is known is no reason to read.
    world.wait(4_999);
    assert!(ask("https://one.example").await);
    assert_eq!(world.reads(), 3);
}

/// The origin of another organization, and one of an organization that is not there.
#[tokio::test]
async fn an_application_is_known_in_its_organization_only() {
    let world = World::answering(ANY);
    let caller = caller(Some("https://two.example"));
    for (number, reads) in [(1, 1), (2, 2), (9, 3)] {
        let organization = organization(number);
        let asked = world.directory.snapshot_for(&caller, Some(&organization));
        asked.await.unwrap();
        assert_eq!(world.reads(), reads);
        world.wait(1_000);
    }
}
