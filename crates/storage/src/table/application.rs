//! Applications with their origins.

use latchkey_domain::{
    application::{
        Application, Origin, RelyingParty, RpId,
        native::{AndroidPackage, AppleAppId, NativeApplications},
    },
    id::ApplicationId,
    organization::Organization,
    text::{ApplicationName, OrganizationName},
};
use latchkey_service::ports::{directory_store::DirectoryEntries, store::StoreError};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _, FromQueryResult,
    JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _, IntoCondition as _, LockType, OnConflict},
};

use crate::{
    entity::{
        application::{ActiveModel, Column, Entity, Relation},
        application_origin, organization,
    },
    row::{Inconsistency, Row, moment},
    transaction::exactly_one,
};

const TABLE: &str = "applications";

/// Makes an application; `false` when another one of its organization lists one of the origins, and
/// then the transaction must be rolled back.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        id: Set(application.id.to_string()),
        organization_id: Set(application.organization.to_string()),
        name: Set(application.name.to_string()),
        rp_id: Set(application.relying_party.rp_id().to_string()),
        android_package: Set(text(application.native.android.as_ref())),
        apple_app_id: Set(text(application.native.apple.as_ref())),
        is_active: Set(application.is_active),
        created: Set(application.created.unix_milliseconds()),
    };
    Entity::insert(row)
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    let mut origins: Vec<_> = (0..).zip(application.relying_party.origins()).collect();
    // In one order for everybody, so that two calls with the same origins cannot wait for each other.
    origins.sort_by_key(|(_, origin)| *origin);
    for (position, origin) in origins {
        if !insert_origin(transaction, application, position, origin).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn insert_origin(
    transaction: &DatabaseTransaction,
    application: &Application,
    position: i32,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let row = application_origin::ActiveModel {
        organization_id: Set(application.organization.to_string()),
        origin: Set(origin.to_string()),
        application_id: Set(application.id.to_string()),
        position: Set(position),
    };
    let key = [
        application_origin::Column::OrganizationId,
        application_origin::Column::Origin,
    ];
    let rows = application_origin::Entity::insert(row)
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one("application_origins", rows)?)
}

/// Locks an application and tells whether it is active; nothing when there is no such application.
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<Option<bool>, StoreError> {
    Entity::find()
        .select_only()
        .column(Column::IsActive)
        .filter(Column::Id.eq(application.as_str()))
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<bool>()
        .one(transaction)
        .await
        .map_err(StoreError::new)
}

/// Makes an application active that is not, or the reverse; `false` when it was so already.
pub(crate) async fn set_active(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
    active: bool,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::IsActive, Expr::value(active))
        .filter(Column::Id.eq(application.as_str()))
        .filter(Column::IsActive.eq(!active))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Sets which native applications use the RP id; `false` when there is no such application.
pub(crate) async fn set_native(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
    native: &NativeApplications,
) -> Result<bool, StoreError> {
    let (android, apple) = (text(native.android.as_ref()), text(native.apple.as_ref()));
    let result = Entity::update_many()
        .col_expr(Column::AndroidPackage, Expr::value(android))
        .col_expr(Column::AppleAppId, Expr::value(apple))
        .filter(Column::Id.eq(application.as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

fn text(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}

/// One row of the directory: an organization, with an application and one of its origins if it has
/// any.
#[derive(FromQueryResult)]
struct DirectoryRow {
    organization_id: String,
    organization_name: String,
    organization_approval: String,
    organization_created: i64,
    application_id: Option<String>,
    name: Option<String>,
    rp_id: Option<String>,
    android_package: Option<String>,
    apple_app_id: Option<String>,
    created: Option<i64>,
    origin: Option<String>,
}

/// All active organizations and their active applications.
pub(crate) async fn directory(reader: &DatabaseConnection) -> Result<DirectoryEntries, StoreError> {
    let active_applications =
        Relation::Organization
            .def()
            .rev()
            .on_condition(|_organization, application| {
                Expr::col((application, Column::IsActive))
                    .eq(true)
                    .into_condition()
            });
    let rows = organization::Entity::find()
        .select_only()
        .column_as(organization::Column::Id, "organization_id")
        .column_as(organization::Column::Name, "organization_name")
        .column_as(organization::Column::Approval, "organization_approval")
        .column_as(organization::Column::Created, "organization_created")
        .column_as(Column::Id, "application_id")
        .column_as(Column::Name, "name")
        .column_as(Column::RpId, "rp_id")
        .column_as(Column::AndroidPackage, "android_package")
        .column_as(Column::AppleAppId, "apple_app_id")
        .column_as(Column::Created, "created")
        .column_as(application_origin::Column::Origin, "origin")
        .join(JoinType::LeftJoin, active_applications)
        .join(
            JoinType::LeftJoin,
            application_origin::Relation::Application.def().rev(),
        )
        .filter(Condition::all().add(organization::Column::IsActive.eq(true)))
        .order_by_asc(organization::Column::Created)
        .order_by_asc(organization::Column::Id)
        .order_by_asc(Column::Created)
        .order_by_asc(Column::Id)
        .order_by_asc(application_origin::Column::Position)
        .into_model::<DirectoryRow>()
        .all(reader)
        .await
        .map_err(StoreError::new)?;
    Ok(entries(&rows)?)
}

fn entries(rows: &[DirectoryRow]) -> Result<DirectoryEntries, Inconsistency> {
    let mut entries = DirectoryEntries::default();
    for of_organization in rows.chunk_by(|one, other| one.organization_id == other.organization_id)
    {
        let Some(organization) = of_organization.first().map(organization).transpose()? else {
            continue;
        };
        for of_application in
            of_organization.chunk_by(|one, other| one.application_id == other.application_id)
        {
            let application = application(&organization, of_application)?;
            entries.applications.extend(application);
        }
        entries.organizations.push(organization);
    }
    // The rows are in the order of organizations; applications are to be oldest first over all.
    entries
        .applications
        .sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    Ok(entries)
}

fn organization(found: &DirectoryRow) -> Result<Organization, Inconsistency> {
    let row = Row {
        table: "organizations",
        key: &found.organization_id,
    };
    let name = OrganizationName::new(found.organization_name.as_str());
    Ok(Organization {
        id: row.value("id", found.organization_id.parse())?,
        name: row.value("name", name)?,
        approval: row.value("approval", found.organization_approval.parse())?,
        is_active: true,
        created: moment(found.organization_created),
    })
}

/// The application of rows that differ in their origin only; none when the organization has none.
fn application(
    organization: &Organization,
    rows: &[DirectoryRow],
) -> Result<Option<Application>, Inconsistency> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let Some(id) = &first.application_id else {
        return Ok(None);
    };
    let row = Row {
        table: TABLE,
        key: id,
    };
    let (Some(name), Some(rp_id), Some(created)) = (&first.name, &first.rp_id, first.created)
    else {
        return Err(row.inconsistent("a column is empty"));
    };
    let origins = rows
        .iter()
        .filter_map(|row| row.origin.clone())
        .map(Origin::new)
        .collect::<Result<Vec<_>, _>>();
    let android = first.android_package.as_deref().map(AndroidPackage::new);
    let apple = first.apple_app_id.as_deref().map(AppleAppId::new);
    let native = NativeApplications {
        android: row.value("android_package", android.transpose())?,
        apple: row.value("apple_app_id", apple.transpose())?,
    };
    let rp_id = row.value("rp_id", RpId::new(rp_id.as_str()))?;
    let relying_party = RelyingParty::new(rp_id, row.value("origin", origins)?);
    Ok(Some(Application {
        id: row.value("id", id.parse())?,
        organization: organization.id.clone(),
        name: row.value("name", ApplicationName::new(name.as_str()))?,
        relying_party: row.value("rp_id", relying_party)?,
        native,
        is_active: true,
        created: moment(created),
    }))
}
