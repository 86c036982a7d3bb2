//! The logos of applications, beside them: the directory is read every few seconds, and these are large.

use latchkey_domain::{application::look::Logo, id::ApplicationId};
use latchkey_service::ports::{administration_store::New, store::StoreError};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, entity::prelude::*, sea_query::OnConflict,
};

use super::application;
use crate::{column, connection::Reader, statement::Change as _};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "application_logos")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub application_id: Typed<ApplicationId>,
    pub contents: Typed<Logo>,
}

refers_to!(ApplicationId => Application of application);

/// The logo of an application.
pub(crate) async fn find(
    reader: &Reader,
    application: &ApplicationId,
) -> Result<Option<Logo>, StoreError> {
    let row = Entity::find_by_id(application.clone()).one(reader).await;
    let row = row.map_err(StoreError::new)?;
    Ok(row.map(|row| row.contents.into_inner()))
}

/// Gives an application, whose row is locked, this logo, or none.
pub(crate) async fn set(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
    logo: New<Logo>,
) -> Result<(), StoreError> {
    let New::At(logo) = logo else {
        let row = Entity::delete_many().filter(Column::ApplicationId.eq(application.as_str()));
        return row.count(transaction).await.map(|_rows| ());
    };
    let row = Model {
        application_id: application.clone().into(),
        contents: logo.into(),
    };
    let instead = OnConflict::column(Column::ApplicationId)
        .update_column(Column::Contents)
        .to_owned();
    let made = Entity::insert(row.into_active_model()).on_conflict(instead);
    made.count(transaction).await.map(|_one| ())
}
