//! What an administrator does from the command line.

use async_trait::async_trait;
use latchkey_domain::{
    application::{Application, look::Logo, native::NativeApplications},
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    message::NewMessage,
    organization::Setting,
    text::OrganizationName,
    user::User,
};
use latchkey_service::ports::{
    administration_store::{
        AddApplicationError, AdministrationStore, ApplicationEntry, ApplicationUpdate,
        BootstrapError, DeleteApplicationError, DeleteOrganizationError, Effect, InviteError, Loss,
        New, NewOrganization, Notice, OrganizationEntry, Population, RenameOrganizationError,
        SetUserError, UpdateApplicationError, UpdatedApplication, Vacancy,
    },
    credential_store::ChangeError,
    store::StoreError,
    user_store::{Invitation, UserList, UserPage},
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, FromQueryResult, JoinType,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _,
    sea_query::{Expr, ExprTrait as _, LockType, Query, SubQueryStatement},
};

use crate::{
    administrators,
    column::{Inconsistency, Joined},
    credential_store, ending,
    store::SqlStore,
    table::{
        self, application, application_logo, application_origin, organization, user, user_action,
    },
    user_store::{hand_over, invite, shown},
};

#[async_trait]
impl AdministrationStore for SqlStore {
    async fn is_empty(&self) -> Result<bool, StoreError> {
        self.read(async move |reader| Ok(!organization::any(&reader).await?))
            .await
    }

    async fn population(&self) -> Result<Population, StoreError> {
        self.read(async move |reader| {
            Ok(Population {
                has_several_users: user::several(&reader).await?,
                has_registered: user::any_registered(&reader).await?,
            })
        })
        .await
    }

    async fn organizations(&self) -> Result<Vec<OrganizationEntry>, StoreError> {
        let listed = organization::Entity::find()
            .expr_as(number_of_users(Expr::cust("TRUE")), "users")
            .expr_as(
                number_of_users(user::Column::Registered.is_not_null()),
                "registered",
            )
            .order_by_asc(organization::Column::Created)
            .order_by_asc(organization::Column::Id);
        let rows = self.read(async move |reader| {
            let rows = listed.into_model::<Counted>().all(&reader).await;
            rows.map_err(StoreError::new)
        });
        let entries = rows.await?.into_iter().map(|row| {
            Ok(OrganizationEntry {
                organization: row.organization.into(),
                users: u64::try_from(row.users).map_err(StoreError::new)?,
                registered: u64::try_from(row.registered).map_err(StoreError::new)?,
            })
        });
        entries.collect()
    }

    async fn applications(&self) -> Result<Vec<ApplicationEntry>, StoreError> {
        let listed = application::Entity::find()
            .join(
                JoinType::LeftJoin,
                application_origin::Relation::Application.def().rev(),
            )
            .select_also(application_origin::Entity)
            .order_by_asc(application::Column::Created)
            .order_by_asc(application::Column::Id)
            .order_by_asc(application_origin::Column::Position);
        let (rows, passkeys) = self
            .read(async move |reader| {
                let rows = listed
                    .into_model::<application::Model, Joined<application_origin::Model>>()
                    .all(&reader)
                    .await
                    .map_err(StoreError::new)?;
                let passkeys =
                    table::credential::of_application::passkeys_by_application(&reader).await?;
                Ok::<_, StoreError>((rows, passkeys))
            })
            .await?;
        let mut applications: Vec<(application::Model, Vec<_>)> = vec![];
        for (application, origin) in rows {
            if applications.last().map(|(last, _)| &last.id) != Some(&application.id) {
                applications.push((application, vec![]));
            }
            if let Some((_, origins)) = applications.last_mut() {
                origins.extend(origin.map(|Joined(row)| row.origin.into_inner()));
            }
        }
        let entries = applications.into_iter().map(|(application, origins)| {
            let application = application.with(origins)?;
            Ok(ApplicationEntry {
                passkeys: passkeys.get(&application.id).copied().unwrap_or_default(),
                application,
            })
        });
        entries.collect()
    }

    async fn list_users(
        &self,
        organization: Option<OrganizationId>,
        page: &UserPage,
    ) -> Result<UserList, StoreError> {
        let mut users = shown();
        if let Some(organization) = organization {
            users = users.filter(user::Column::OrganizationId.eq(organization.as_str()));
        }
        self.part(users, page).await
    }

    async fn bootstrap(&self, new: NewOrganization) -> Result<(), BootstrapError> {
        self.write(async move |tx| {
            if !organization::insert(&tx, &new.organization).await? {
                return Err(BootstrapError::NameTaken);
            }
            if !add(&tx, &new.application).await? {
                return Err(BootstrapError::OriginTaken);
            }
            // The organization is new, so no username can be taken in it.
            if user::insert(&tx, &new.administrator.user).await? {
                hand_over(&tx, new.administrator).await?;
                Ok(())
            } else {
                let problem = "is new, but had users";
                let id = &new.organization.id;
                Err(StoreError::from(Inconsistency::new("organizations", id, problem)).into())
            }
        })
        .await
    }

    async fn invite(&self, invitation: Invitation) -> Result<User, InviteError> {
        self.write(async move |tx| {
            if !organization::lock(&tx, &invitation.user.organization).await? {
                return Err(InviteError::UnknownOrganization);
            }
            let as_administrator = invitation.user.is_administrator;
            let taken = |_named| InviteError::AlreadyRegistered;
            let mut user = invite(&tx, invitation, taken).await?;
            if as_administrator && !user.is_administrator {
                user.is_administrator = user::set_administrator(&tx, &user.id, true).await?;
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
    ) -> Result<Effect, SetUserError> {
        let user = user.clone();
        self.write(async move |tx| {
            let Some(mut found) = lock_in_organization(&tx, &user).await? else {
                return Ok(Effect::NotFound);
            };
            let changes = if active {
                user::set_active(&tx, &user, true).await?
            } else if administrators::is_last(&tx, &found).await? {
                return Err(SetUserError::LastAdministrator);
            } else {
                ending::deactivate(&tx, &mut found).await?
            };
            if changes {
                table::message::insert_all(&tx, told.as_slice()).await?;
            }
            Ok(Effect::of(changes))
        })
        .await
    }

    async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
        told: Option<NewMessage>,
    ) -> Result<Effect, SetUserError> {
        let user = user.clone();
        self.write(async move |tx| {
            let Some(found) = lock_in_organization(&tx, &user).await? else {
                return Ok(Effect::NotFound);
            };
            if !administrator && administrators::is_last(&tx, &found).await? {
                return Err(SetUserError::LastAdministrator);
            }
            let changes = user::set_administrator(&tx, &user, administrator).await?;
            if changes {
                table::message::insert_all(&tx, told.as_slice()).await?;
            }
            Ok(Effect::of(changes))
        })
        .await
    }

    async fn delete_user(&self, user: &UserId) -> Result<bool, SetUserError> {
        let user = user.clone();
        self.write(async move |tx| {
            let Some(found) = lock_in_organization(&tx, &user).await? else {
                return Ok(false);
            };
            if administrators::is_last(&tx, &found).await? {
                return Err(SetUserError::LastAdministrator);
            }
            ending::erase(&tx, &user).await?;
            Ok(true)
        })
        .await
    }

    async fn deactivate_credential(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
        told: NewMessage,
    ) -> Result<bool, ChangeError> {
        let (user, credential) = (user.clone(), credential.clone());
        self.write(async move |tx| {
            if !user::lock(&tx, &user).await? {
                return Err(ChangeError::NotFound);
            }
            let change = credential_store::Change {
                credential,
                active: false,
                at: told.created,
                told: vec![told],
            };
            change.of(&tx, &user).await
        })
        .await
    }

    async fn end_sessions(&self, user: &UserId) -> Result<bool, StoreError> {
        let user = user.clone();
        self.write(async move |tx| {
            let Some(found) = user::lock_and_read(&tx, &user).await? else {
                return Ok(false);
            };
            ending::end_epoch(&tx, &user, found.epoch).await
        })
        .await
    }

    async fn end_codes(&self, user: &UserId) -> Result<Effect, StoreError> {
        let user = user.clone();
        self.write(async move |tx| {
            if user::lock(&tx, &user).await? {
                ending::end_codes(&tx, &user).await.map(Effect::of)
            } else {
                Ok(Effect::NotFound)
            }
        })
        .await
    }

    async fn set_organization(
        &self,
        organization: &OrganizationId,
        setting: Setting,
    ) -> Result<Effect, StoreError> {
        let id = organization.clone();
        self.write(async move |tx| {
            let is_set = organization::set(&tx, &id, setting).await?;
            effect_on_organization(&tx, &id, is_set).await
        })
        .await
    }

    async fn rename_organization(
        &self,
        organization: &OrganizationId,
        name: &OrganizationName,
    ) -> Result<Effect, RenameOrganizationError> {
        let (id, name) = (organization.clone(), name.clone());
        self.write(async move |tx| {
            let is_renamed = organization::rename(&tx, &id, &name).await?;
            Ok(effect_on_organization(&tx, &id, is_renamed).await?)
        })
        .await
    }

    async fn delete_organization(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vacancy, DeleteOrganizationError> {
        let id = organization.clone();
        self.write(async move |tx| {
            // Asked before anything is locked, since it is most often a mistake, and with the locks again.
            require_none_registered(&tx, &id).await?;
            // Nobody is invited from here on, so those that are locked next are all there are.
            if !organization::lock(&tx, &id).await? {
                return Err(DeleteOrganizationError::NotFound);
            }
            user::lock_all(&tx, user::ids_in(&id)).await?;
            // Only now, since whoever changes a user a second time refers to the organization.
            organization::lock_against_all(&tx, &id).await?;
            require_none_registered(&tx, &id).await?;
            // Before their origins, as whoever changes one does; nobody adds another any more.
            application::lock_all_of(&tx, &id).await?;
            if user_action::any_in(&tx, &id).await? {
                return Err(DeleteOrganizationError::HasSigned);
            }
            Ok(ending::erase_organization(&tx, &id).await?)
        })
        .await
    }

    async fn add_application(
        &self,
        application: Application,
        logo: Option<Logo>,
    ) -> Result<(), AddApplicationError> {
        self.write(async move |tx| {
            if !organization::exists(&tx, &application.organization).await? {
                return Err(AddApplicationError::UnknownOrganization);
            }
            if !add(&tx, &application).await? {
                return Err(AddApplicationError::OriginTaken);
            }
            if let Some(logo) = &logo {
                application_logo::set(&tx, &application.id, New::At(logo.clone())).await?;
            }
            Ok(())
        })
        .await
    }

    async fn update_application(
        &self,
        application: &ApplicationId,
        update: ApplicationUpdate,
    ) -> Result<UpdatedApplication, UpdateApplicationError> {
        let id = application.clone();
        self.write(async move |tx| {
            let before = lock_and_read(&tx, &id).await?;
            let before = before.ok_or(UpdateApplicationError::NotFound)?;
            let logo = update.logo.clone();
            let after = update.of(&before)?;
            let (old, new) = (&before.relying_party, &after.relying_party);
            if old.rp_id() != new.rp_id() {
                let passkeys = table::credential::of_application::loss(&tx, &id)
                    .await?
                    .passkeys;
                if passkeys > 0 {
                    return Err(UpdateApplicationError::HasPasskeys(passkeys));
                }
            }
            application::rewrite(&tx, &after).await?;
            if let Some(logo) = logo {
                application_logo::set(&tx, &id, logo).await?;
            }
            let has_moved = old.origins() != new.origins();
            if has_moved && !application_origin::replace_all(&tx, &after).await? {
                return Err(UpdateApplicationError::OriginTaken);
            }
            Ok(UpdatedApplication {
                is_changed: before != after,
                application: after,
            })
        })
        .await
    }

    async fn delete_application(
        &self,
        application: &ApplicationId,
        with_passkeys: Option<Notice>,
    ) -> Result<Loss, DeleteApplicationError> {
        let id = application.clone();
        self.write(async move |tx| {
            let organization = application::organization_of(&tx, &id).await?;
            let organization = organization.ok_or(DeleteApplicationError::NotFound)?;
            // As everybody does who locks several users.
            organization::lock(&tx, &organization).await?;
            if with_passkeys.is_some() {
                ending::lock_holders(&tx, &id).await?;
            }
            let found = lock_and_read(&tx, &id).await?;
            found.ok_or(DeleteApplicationError::NotFound)?;
            let loss = table::credential::of_application::loss(&tx, &id).await?;
            if loss.passkeys > 0 && with_passkeys.is_none() {
                return Err(DeleteApplicationError::HasPasskeys(loss));
            }
            ending::erase_application(&tx, &id, with_passkeys.as_ref()).await?;
            Ok(loss)
        })
        .await
    }

    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<Effect, StoreError> {
        let id = application.clone();
        self.write(async move |tx| {
            if application::lock(&tx, &id).await? {
                application::set_active(&tx, &id, active)
                    .await
                    .map(Effect::of)
            } else {
                Ok(Effect::NotFound)
            }
        })
        .await
    }

    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<Effect, StoreError> {
        let (id, native) = (application.clone(), native.clone());
        self.write(async move |tx| {
            let Some(before) = lock_and_read(&tx, &id).await? else {
                return Ok(Effect::NotFound);
            };
            let changes = before.native != native;
            if changes {
                application::set_native(&tx, &id, native).await?;
            }
            Ok(Effect::of(changes))
        })
        .await
    }
}

/// What came of a change to one column of an organization, which meets a row only where that is another value.
async fn effect_on_organization(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    is_changed: bool,
) -> Result<Effect, StoreError> {
    if is_changed {
        return Ok(Effect::Changed);
    }
    let is_there = organization::exists(transaction, organization).await?;
    Ok(if is_there {
        Effect::Unneeded
    } else {
        Effect::NotFound
    })
}

/// An organization, how many users it has, and how many of them have registered.
#[derive(FromQueryResult)]
struct Counted {
    #[sea_orm(nested)]
    organization: organization::Model,
    users: i64,
    registered: i64,
}

fn number_of_users(such: Expr) -> Expr {
    let users = Query::select()
        .expr(Expr::col((user::Entity, user::Column::Id)).count())
        .from(user::Entity)
        .and_where(
            Expr::col((user::Entity, user::Column::OrganizationId))
                .eq(Expr::col((organization::Entity, organization::Column::Id))),
        )
        .and_where(such)
        .to_owned();
    Expr::from(SubQueryStatement::SelectStatement(users))
}

/// Locks an application, so that no passkey can be made for it until the transaction ends, and gives it.
async fn lock_and_read(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<Option<Application>, StoreError> {
    let found = application::Entity::find_by_id(application.clone())
        .lock(LockType::Update)
        .one(transaction)
        .await;
    let Some(found) = found.map_err(StoreError::new)? else {
        return Ok(None);
    };
    let origins = application_origin::of(transaction, application).await?;
    Ok(Some(found.with(origins)?))
}

/// Makes an application; `false` when another one lists one of the origins, and then the transaction must be
/// rolled back.
async fn add(
    transaction: &DatabaseTransaction,
    application: &Application,
) -> Result<bool, StoreError> {
    application::insert(transaction, application).await?;
    application_origin::insert_all(transaction, application).await
}

/// Locks a user's organization, then the user.
async fn lock_in_organization(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<User>, StoreError> {
    match user::organization_of(transaction, user).await? {
        Some(organization) => {
            organization::lock(transaction, &organization).await?;
            user::lock_and_read(transaction, user).await
        }
        None => Ok(None),
    }
}

/// Requires that nobody of an organization has registered.
async fn require_none_registered(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<(), DeleteOrganizationError> {
    match user::number_of_registered(transaction, organization).await? {
        0 => Ok(()),
        registered => Err(DeleteOrganizationError::HasRegistered(registered)),
    }
}
