//! However much there is, a call finds its rows by an index: what each operation asks of the database is
//! explained by the database itself, on tables that are filled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::http::Method;
use latchkey_service::ports::{
    directory_store::DirectoryStore as _, installation_store::InstallationStore as _,
};
use latchkey_testkit::plans::Plans;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{self, DefaultGuard},
};

use crate::support::{operations::cases, stage::Stage, world::Circumstances};

/// The statements that the stores of this thread run, as they tell the log.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    /// Those that run until the guard is dropped.
    fn told() -> (Self, DefaultGuard) {
        let told = Self::default();
        let guard = subscriber::set_default(told.clone());
        (told, guard)
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Spans are none of its business: threads of databases hold them for longer than it lives.
impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "latchkey_storage::connection"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

impl Visit for Statements {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

/// Organizations and applications are read whole, every few seconds, and kept in memory.
async fn read_whole_on_purpose(stage: &Stage, told: &Statements) -> BTreeSet<String> {
    told.take();
    stage.world.store.load().await.unwrap();
    // It names every column, and meets no row.
    stage.world.store.ping().await.unwrap();
    BTreeSet::from_iter(told.take())
}

/// What is asked besides when somebody is taken away who may be the last administrator.
async fn to_take_an_administrator_away(stage: &Stage, told: &Statements) -> Vec<String> {
    let other = stage.colleague(&stage.ada).await;
    stage.world.set_administrator(&other.id, true).await;
    told.take();
    let path = format!("/auth/users/{}/deactivate", other.id);
    let deactivated = stage.ada.session.signed(Method::PUT, &path, None).await;
    deactivated.ok();
    told.take()
}

async fn require_indexes(circumstances: Circumstances) {
    let stage = Stage::with(circumstances).await;
    let plans = Plans::on_filled(stage.world.database()).await.unwrap();
    let (told, _guard) = Statements::told();
    let on_purpose = read_whole_on_purpose(&stage, &told).await;
    let mut statements = BTreeMap::new();
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        let place = request.authorized().await;
        stage.world.mail_codes().await;
        stage.world.warm().await;
        told.take();
        let call = async {
            let answer = request.send_from(&place).await;
            stage.world.mail_codes().await;
            answer
        };
        let (answer, counted) = stage.world.cost(call).await;
        answer.ok();
        let ran = told.take();
        let counted = counted.reads + counted.write_statements;
        assert_eq!(u64::try_from(ran.len()), Ok(counted), "{}", operation.id);
        for statement in ran {
            statements.entry(statement).or_insert(operation.id);
        }
    }
    for statement in to_take_an_administrator_away(&stage, &told).await {
        statements.entry(statement).or_insert("deactivateUser");
    }
    assert!(statements.len() > 50, "{}", statements.len());
    let mut scanning = Vec::new();
    for (statement, operation) in statements {
        let scans = plans.scans(&statement).await.unwrap();
        if !scans.is_empty() && !on_purpose.contains(&statement) {
            scanning.push((operation, scans, statement));
        }
    }
    assert!(scanning.is_empty(), "without an index: {scanning:#?}");
}

#[tokio::test]
async fn every_statement_of_every_operation_goes_by_an_index_on_sqlite() {
    require_indexes(Circumstances::unlimited()).await;
}

#[tokio::test]
async fn every_statement_of_every_operation_goes_by_an_index_on_postgres() {
    require_indexes(Circumstances::unlimited().on_postgres()).await;
}
