//! Security events that one process left for another one to tell.

use async_trait::async_trait;
use latchkey_domain::{
    id::{ApplicationId, CredentialUuid, EventId, OrganizationId, UserId},
    time::Timestamp,
};
use latchkey_service::{
    events::{Event, Reason},
    ports::{
        event_store::{EventStore, LeftEvent},
        store::StoreError,
    },
};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    entity::prelude::*,
    sea_query::{Condition, LockBehavior, LockType},
};

use crate::{
    column,
    statement::{self, Change as _},
    store::SqlStore,
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<EventId>,
    pub at: Typed<Timestamp>,
    pub event: Typed<Event>,
    pub reason: Option<Typed<Reason>>,
    pub about_organization: Option<Typed<OrganizationId>>,
    pub about_user: Option<Typed<UserId>>,
    pub about_credential: Option<Typed<CredentialUuid>>,
    pub about_application: Option<Typed<ApplicationId>>,
}

refers_to!();

impl From<LeftEvent> for Model {
    fn from(left: LeftEvent) -> Self {
        Self {
            id: left.id.into(),
            at: left.at.into(),
            event: left.event.into(),
            reason: left.refused.map(Typed::from),
            about_organization: left.organization.map(Typed::from),
            about_user: left.user.map(Typed::from),
            about_credential: left.credential.map(Typed::from),
            about_application: left.application.map(Typed::from),
        }
    }
}

impl From<Model> for LeftEvent {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.0,
            at: row.at.0,
            event: row.event.0,
            refused: row.reason.map(Typed::into_inner),
            organization: row.about_organization.map(Typed::into_inner),
            user: row.about_user.map(Typed::into_inner),
            credential: row.about_credential.map(Typed::into_inner),
            application: row.about_application.map(Typed::into_inner),
        }
    }
}

/// Deletes every event, told or not.
pub(crate) async fn delete_all(transaction: &DatabaseTransaction) -> Result<(), StoreError> {
    let events = Entity::delete_many();
    events.count(transaction).await.map(|_events| ())
}

/// What was left before that moment, and this release cannot tell.
pub(crate) fn is_unknown_before(moment: Timestamp) -> Condition {
    Condition::all()
        .add(Column::At.lt(moment.unix_milliseconds()))
        .add(is_known().not())
}

#[async_trait]
impl EventStore for SqlStore {
    async fn leave(&self, left: LeftEvent) -> Result<(), StoreError> {
        let row = Model::from(left);
        self.write(async move |tx| {
            let made = Entity::insert(row.into_active_model());
            made.count(&tx).await.map(|_one| ())
        })
        .await
    }

    async fn take(&self, batch: u32) -> Result<Vec<LeftEvent>, StoreError> {
        // Usually there is none, and then nobody is kept from writing.
        let known = Entity::find().filter(is_known());
        let is_any = self.read(async move |reader| statement::any(&reader, known).await);
        if !is_any.await? {
            return Ok(vec![]);
        }
        let oldest = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(is_known())
            .order_by_asc(Column::At)
            .limit(u64::from(batch))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_query();
        let batch = statement::is_in_batch(self.backend(), Column::Id, oldest);
        let taking = Entity::delete_many().filter(batch);
        let taken = self.write(async move |tx| {
            let taken = taking.exec_with_returning(&*tx).await;
            taken.map_err(StoreError::new)
        });
        let mut taken: Vec<_> = taken.await?.into_iter().map(LeftEvent::from).collect();
        taken.sort_by_key(|left| left.at);
        Ok(taken)
    }
}

/// What this release can tell; a newer one may leave more.
fn is_known() -> Condition {
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
    let reason = Condition::any()
        .add(Column::Reason.is_null())
        .add(Column::Reason.is_in(reasons));
    let events = Event::ALL.iter().map(|event| event.as_str());
    Condition::all()
        .add(Column::Event.is_in(events))
        .add(reason)
}
