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
        NewOrganization, SetUserError,
    },
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{administrators, ending, row::Inconsistency, store::SqlStore, table};

#[async_trait]
impl AdministrationStore for SqlStore {
    async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(!table::organization::any(self.reader()).await?)
    }

    async fn bootstrap(&self, new: NewOrganization) -> Result<(), BootstrapError> {
        self.write(move |transaction| Box::pin(bootstrap(transaction, new)))
            .await?
    }

    async fn invite(&self, invitation: Invitation) -> Result<User, InviteError> {
        self.write(move |transaction| Box::pin(invite(transaction, invitation)))
            .await?
    }

    async fn set_user_active(&self, user: &UserId, active: bool) -> Result<bool, SetUserError> {
        let user = user.clone();
        self.write(move |transaction| Box::pin(set_user_active(transaction, user, active)))
            .await?
    }

    async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
    ) -> Result<bool, SetUserError> {
        let user = user.clone();
        self.write(move |transaction| Box::pin(set_administrator(transaction, user, administrator)))
            .await?
    }

    async fn set_approval(
        &self,
        organization: &OrganizationId,
        approval: Approval,
    ) -> Result<bool, StoreError> {
        let organization = organization.clone();
        self.write(move |transaction| Box::pin(set_approval(transaction, organization, approval)))
            .await?
    }

    async fn add_application(&self, application: Application) -> Result<(), AddApplicationError> {
        self.write(move |transaction| Box::pin(add_application(transaction, application)))
            .await?
    }

    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<bool, StoreError> {
        let application = application.clone();
        self.write(move |transaction| {
            Box::pin(set_application_active(transaction, application, active))
        })
        .await?
    }

    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<bool, StoreError> {
        let (application, native) = (application.clone(), native.clone());
        self.write(move |transaction| Box::pin(set_native(transaction, application, native)))
            .await?
    }
}

async fn bootstrap(
    transaction: &DatabaseTransaction,
    new: NewOrganization,
) -> Result<(), BootstrapError> {
    if !table::organization::insert(transaction, &new.organization).await? {
        return Err(BootstrapError::NameTaken);
    }
    let administrator = new.administrator;
    // The organization is new, so neither an origin nor a username can be taken in it.
    if table::application::insert(transaction, &new.application).await?
        && table::user::insert(transaction, &administrator.user).await?
    {
        let user = &administrator.user.id;
        table::account_code::issue(transaction, user, &administrator.code).await?;
        Ok(())
    } else {
        Err(StoreError::from(Inconsistency {
            table: "organizations",
            row: new.organization.id.to_string(),
            problem: "is new, but had applications or users".to_owned(),
        })
        .into())
    }
}

async fn invite(
    transaction: &DatabaseTransaction,
    invitation: Invitation,
) -> Result<User, InviteError> {
    let Invitation {
        user,
        code,
        message,
    } = invitation;
    if !table::organization::exists(transaction, &user.organization).await? {
        return Err(InviteError::UnknownOrganization);
    }
    let user = if table::user::insert(transaction, &user).await? {
        user
    } else {
        unregistered(transaction, user).await?
    };
    table::account_code::issue(transaction, &user.id, &code).await?;
    let message = message.map(|message| NewMessage {
        user: user.id.clone(),
        ..message
    });
    table::message::insert_all(transaction, message.as_slice()).await?;
    Ok(user)
}

/// Locks the user who has the name of the one invited, and may still register.
async fn unregistered(
    transaction: &DatabaseTransaction,
    invited: User,
) -> Result<User, InviteError> {
    let mut user =
        table::user::lock_by_username(transaction, &invited.organization, &invited.username)
            .await?
            .filter(|user| user.is_active && user.registered.is_none())
            .ok_or(InviteError::AlreadyRegistered)?;
    if invited.is_administrator && !user.is_administrator {
        user.is_administrator = table::user::set_administrator(transaction, &user.id, true).await?;
    }
    Ok(user)
}

async fn set_user_active(
    transaction: &DatabaseTransaction,
    user: UserId,
    active: bool,
) -> Result<bool, SetUserError> {
    let Some(mut found) = lock_in_organization(transaction, &user).await? else {
        return Ok(false);
    };
    if active {
        table::user::set_active(transaction, &user, true).await?;
    } else if administrators::is_last(transaction, &found).await? {
        return Err(SetUserError::LastAdministrator);
    } else {
        ending::deactivate(transaction, &mut found).await?;
    }
    Ok(true)
}

async fn set_administrator(
    transaction: &DatabaseTransaction,
    user: UserId,
    administrator: bool,
) -> Result<bool, SetUserError> {
    let Some(found) = lock_in_organization(transaction, &user).await? else {
        return Ok(false);
    };
    if !administrator && administrators::is_last(transaction, &found).await? {
        return Err(SetUserError::LastAdministrator);
    }
    table::user::set_administrator(transaction, &user, administrator).await?;
    Ok(true)
}

/// Locks a user's organization, then the user.
async fn lock_in_organization(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<User>, StoreError> {
    match table::user::organization_of(transaction, user).await? {
        Some(organization) => {
            table::organization::lock(transaction, &organization).await?;
            table::user::lock(transaction, user).await
        }
        None => Ok(None),
    }
}

async fn set_approval(
    transaction: &DatabaseTransaction,
    organization: OrganizationId,
    approval: Approval,
) -> Result<bool, StoreError> {
    table::organization::set_approval(transaction, &organization, approval).await
}

async fn add_application(
    transaction: &DatabaseTransaction,
    application: Application,
) -> Result<(), AddApplicationError> {
    if !table::organization::exists(transaction, &application.organization).await? {
        return Err(AddApplicationError::UnknownOrganization);
    }
    if table::application::insert(transaction, &application).await? {
        Ok(())
    } else {
        Err(AddApplicationError::OriginTaken)
    }
}

async fn set_application_active(
    transaction: &DatabaseTransaction,
    application: ApplicationId,
    active: bool,
) -> Result<bool, StoreError> {
    if table::application::lock(transaction, &application)
        .await?
        .is_none()
    {
        return Ok(false);
    }
    table::application::set_active(transaction, &application, active).await?;
    Ok(true)
}

async fn set_native(
    transaction: &DatabaseTransaction,
    application: ApplicationId,
    native: NativeApplications,
) -> Result<bool, StoreError> {
    table::application::set_native(transaction, &application, &native).await
}
