//! What an administrator does from the command line.

use async_trait::async_trait;
use latchkey_domain::{
    application::{Application, native::NativeApplications},
    id::{ApplicationId, OrganizationId, UserId},
    message::NewMessage,
    organization::Approval,
    user::User,
};
use latchkey_service::ports::{
    administration_store::{
        AddApplicationError, AdministrationStore, BootstrapError, Invitation, InviteError,
        NewOrganization, Population, SetUserError,
    },
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{
    administrators,
    column::Inconsistency,
    ending,
    store::SqlStore,
    table,
    user_store::{hand_over, invite},
};

#[async_trait]
impl AdministrationStore for SqlStore {
    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.read(async move |reader| Ok(!table::organization::any(&reader).await?))
            .await
    }

    async fn population(&self) -> Result<Population, StoreError> {
        self.read(async move |reader| {
            Ok(Population {
                has_several_users: table::user::several(&reader).await?,
                has_registered: table::user::any_registered(&reader).await?,
            })
        })
        .await
    }

    async fn bootstrap(&self, new: NewOrganization) -> Result<(), BootstrapError> {
        self.write(async move |tx| {
            if !table::organization::insert(&tx, &new.organization).await? {
                return Err(BootstrapError::NameTaken);
            }
            // The organization is new, so neither an origin nor a username can be taken in it.
            if add(&tx, &new.application).await?
                && table::user::insert(&tx, &new.administrator.user).await?
            {
                hand_over(&tx, new.administrator).await?;
                Ok(())
            } else {
                let problem = "is new, but had applications or users";
                let id = &new.organization.id;
                Err(StoreError::from(Inconsistency::new("organizations", id, problem)).into())
            }
        })
        .await
    }

    async fn invite(&self, invitation: Invitation) -> Result<User, InviteError> {
        self.write(async move |tx| {
            if !table::organization::exists(&tx, &invitation.user.organization).await? {
                return Err(InviteError::UnknownOrganization);
            }
            let as_administrator = invitation.user.is_administrator;
            let taken = |_named| InviteError::AlreadyRegistered;
            let mut user = invite(&tx, invitation, taken).await?;
            if as_administrator && !user.is_administrator {
                user.is_administrator = table::user::set_administrator(&tx, &user.id, true).await?;
            }
            Ok(user)
        })
        .await
    }

    async fn set_user_active(
        &self,
        user: &UserId,
        active: bool,
        told: Option<NewMessage>,
    ) -> Result<bool, SetUserError> {
        let user = user.clone();
        self.write(async move |tx| {
            let Some(mut found) = lock_in_organization(&tx, &user).await? else {
                return Ok(false);
            };
            let changes = if active {
                table::user::set_active(&tx, &user, true).await?
            } else if administrators::is_last(&tx, &found).await? {
                return Err(SetUserError::LastAdministrator);
            } else {
                ending::deactivate(&tx, &mut found).await?
            };
            if changes {
                table::message::insert_all(&tx, told.as_slice()).await?;
            }
            Ok(true)
        })
        .await
    }

    async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
        told: Option<NewMessage>,
    ) -> Result<bool, SetUserError> {
        let user = user.clone();
        self.write(async move |tx| {
            let Some(found) = lock_in_organization(&tx, &user).await? else {
                return Ok(false);
            };
            if !administrator && administrators::is_last(&tx, &found).await? {
                return Err(SetUserError::LastAdministrator);
            }
            if table::user::set_administrator(&tx, &user, administrator).await? {
                table::message::insert_all(&tx, told.as_slice()).await?;
            }
            Ok(true)
        })
        .await
    }

    async fn set_approval(
        &self,
        organization: &OrganizationId,
        approval: Approval,
    ) -> Result<bool, StoreError> {
        let id = organization.clone();
        self.write(async move |tx| table::organization::set_approval(&tx, &id, approval).await)
            .await
    }

    async fn add_application(&self, application: Application) -> Result<(), AddApplicationError> {
        self.write(async move |tx| {
            if !table::organization::exists(&tx, &application.organization).await? {
                Err(AddApplicationError::UnknownOrganization)
            } else if add(&tx, &application).await? {
                Ok(())
            } else {
                Err(AddApplicationError::OriginTaken)
            }
        })
        .await
    }

    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<bool, StoreError> {
        let id = application.clone();
        self.write(async move |tx| {
            let is_there = table::application::lock(&tx, &id).await?;
            if is_there {
                table::application::set_active(&tx, &id, active).await?;
            }
            Ok(is_there)
        })
        .await
    }

    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<bool, StoreError> {
        let (id, native) = (application.clone(), native.clone());
        self.write(async move |tx| table::application::set_native(&tx, &id, native).await)
            .await
    }
}

/// Makes an application; `false` when another one of its organization lists one of the origins, and then
/// the transaction must be rolled back.
async fn add(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    table::application::insert(transaction, application).await?;
    table::application_origin::insert_all(transaction, application).await
}

/// Locks a user's organization, then the user.
async fn lock_in_organization(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<User>, StoreError> {
    match table::user::organization_of(transaction, user).await? {
        Some(organization) => {
            table::organization::lock(transaction, &organization).await?;
            table::user::lock_and_read(transaction, user).await
        }
        None => Ok(None),
    }
}
