//! The server is killed, or its database crashes, at random moments under whole code flows: what was
//! acknowledged is there, what was deleted stays away, nothing happens twice, and each change is told once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use latchkey_e2e::{
    Outcome,
    ceremony::{Call, act, claim, enrol, issue_code, register, sign_in},
    client::Client,
    failure,
    holder::Holder,
    installation::{DatabaseKind, Installation, Invited, text},
    narration::say,
    server::Server,
    trial::{rounds, some_moment},
};
use latchkey_test_postgres::TestPostgres;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

/// How many users work at once.
const PEOPLE: usize = 4;

/// How many credentials a user keeps beside the first one.
const KEPT: usize = 8;

/// A user, and what the service has acknowledged to the user.
struct Person {
    invited: Invited,
    own: Holder,
    /// Credentials that must be there, with who holds them where that is known.
    kept: BTreeMap<String, Option<Holder>>,
    /// Credentials that must not be there.
    gone: BTreeSet<String>,
    /// The one whose deletion nobody has answered.
    perhaps_gone: Option<String>,
    /// Whether another one may have been made without an answer.
    perhaps_made: bool,
    /// The code that was redeemed last.
    redeemed: Option<String>,
}

impl Person {
    async fn joined(server: &Server, invited: Invited) -> Outcome<Self> {
        let mut own = Holder::key();
        register(&Client::of(server)?.at(ONE), &invited, &mut own).await?;
        Ok(Self {
            invited,
            own,
            kept: BTreeMap::new(),
            gone: BTreeSet::new(),
            perhaps_gone: None,
            // The first one, which the list tells.
            perhaps_made: true,
            redeemed: None,
        })
    }

    async fn sign_in(&mut self, place: Client) -> Outcome<Client> {
        let (organization, username) = (&self.invited.organization, &self.invited.username);
        sign_in(&place, organization, Some(username), &mut self.own).await
    }

    /// Whole code flows and deletions, until one fails or it is said that it is over: a database that is back
    /// at once is not noticed.
    async fn work(mut self, here: Client, there: Client, is_over: Arc<AtomicBool>) -> Self {
        while self.step(&here, &there).await.is_ok() && !is_over.load(Ordering::Relaxed) {}
        self
    }

    async fn step(&mut self, here: &Client, there: &Client) -> Outcome {
        let code = text(&issue_code(here, &mut self.own).await?, "code")?;
        let mut added = Holder::key();
        self.perhaps_made = true;
        let credential = enrol(there, &code, &mut added).await?;
        self.perhaps_made = false;
        let uuid = text(&credential, "credentialUuid")?;
        self.kept.insert(uuid, Some(added));
        self.redeemed = Some(code);
        if self.kept.len() > KEPT {
            let held = self.kept.iter().find(|(_, holder)| holder.is_some());
            if let Some((uuid, _holder)) = held {
                let uuid = uuid.clone();
                self.delete(here, uuid).await?;
            }
        }
        Ok(())
    }

    async fn delete(&mut self, here: &Client, uuid: String) -> Outcome {
        let path = format!("/auth/credentials/{uuid}");
        let delete = Call::new(Method::DELETE, &path, json!({}));
        self.kept.remove(&uuid);
        self.perhaps_gone = Some(uuid);
        act(here, &mut self.own, &delete).await?.ok()?;
        self.gone.extend(self.perhaps_gone.take());
        Ok(())
    }

    /// Compares what the service has with what it acknowledged; what it did not answer may be either way.
    async fn check(&mut self, server: &Server) -> Outcome {
        let (here, there) = (Client::of(server)?.at(ONE), Client::of(server)?.at(TWO));
        let here = self.sign_in(here).await?;
        let list = here.get("/auth/credentials").await?.ok()?;
        let items = list.get("items").and_then(Value::as_array);
        let items = items.ok_or_else(|| failure("no list"))?;
        let uuids = items.iter().map(|item| text(item, "credentialUuid"));
        let listed: BTreeSet<String> = uuids.collect::<Outcome<_>>()?;
        assert_eq!(listed.len(), items.len(), "one is there twice");
        if let Some(uuid) = self.perhaps_gone.take() {
            if listed.contains(&uuid) {
                self.kept.insert(uuid, None);
            } else {
                self.gone.insert(uuid);
            }
        }
        for uuid in self.kept.keys() {
            assert!(listed.contains(uuid), "{uuid} was acknowledged and is lost");
        }
        let others: Vec<_> = listed
            .into_iter()
            .filter(|uuid| !self.kept.contains_key(uuid))
            .collect();
        let most = usize::from(std::mem::take(&mut self.perhaps_made));
        assert!(
            others.len() <= most,
            "nobody made {others:?}, or they were deleted"
        );
        self.kept
            .extend(others.into_iter().map(|uuid| (uuid, None)));

        if let Some(code) = self.redeemed.take() {
            let again = claim(&there, &code, "Key").await?;
            assert_eq!(again.refused(403)?, "Invalid code");
        }
        let (organization, username) = (&self.invited.organization, &self.invited.username);
        for holder in self.kept.values_mut().flatten() {
            sign_in(&there, organization, Some(username), holder).await?;
        }
        Ok(())
    }

    /// Each credential that was made is told once, and so is each that was deleted.
    fn check_messages(&self, messages: &[Value]) {
        let told = |kind: &str| {
            let of_kind = messages.iter().filter(|message| message["kind"] == kind);
            of_kind
                .filter(|message| message["to"] == self.invited.username.as_str())
                .count()
        };
        assert_eq!(told("CredentialAdded"), self.kept.len() + self.gone.len());
        assert_eq!(told("CredentialDeleted"), self.gone.len());
    }
}

/// What breaks.
enum Victim {
    Server,
    Postgres(TestPostgres),
}

async fn trial(installation: &Installation, victim: Victim, rounds: u32) -> Outcome {
    let acme = installation.bootstrap("Acme")?;
    let mut people = vec![];
    let mut server = installation.start().await?;
    for number in 0..PEOPLE {
        let email = format!("person{number}@example.com");
        let invited = installation.invite(&acme.organization, &email)?;
        people.push(Person::joined(&server, invited).await?);
    }
    for _ in 0..rounds {
        let mut work = JoinSet::new();
        let is_over = Arc::new(AtomicBool::new(false));
        for mut person in people.drain(..) {
            person.check(&server).await?;
            let there = Client::of(&server)?.at(TWO);
            let here = person.sign_in(Client::of(&server)?.at(ONE)).await?;
            work.spawn(person.work(here, there, Arc::clone(&is_over)));
        }
        some_moment(Duration::from_millis(600)).await;
        match &victim {
            Victim::Server => {
                drop(server);
                people = work.join_all().await;
                server = installation.start().await?;
            }
            Victim::Postgres(postgres) => {
                postgres.crash()?;
                is_over.store(true, Ordering::Relaxed);
                people = work.join_all().await;
                server.ready().await?;
            }
        }
    }
    let list = installation.administrate("outbox list")?;
    let messages = list.as_array().ok_or_else(|| failure("no list"))?;
    for person in &mut people {
        person.check(&server).await?;
        person.check_messages(messages);
    }
    let made: usize = people
        .iter()
        .map(|person| person.kept.len() + person.gone.len())
        .sum();
    let deleted: usize = people.iter().map(|person| person.gone.len()).sum();
    say(&format!(
        "{rounds} crashes, {made} credentials made and {deleted} deleted: none lost, none back"
    ))?;
    server.stop().await?;
    Ok(())
}

fn unlimited(kind: DatabaseKind) -> Outcome<Installation> {
    Ok(Installation::empty(kind)?.with("LIMITS__ENABLED", "false"))
}

#[tokio::test]
async fn a_server_that_is_killed_loses_nothing() -> Outcome {
    for kind in DatabaseKind::ALL {
        trial(&unlimited(kind)?, Victim::Server, rounds(5)?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_crashes_loses_nothing() -> Outcome {
    let postgres = TestPostgres::start_own()?;
    let url = postgres.fresh_database()?;
    let installation = unlimited(DatabaseKind::Sqlite)?.with("DATABASE__URL", &url);
    trial(&installation, Victim::Postgres(postgres), rounds(3)?).await
}
