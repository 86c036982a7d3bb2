//! People at work: whole code flows of several users at once, and what the service has acknowledged to each,
//! which is compared with what is there. Trials break something meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    Outcome,
    ceremony::{Call, act, claim, enrol, issue_code, register, sign_in},
    client::Client,
    failure,
    holder::Holder,
    installation::{Installation, Invited, text},
    is_answer, is_unavailable,
    server::Server,
};

/// Where people are signed in.
pub const HERE: &str = "https://one.example";

/// Where they bring their credentials to.
pub const THERE: &str = "https://two.example";

/// How many they are.
const PEOPLE: usize = 4;

/// How many credentials a user keeps beside the first one.
const KEPT: usize = 8;

/// How long everybody may take to be refused: six times what a call of the database may take. Only a service
/// that hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Several users, between two rounds.
pub struct People(Vec<Person>);

/// Several users, each going from one code flow to the next until a call fails or the work is over.
pub struct Work {
    people: JoinSet<(Person, Outcome)>,
    ended: Vec<(Person, Outcome)>,
    is_over: Arc<AtomicBool>,
}

/// Why some of them could not go on.
pub type Failures = Vec<Box<dyn Error + Send + Sync>>;

impl People {
    /// Invites and registers them.
    pub async fn join(
        installation: &Installation,
        organization: &str,
        server: &Server,
    ) -> Outcome<Self> {
        let mut people = vec![];
        for number in 0..PEOPLE {
            let email = format!("person{number}@example.com");
            let invited = installation.invite(organization, &email)?;
            people.push(Person::joined(server, invited).await?);
        }
        Ok(Self(people))
    }

    /// Checks everything, and lets all go to work: codes are issued at one server and redeemed at the other,
    /// which may be the same.
    pub async fn start(mut self, here: &Server, there: &Server) -> Outcome<Work> {
        self.check(here).await?;
        let mut people = JoinSet::new();
        let is_over = Arc::new(AtomicBool::new(false));
        for mut person in self.0 {
            let there = Client::of(there)?.at(THERE);
            let here = person.sign_in(Client::of(here)?.at(HERE)).await?;
            people.spawn(person.work(here, there, Arc::clone(&is_over)));
        }
        Ok(Work {
            people,
            ended: vec![],
            is_over,
        })
    }

    /// Compares what the service has with what it acknowledged; what it did not answer may be either way.
    pub async fn check(&mut self, server: &Server) -> Outcome {
        for person in &mut self.0 {
            person.check(server).await?;
        }
        Ok(())
    }

    /// Checks everything for the last time, messages included, and that whole code flows still work; says what
    /// there was.
    pub async fn conclude(
        mut self,
        installation: &Installation,
        server: &Server,
    ) -> Outcome<String> {
        self.check(server).await?;
        for person in &mut self.0 {
            let here = person.sign_in(Client::of(server)?.at(HERE)).await?;
            person.step(&here, &Client::of(server)?.at(THERE)).await?;
        }
        self.check(server).await?;
        let messages = installation.list("outbox list")?;
        for person in &self.0 {
            person.check_messages(&messages)?;
        }
        let sum = |count: fn(&Person) -> usize| self.0.iter().map(count).sum::<usize>();
        Ok(format!(
            "{} changes acknowledged ({} credentials made, {} deleted, with what was not answered), 0 lost, \
             0 twice, {} KiB of memory at most",
            sum(|person| person.acknowledged),
            sum(|person| person.kept.len() + person.gone.len()),
            sum(|person| person.gone.len()),
            server.peak_memory()?
        ))
    }
}

impl Work {
    /// Waits until nobody can go on any more.
    pub async fn halt(&mut self) -> Outcome {
        let all = async {
            while let Some(ended) = self.people.join_next().await {
                self.ended.push(ended?);
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        };
        timeout(PATIENCE, all)
            .await
            .map_err(|_elapsed| failure("somebody goes on, or waits for an answer"))?
    }

    /// Lets everybody finish what they are at, and tells which failures stopped some of them before.
    pub async fn end(mut self) -> Outcome<(People, Failures)> {
        self.is_over.store(true, Ordering::Relaxed);
        self.halt().await?;
        let mut failures = vec![];
        let people = self.ended.into_iter().map(|(person, outcome)| {
            failures.extend(outcome.err());
            person
        });
        Ok((People(people.collect()), failures))
    }
}

/// That failures were requests without an answer, and nothing else.
pub fn none_answered(failures: &[Box<dyn Error + Send + Sync>]) -> Outcome {
    match failures.iter().find(|failure| is_answer(&***failure)) {
        Some(other) => Err(failure(format!("answered: {other}"))),
        None => Ok(()),
    }
}

/// That failures were answers of a service which is not available for now, and nothing else.
pub fn all_unavailable(failures: &[Box<dyn Error + Send + Sync>]) -> Outcome {
    match failures.iter().find(|failure| !is_unavailable(&***failure)) {
        Some(other) => Err(failure(format!("not answered 503: {other}"))),
        None => Ok(()),
    }
}

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
    /// How many credentials were made or deleted with an answer.
    acknowledged: usize,
}

impl Person {
    async fn joined(server: &Server, invited: Invited) -> Outcome<Self> {
        let mut own = Holder::key();
        register(&Client::of(server)?.at(HERE), &invited, &mut own).await?;
        Ok(Self {
            invited,
            own,
            kept: BTreeMap::new(),
            gone: BTreeSet::new(),
            perhaps_gone: None,
            // The first one, which the list tells.
            perhaps_made: true,
            redeemed: None,
            acknowledged: 1,
        })
    }

    async fn sign_in(&mut self, place: Client) -> Outcome<Client> {
        let (organization, username) = (&self.invited.organization, &self.invited.username);
        sign_in(&place, organization, Some(username), &mut self.own).await
    }

    /// Whole code flows and deletions, until one fails or it is said that it is over: a database that is back
    /// at once is not noticed.
    async fn work(
        mut self,
        here: Client,
        there: Client,
        is_over: Arc<AtomicBool>,
    ) -> (Self, Outcome) {
        loop {
            let outcome = self.step(&here, &there).await;
            if outcome.is_err() || is_over.load(Ordering::Relaxed) {
                return (self, outcome);
            }
        }
    }

    async fn step(&mut self, here: &Client, there: &Client) -> Outcome {
        let code = text(&issue_code(here, &mut self.own).await?, "code")?;
        let mut added = Holder::key();
        self.perhaps_made = true;
        let credential = enrol(there, &code, &mut added).await?;
        self.perhaps_made = false;
        self.acknowledged += 1;
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
        self.acknowledged += 1;
        Ok(())
    }

    /// A sign-in comes first: it waits for the user's lock, and so for what was not answered and is still
    /// under way.
    async fn check(&mut self, server: &Server) -> Outcome {
        let (here, there) = (Client::of(server)?.at(HERE), Client::of(server)?.at(THERE));
        let here = self.sign_in(here).await?;
        let list = here.get("/auth/credentials").await?.ok()?;
        let items = list.get("items").and_then(Value::as_array);
        let items = items.ok_or_else(|| failure("no list"))?;
        let uuids = items.iter().map(|item| text(item, "credentialUuid"));
        let listed: BTreeSet<String> = uuids.collect::<Outcome<_>>()?;
        require(listed.len() == items.len(), || {
            format!("one is there twice: {items:?}")
        })?;
        if let Some(uuid) = self.perhaps_gone.take() {
            if listed.contains(&uuid) {
                self.kept.insert(uuid, None);
            } else {
                self.gone.insert(uuid);
            }
        }
        for uuid in self.kept.keys() {
            require(listed.contains(uuid), || {
                format!("{uuid} was acknowledged and is lost")
            })?;
        }
        let others: Vec<_> = listed
            .into_iter()
            .filter(|uuid| !self.kept.contains_key(uuid))
            .collect();
        let most = usize::from(mem::take(&mut self.perhaps_made));
        require(others.len() <= most, || {
            format!("nobody made {others:?}, or they were deleted")
        })?;
        self.kept
            .extend(others.into_iter().map(|uuid| (uuid, None)));

        if let Some(code) = self.redeemed.take() {
            let again = claim(&there, &code, "Key").await?.refused(403)?;
            require(again == "Invalid code", || {
                format!("a code that was redeemed: {again}")
            })?;
        }
        let (organization, username) = (&self.invited.organization, &self.invited.username);
        for holder in self.kept.values_mut().flatten() {
            sign_in(&there, organization, Some(username), holder).await?;
        }
        Ok(())
    }

    /// Each credential that was made is told once, and so is each that was deleted.
    fn check_messages(&self, messages: &[Value]) -> Outcome {
        let member = |message: &Value, name: &str| message.get(name).cloned().unwrap_or_default();
        let told = |kind: &str| {
            let of_kind = messages
                .iter()
                .filter(|message| member(message, "kind") == kind);
            of_kind
                .filter(|message| member(message, "to") == self.invited.username.as_str())
                .count()
        };
        for (kind, changes) in [
            ("CredentialAdded", self.kept.len() + self.gone.len()),
            ("CredentialDeleted", self.gone.len()),
        ] {
            let told = told(kind);
            require(told == changes, || {
                format!("{changes} changes were told by {told} messages {kind}")
            })?;
        }
        Ok(())
    }
}

fn require(is_so: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if is_so {
        Ok(())
    } else {
        Err(failure(otherwise()))
    }
}
