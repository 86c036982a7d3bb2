//! Every operation of the API in one table, which whatever is said of "every call" goes through.
//!
//! A test holds the table equal to the description that is served, so an operation without a row, or a
//! row that says something else about it, does not pass. To add an operation, add its row to
//! [`table`]: who may call it, a good request, and what that costs.

use std::{pin::Pin, sync::LazyLock};

use axum::http::Method;
use latchkey_storage::store::Statements;
use serde_json::Value;

use super::{
    answer::Answer,
    signed_in::SignedIn,
    stage::{Person, Stage},
    stranger::Stranger,
};

mod row;
mod table;

/// An operation, as its row in the table says it is.
pub(crate) struct Operation {
    /// What the description calls it.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// Its path, as the description writes it.
    pub(crate) path: &'static str,
    pub(crate) caller: Caller,
    /// Whether a user action must be signed for it.
    pub(crate) signed: bool,
    pub(crate) begins: Option<Ceremony>,
    pub(crate) completes: Option<Ceremony>,
    /// The ceremony that it is about without completing it, by a challenge of it.
    pub(crate) about: Option<Ceremony>,
    /// Whether the caller is signed in no longer afterwards.
    pub(crate) ends_the_session: bool,
    /// Kinds of good requests, the usual one first.
    pub(crate) cases: Vec<Case>,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Anybody,
    /// The bearer of the temporary token of an init call.
    Temporary,
    /// Anybody who is signed in.
    User,
    /// An administrator, for want of whom this permission is named.
    Administrator(&'static str),
}

impl Caller {
    /// Whether it takes a session.
    pub(crate) fn is_signed_in(self) -> bool {
        matches!(self, Self::User | Self::Administrator(_))
    }
}

/// One init and one completing call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceremony {
    Registration,
    Recovery,
    Login,
    UserAction,
    Credential,
    CredentialWithCode,
}

/// A kind of good request.
pub(crate) struct Case {
    /// How it differs from the usual one.
    pub(crate) name: &'static str,
    pub(crate) cost: Budget,
    /// What is left to do when the answer is given.
    pub(crate) afterwards: Cost,
    /// Whether it is made where approval is asked for.
    pub(crate) asks_approval: bool,
    good: Good,
}

/// What an operation may cost the database, and does, while the directory is fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) reads: u64,
    /// The statements inside of the one write transaction.
    pub(crate) written: Option<u64>,
}

/// What an operation costs each database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) sqlite: Cost,
    /// The same, or less, since it can be told several changes in one statement.
    pub(crate) postgres: Cost,
}

impl From<Cost> for Budget {
    fn from(cost: Cost) -> Self {
        Self {
            sqlite: cost,
            postgres: cost,
        }
    }
}

impl Cost {
    /// So many statements inside of the write transaction on PostgreSQL.
    const fn on_postgres(self, statements: u64) -> Budget {
        self.or_on_postgres(Self {
            reads: self.reads,
            written: Some(statements),
        })
    }

    /// That on PostgreSQL.
    const fn or_on_postgres(self, postgres: Self) -> Budget {
        Budget {
            sqlite: self,
            postgres,
        }
    }
}

impl From<Statements> for Cost {
    /// # Panics
    /// When there is more than one write transaction.
    fn from(counted: Statements) -> Self {
        assert!(counted.write_transactions < 2, "{counted:?}");
        let written = (counted.write_transactions == 1).then_some(counted.write_statements);
        Self {
            reads: counted.reads,
            written,
        }
    }
}

type Prepare = dyn for<'a> Fn(&'a Stage, &'a Person, Request) -> Pin<Box<dyn Future<Output = Request> + 'a>>
    + Send
    + Sync;

/// How a good request is made, any number of times.
enum Good {
    /// After whatever it needs was prepared.
    Prepared(Box<Prepare>),
    /// With the challenge of the ceremony, and a true proof for it.
    Completed(fn(&Person, &Value, Request) -> Request),
}

/// All of them.
pub(crate) fn operations() -> &'static [Operation] {
    static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(table::table);
    &OPERATIONS
}

/// All kinds of good requests.
pub(crate) fn cases() -> impl Iterator<Item = (&'static Operation, &'static Case)> {
    let operations = operations().iter();
    operations.flat_map(|operation| operation.cases.iter().map(move |case| (operation, case)))
}

/// The usual requests of those that take a body.
pub(crate) async fn requests_with_a_body(stage: &Stage) -> Vec<Request> {
    let mut requests = Vec::new();
    for operation in operations() {
        let request = operation.request(stage).await;
        if request.body.is_some() {
            requests.push(request);
        }
    }
    requests
}

impl Operation {
    /// The ceremony whose challenge it takes.
    pub(crate) fn takes(&self) -> Option<Ceremony> {
        self.completes.or(self.about)
    }

    /// The usual good request, made by an administrator.
    pub(crate) async fn request(&'static self, stage: &Stage) -> Request {
        self.request_of(stage, &self.cases[0]).await
    }

    /// A good request of that kind.
    pub(crate) async fn request_of(&'static self, stage: &Stage, case: &Case) -> Request {
        let person = case.person(stage);
        if self.ends_the_session {
            let other = stage.colleague(person).await;
            return self.made(stage, &other, case).await;
        }
        self.made(stage, person, case).await
    }

    /// The usual good request, made by that person.
    pub(crate) async fn request_by(&'static self, stage: &Stage, person: &Person) -> Request {
        self.made(stage, person, &self.cases[0]).await
    }

    async fn made(&'static self, stage: &Stage, person: &Person, case: &Case) -> Request {
        match &case.good {
            Good::Prepared(make) => make(stage, person, Request::bare(self, person)).await,
            Good::Completed(complete) => {
                let challenge = self.completes.unwrap().begin(stage, person).await;
                complete(person, &challenge, Request::bare(self, person))
            }
        }
    }
}

impl Case {
    /// Who makes such requests when nobody else is named.
    pub(crate) fn person<'stage>(&self, stage: &'stage Stage) -> &'stage Person {
        if self.asks_approval {
            &stage.eve
        } else {
            &stage.ada
        }
    }
}

impl Ceremony {
    pub(crate) const ALL: [Self; 6] = [
        Self::Registration,
        Self::Recovery,
        Self::Login,
        Self::UserAction,
        Self::Credential,
        Self::CredentialWithCode,
    ];

    /// The operation that begins it.
    pub(crate) fn init(self) -> &'static Operation {
        let begins = |operation: &&Operation| operation.begins == Some(self);
        operations().iter().find(begins).unwrap()
    }

    /// The challenge that its init answers.
    pub(crate) async fn begin(self, stage: &Stage, person: &Person) -> Value {
        let request = Box::pin(self.init().request_by(stage, person)).await;
        request.send().await.ok()
    }

    /// The request that completes it with a true proof for `challenge`, whichever ceremony that is of.
    pub(crate) fn completion(self, person: &Person, challenge: &Value) -> Request {
        let completes = |operation: &&Operation| operation.completes == Some(self);
        let operation = operations().iter().find(completes).unwrap();
        match &operation.cases[0].good {
            Good::Completed(complete) => {
                complete(person, challenge, Request::bare(operation, person))
            }
            Good::Prepared(_) => panic!("{} completes nothing", operation.id),
        }
    }
}

/// The token that says what a challenge is of.
pub(crate) fn identifier(challenge: &Value) -> &str {
    ["challengeIdentifier", "temporaryAuthenticationToken"]
        .into_iter()
        .find_map(|member| challenge[member].as_str())
        .unwrap()
}

/// A request that is as it should be, until it is changed.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) operation: &'static Operation,
    /// From where; whatever token it needs is not in it.
    pub(crate) place: Stranger,
    pub(crate) token: Option<String>,
    /// Who signs the user action that it needs.
    pub(crate) signed_by: Option<SignedIn>,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl Request {
    fn bare(operation: &'static Operation, person: &Person) -> Self {
        let session = operation.caller.is_signed_in().then_some(&person.session);
        Self {
            operation,
            place: person.place.clone(),
            token: session.map(|session| session.token.clone()),
            signed_by: session.filter(|_| operation.signed).cloned(),
            path: operation.path.to_owned(),
            body: None,
        }
    }

    /// With this body.
    pub(crate) fn with(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// Without the second factor, which is never required: a passkey counts, and goes with a recovery.
    pub(crate) fn with_one_factor(mut self) -> Self {
        if let Some(members) = self.body.as_mut().and_then(Value::as_object_mut) {
            members.remove("secondFactor");
        }
        self
    }

    /// About this credential or user.
    fn about(mut self, id: &str) -> Self {
        let (before, rest) = self.path.split_once('{').unwrap();
        let (_, after) = rest.split_once('}').unwrap();
        self.path = format!("{before}{id}{after}");
        self
    }

    /// The same, made by somebody else who is signed in.
    fn made_by(self, person: &Person) -> Self {
        Self {
            body: self.body,
            path: self.path,
            ..Self::bare(self.operation, person)
        }
    }

    /// With this temporary token.
    fn bearing(self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self
        }
    }

    /// As a client that is no page sends it.
    fn without_origin(self) -> Self {
        Self {
            place: self.place.without_header("origin"),
            ..self
        }
    }

    /// Reaching the service under this name.
    fn at_host(self, host: &str) -> Self {
        Self {
            place: self.place.with_header("host", host),
            ..self
        }
    }

    /// The place with the token and, where one is needed, a user action signed for exactly this.
    pub(crate) async fn authorized(&self) -> Stranger {
        self.authorized_for(self.body.as_ref()).await
    }

    async fn authorized_for(&self, body: Option<&Value>) -> Stranger {
        let place = match &self.token {
            Some(token) => self.place.bearing(token),
            None => self.place.clone(),
        };
        let Some(user) = &self.signed_by else {
            return place;
        };
        let payload = body.map(Value::to_string).unwrap_or_default();
        let method = &self.operation.method;
        let action = user.user_action(method, &self.path, &payload).await;
        place.with_header("x-dfns-useraction", &action)
    }

    /// Sends it.
    pub(crate) async fn send(&self) -> Answer {
        self.send_from(&self.authorized().await).await
    }

    /// Sends it with another body, and a user action for that.
    pub(crate) async fn send_body(&self, body: &Value) -> Answer {
        let place = self.authorized_for(Some(body)).await;
        let method = self.operation.method.clone();
        let text = body.to_string();
        place.call(method, &self.path, Some(&text)).await
    }

    /// Sends it with nothing but what is in `place`.
    pub(crate) async fn send_from(&self, place: &Stranger) -> Answer {
        let text = self.body.as_ref().map(Value::to_string);
        let method = self.operation.method.clone();
        place.call(method, &self.path, text.as_deref()).await
    }
}
