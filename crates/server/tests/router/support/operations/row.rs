//! How a row is written.

use axum::http::Method;
use serde_json::Value;

use super::{Budget, Caller, Case, Ceremony, Cost, Good, Operation, Prepare, Request};
use crate::support::stage::{Person, Stage};

/// So many statements that read.
pub(super) const fn read(reads: u64) -> Cost {
    Cost {
        reads,
        written: None,
    }
}

/// So many statements that read, and so many inside of a write transaction.
pub(super) const fn written(reads: u64, statements: u64) -> Cost {
    Cost {
        reads,
        written: Some(statements),
    }
}

pub(super) fn get(id: &'static str, path: &'static str) -> Operation {
    Operation::new(Method::GET, id, path)
}

pub(super) fn post(id: &'static str, path: &'static str) -> Operation {
    Operation::new(Method::POST, id, path)
}

pub(super) fn put(id: &'static str, path: &'static str) -> Operation {
    Operation::new(Method::PUT, id, path)
}

pub(super) fn delete(id: &'static str, path: &'static str) -> Operation {
    Operation::new(Method::DELETE, id, path)
}

impl Operation {
    fn new(method: Method, id: &'static str, path: &'static str) -> Self {
        Self {
            id,
            method,
            path,
            caller: Caller::Anybody,
            signed: false,
            begins: None,
            completes: None,
            about: None,
            ends_the_session: false,
            cases: vec![],
        }
    }

    pub(super) fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    pub(super) fn signed(mut self) -> Self {
        self.signed = true;
        self
    }

    pub(super) fn ending_the_session(mut self) -> Self {
        self.ends_the_session = true;
        self
    }

    pub(super) fn begins(mut self, ceremony: Ceremony) -> Self {
        self.begins = Some(ceremony);
        self
    }

    /// Which ceremony it completes, what that costs, and how a challenge of it is answered.
    pub(super) fn completes(
        mut self,
        ceremony: Ceremony,
        cost: impl Into<Budget>,
        good: fn(&Person, &Value, Request) -> Request,
    ) -> Self {
        self.completes = Some(ceremony);
        self.or_completes("", cost, good)
    }

    /// Which ceremony it is about without completing it.
    pub(super) fn about(mut self, ceremony: Ceremony) -> Self {
        self.about = Some(ceremony);
        self
    }

    /// Another answer.
    pub(super) fn or_completes(
        self,
        name: &'static str,
        cost: impl Into<Budget>,
        good: fn(&Person, &Value, Request) -> Request,
    ) -> Self {
        self.case(name, cost, Good::Completed(good))
    }

    /// What the usual good request costs, and how it is made.
    pub(super) fn costs<F>(self, cost: impl Into<Budget>, good: F) -> Self
    where
        F: AsyncFn(&Stage, &Person, Request) -> Request + Send + Sync + 'static,
    {
        self.or("", cost, good)
    }

    /// Another good request.
    pub(super) fn or<F>(self, name: &'static str, cost: impl Into<Budget>, good: F) -> Self
    where
        F: AsyncFn(&Stage, &Person, Request) -> Request + Send + Sync + 'static,
    {
        // The table stays as long as the process.
        let good: &'static F = Box::leak(Box::new(good));
        let prepare: Box<Prepare> =
            Box::new(move |stage, person, request| Box::pin(good(stage, person, request)));
        self.case(name, cost, Good::Prepared(prepare))
    }

    fn case(mut self, name: &'static str, cost: impl Into<Budget>, good: Good) -> Self {
        self.cases.push(Case {
            name,
            cost: cost.into(),
            afterwards: read(0),
            asks_approval: false,
            good,
        });
        self
    }

    /// What is done after the answer.
    pub(super) fn and_afterwards(mut self, cost: Cost) -> Self {
        self.cases.last_mut().unwrap().afterwards = cost;
        self
    }

    pub(super) fn where_approval_is_asked(mut self) -> Self {
        self.cases.last_mut().unwrap().asks_approval = true;
        self
    }
}
