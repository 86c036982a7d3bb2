//! The directory: organizations with their applications and origins, in one statement.

use async_trait::async_trait;
use latchkey_domain::{application::look::Logo, id::ApplicationId, organization::Organization};
use latchkey_service::ports::{
    directory_store::{DirectoryEntries, DirectoryStore},
    store::StoreError,
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, JoinType, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, RelationTrait as _,
    sea_query::{Expr, ExprTrait as _, IntoCondition as _},
};

use crate::{
    column::Joined,
    store::SqlStore,
    table::{application, application_logo, application_origin, organization},
};

#[async_trait]
impl DirectoryStore for SqlStore {
    /// All active organizations and their active applications, oldest first.
    async fn load(&self) -> Result<DirectoryEntries, StoreError> {
        let active_applications = application::Relation::Organization
            .def()
            .rev()
            .on_condition(|_organization, application| {
                Expr::col((application, application::Column::IsActive))
                    .eq(true)
                    .into_condition()
            });
        let entries = organization::Entity::find()
            .join(JoinType::LeftJoin, active_applications)
            .select_also(application::Entity)
            .and_also_related(application_origin::Entity)
            .filter(organization::Column::IsActive.eq(true))
            .order_by_asc(organization::Column::Created)
            .order_by_asc(organization::Column::Id)
            .order_by_asc(application::Column::Created)
            .order_by_asc(application::Column::Id)
            .order_by_asc(application_origin::Column::Position);
        let rows = self
            .read(async move |reader| {
                entries
                    .into_model::<organization::Model, Joined<application::Model>, Joined<application_origin::Model>>()
                    .all(&reader)
                    .await
                    .map_err(StoreError::new)
            })
            .await?;
        let mut organizations: Vec<Organization> = vec![];
        let mut applications: Vec<(application::Model, Vec<_>)> = vec![];
        for (organization, application, origin) in rows {
            if organizations.last().map(|last| &last.id) != Some(&organization.id.0) {
                organizations.push(organization.into());
            }
            let Some(Joined(application)) = application else {
                continue;
            };
            if applications.last().map(|(last, _)| &last.id) != Some(&application.id) {
                applications.push((application, vec![]));
            }
            if let Some((_, origins)) = applications.last_mut() {
                origins.extend(origin.map(|Joined(row)| row.origin.0));
            }
        }
        let applications = applications.into_iter();
        let mut applications = applications
            .map(|(application, origins)| application.with(origins))
            .collect::<Result<Vec<_>, _>>()?;
        // The rows are in the order of organizations; applications are to be oldest first over all.
        applications.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        Ok(DirectoryEntries {
            organizations,
            applications,
        })
    }

    async fn logo(&self, application: &ApplicationId) -> Result<Option<Logo>, StoreError> {
        let id = application.clone();
        self.read(async move |reader| application_logo::find(&reader, &id).await)
            .await
    }
}
