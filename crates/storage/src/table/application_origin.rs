//! Where applications run; an origin belongs to one application.
//!
//! The key says so of an organization, which is older than the rule that two organizations do not share one. A
//! unique index would refuse databases where two of them do since before; so that is looked for under a lock.

use latchkey_domain::{
    application::{Application, Origin},
    id::{ApplicationId, OrganizationId},
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseTransaction, DbBackend, IntoActiveModel as _, QueryOrder as _, entity::prelude::*,
    sea_query::OnConflict,
};

use super::application;
use crate::{
    column,
    statement::{self, Change as _},
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "application_origins")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub organization_id: Typed<OrganizationId>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub origin: Typed<Origin>,
    pub application_id: Typed<ApplicationId>,
    pub position: i32,
}

refers_to!(ApplicationId => Application of application);

impl Related<Entity> for application::Entity {
    fn to() -> RelationDef {
        Relation::Application.def().rev()
    }
}

/// Lets one transaction at a time give origins to applications: an arbitrary number, the letters `origins`.
/// SQLite has one that writes anyhow.
const TAKE_ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(31369519446978163)";

/// The origins of an application, in their order.
pub(crate) async fn of(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<Vec<Origin>, StoreError> {
    let rows = Entity::find()
        .filter(Column::ApplicationId.eq(application.as_str()))
        .order_by_asc(Column::Position)
        .all(transaction)
        .await;
    let rows = rows.map_err(StoreError::new)?;
    Ok(rows.into_iter().map(|row| row.origin.0).collect())
}

/// Deletes the origins of an application.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<(), StoreError> {
    let origins = Entity::delete_many().filter(Column::ApplicationId.eq(application.as_str()));
    origins.count(transaction).await.map(|_rows| ())
}

/// Deletes the origins of all applications of an organization.
pub(crate) async fn delete_all_of(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    let origins = Entity::delete_many().filter(Column::OrganizationId.eq(organization.as_str()));
    origins.count(transaction).await.map(|_rows| ())
}

/// Waits until nobody else gives origins to applications, and keeps everybody from it until the transaction ends.
async fn lock(transaction: &DatabaseTransaction) -> Result<(), StoreError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let locked = transaction.execute_unprepared(TAKE_ADVISORY_LOCK).await;
        locked.map_err(StoreError::new)?;
    }
    Ok(())
}

/// Whether another organization lists one of the origins. What is seen here stays so until the transaction
/// ends, if that has the lock.
async fn are_elsewhere(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    let origins = application.relying_party.origins().iter();
    let elsewhere = Entity::find()
        .filter(Column::Origin.is_in(origins.map(Origin::as_str)))
        .filter(Column::OrganizationId.ne(application.organization.as_str()));
    statement::any(transaction, elsewhere).await
}

/// Makes the origins of an application; `false` when another one lists one of them, and then the transaction
/// must be rolled back.
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    lock(transaction).await?;
    insert_locked(transaction, application).await
}

/// The same in the place of those that the application has. Under the lock, since somebody who has it may wait for an
/// origin that is deleted here.
pub(crate) async fn replace_all(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    lock(transaction).await?;
    delete_all(transaction, &application.id).await?;
    insert_locked(transaction, application).await
}

async fn insert_locked(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    if are_elsewhere(transaction, application).await? {
        return Ok(false);
    }
    let mut origins: Vec<_> = (0..).zip(application.relying_party.origins()).collect();
    // In one order for everybody, so that two calls with the same origins cannot wait for each other.
    origins.sort_by_key(|(_, origin)| *origin);
    let key = [Column::OrganizationId, Column::Origin];
    for (position, origin) in origins {
        let row = Model {
            organization_id: application.organization.clone().into(),
            origin: origin.clone().into(),
            application_id: application.id.clone().into(),
            position,
        };
        let is_free = Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
            .meets_one(transaction)
            .await?;
        if !is_free {
            return Ok(false);
        }
    }
    Ok(true)
}
