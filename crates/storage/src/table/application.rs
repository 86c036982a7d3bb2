//! Applications, without their origins.

use latchkey_domain::{
    application::{
        Application, Origin, RelyingParty, RpId,
        look::{Accent, LogoTag, Look},
        native::{AndroidPackage, AppleAppId, NativeApplications},
        pages::{EnrolUrl, Pages},
    },
    id::{ApplicationId, OrganizationId},
    text::ApplicationName,
    time::Timestamp,
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, IntoActiveModel as _, QueryOrder as _, QuerySelect as _,
    entity::prelude::*, sea_query::LockType,
};

use super::organization;
use crate::{
    column::{self, Inconsistency},
    statement::{self, Change as _},
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<ApplicationId>,
    pub organization_id: Typed<OrganizationId>,
    pub name: Typed<ApplicationName>,
    pub rp_id: Typed<RpId>,
    pub android_package: Option<Typed<AndroidPackage>>,
    pub apple_app_id: Option<Typed<AppleAppId>>,
    pub is_active: bool,
    pub created: Typed<Timestamp>,
    pub has_pages: bool,
    pub enrol_url: Option<Typed<EnrolUrl>>,
    pub accent: Option<Typed<Accent>>,
    pub logo: Option<Typed<LogoTag>>,
}

refers_to!(OrganizationId => Organization of organization);

impl Model {
    /// The application with these origins.
    pub(crate) fn with(self, origins: Vec<Origin>) -> Result<Application, Inconsistency> {
        let relying_party = RelyingParty::kept(self.rp_id.0, origins).map_err(|error| {
            Inconsistency::new("applications", &self.id.0, &format!("rp_id {error}"))
        })?;
        Ok(Application {
            id: self.id.0,
            organization: self.organization_id.0,
            name: self.name.0,
            relying_party,
            native: NativeApplications {
                android: self.android_package.map(Typed::into_inner),
                apple: self.apple_app_id.map(Typed::into_inner),
            },
            // That they fit the origins is asked when either is changed: a process that knows nothing of them may
            // have changed the origins since.
            pages: Pages {
                ours: self.has_pages,
                enrol_url: self.enrol_url.map(Typed::into_inner),
                look: Look {
                    accent: self.accent.map(Typed::into_inner),
                    logo: self.logo.map(Typed::into_inner),
                },
            },
            is_active: self.is_active,
            created: self.created.0,
        })
    }
}

/// Makes the row of an application.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<(), StoreError> {
    let native = application.native.clone();
    let look = application.pages.look.clone();
    let row = Model {
        id: application.id.clone().into(),
        organization_id: application.organization.clone().into(),
        name: application.name.clone().into(),
        rp_id: application.relying_party.rp_id().clone().into(),
        android_package: native.android.map(Typed::from),
        apple_app_id: native.apple.map(Typed::from),
        is_active: application.is_active,
        created: application.created.into(),
        has_pages: application.pages.ours,
        enrol_url: application.pages.enrol_url.clone().map(Typed::from),
        accent: look.accent.map(Typed::from),
        logo: look.logo.map(Typed::from),
    };
    let made = Entity::insert(row.into_active_model());
    made.count(transaction).await.map(|_one| ())
}

/// Gives an application, whose row is locked, that name, RP id and pages.
pub(crate) async fn rewrite(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<(), StoreError> {
    let look = application.pages.look.clone();
    let change = ActiveModel {
        name: Set(application.name.clone().into()),
        rp_id: Set(application.relying_party.rp_id().clone().into()),
        has_pages: Set(application.pages.ours),
        enrol_url: Set(application.pages.enrol_url.clone().map(Typed::from)),
        accent: Set(look.accent.map(Typed::from)),
        logo: Set(look.logo.map(Typed::from)),
        ..Default::default()
    };
    let change = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(application.id.as_str()));
    change.count(transaction).await.map(|_one| ())
}

/// Deletes an application, whose row is locked and to which nothing refers any more.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<(), StoreError> {
    let row = Entity::delete_many().filter(Column::Id.eq(application.as_str()));
    row.count(transaction).await.map(|_one| ())
}

/// Deletes the applications of an organization, which have no origins any more, and tells how many those were.
pub(crate) async fn delete_all_of(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<u64, StoreError> {
    let all = Entity::delete_many().filter(Column::OrganizationId.eq(organization.as_str()));
    all.count(transaction).await
}

/// Locks an application; `false` when there is no such application.
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<bool, StoreError> {
    let row = Entity::find_by_id(application.clone()).lock(LockType::NoKeyUpdate);
    statement::any(transaction, row).await
}

/// Locks the applications of an organization, in one order for everybody who locks several.
pub(crate) async fn lock_all_of(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<(), StoreError> {
    let all = Entity::find()
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .select_only()
        .column(Column::Id)
        .order_by_asc(Column::Id)
        .lock(LockType::Update)
        .into_tuple::<String>();
    all.all(transaction).await.map_err(StoreError::new)?;
    Ok(())
}

/// Whose that application is, which never changes; nothing when there is no such application.
pub(crate) async fn organization_of(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<Option<OrganizationId>, StoreError> {
    let found = Entity::find_by_id(application.clone())
        .select_only()
        .columns([Column::OrganizationId, Column::Id])
        .into_tuple::<(Typed<OrganizationId>, String)>()
        .one(transaction)
        .await;
    let found = found.map_err(StoreError::new)?;
    Ok(found.map(|(organization, _id)| organization.0))
}

/// Whether there is that application, and it is active and that organization's.
pub(crate) fn is_active_in(organization: impl Into<Value>, application: impl Into<Value>) -> Expr {
    let active = Entity::find()
        .filter(Column::Id.eq(application))
        .filter(Column::OrganizationId.eq(organization))
        .filter(Column::IsActive.eq(true));
    statement::exists(active)
}

/// Makes an application active that is not, or the reverse; `false` when it was so already.
pub(crate) async fn set_active(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
    active: bool,
) -> Result<bool, StoreError> {
    Entity::update_many()
        .col_expr(Column::IsActive, Expr::value(active))
        .filter(Column::Id.eq(application.as_str()))
        .filter(Column::IsActive.eq(!active))
        .meets_one(transaction)
        .await
}

/// Sets which native applications use the RP id; `false` when there is no such application.
pub(crate) async fn set_native(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
    native: NativeApplications,
) -> Result<bool, StoreError> {
    let change = ActiveModel {
        android_package: Set(native.android.map(Typed::from)),
        apple_app_id: Set(native.apple.map(Typed::from)),
        ..Default::default()
    };
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(application.as_str()))
        .meets_one(transaction)
        .await
}
