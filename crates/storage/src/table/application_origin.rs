//! Where applications run; an origin belongs to one application of an organization.

use latchkey_domain::{
    application::{Application, Origin},
    id::{ApplicationId, OrganizationId},
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, entity::prelude::*, sea_query::OnConflict,
};

use super::application;
use crate::{column, statement::Change as _};

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

/// Makes the origins of an application; `false` when another one of its organization lists one of them,
/// and then the transaction must be rolled back.
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
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
