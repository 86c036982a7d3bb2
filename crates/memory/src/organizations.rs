//! The installation, its organizations and their applications, and what only the command line changes.

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
    directory_store::{DirectoryEntries, DirectoryStore},
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};

use crate::MemoryStore;

#[async_trait]
impl InstallationStore for MemoryStore {
    async fn establish(&self, proposed: Installation) -> Result<Installation, StoreError> {
        self.write(|state| Ok(state.installation.get_or_insert(proposed).clone()))
    }

    async fn look(&self) -> Result<Option<Installation>, StoreError> {
        Ok(self.read(|state| state.installation.clone()))
    }

    async fn rebind(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        self.write(|state| {
            let Some(installation) = &mut state.installation else {
                return Ok(false);
            };
            if installation.secrets_fingerprint == from {
                to.clone_into(&mut installation.secrets_fingerprint);
                state.messages.clear();
                state.account_codes.clear();
            }
            Ok(installation.secrets_fingerprint == to)
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl DirectoryStore for MemoryStore {
    async fn load(&self) -> Result<DirectoryEntries, StoreError> {
        Ok(self.read(|state| {
            let mut organizations = state.organizations.clone();
            organizations.retain(|_, organization| organization.is_active);
            let mut applications = state.applications.clone();
            applications.retain(|_, application| {
                application.is_active && organizations.contains_key(&application.organization)
            });
            let mut entries = DirectoryEntries {
                organizations: organizations.into_values().collect(),
                applications: applications.into_values().collect(),
            };
            entries.organizations.sort_by_key(|one| one.created);
            entries.applications.sort_by_key(|one| one.created);
            entries
        }))
    }
}

#[async_trait]
impl AdministrationStore for MemoryStore {
    async fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.read(|state| state.organizations.is_empty()))
    }

    async fn population(&self) -> Result<Population, StoreError> {
        Ok(self.read(|state| Population {
            has_several_users: state.users.len() > 1,
            has_registered: state.users.values().any(|user| user.registered.is_some()),
        }))
    }

    async fn bootstrap(&self, new: NewOrganization) -> Result<(), BootstrapError> {
        self.write(|state| {
            let mut organizations = state.organizations.values();
            if organizations.any(|other| other.name == new.organization.name) {
                return Err(BootstrapError::NameTaken);
            }
            let (organization, application) = (new.organization, new.application);
            let organizations = &mut state.organizations;
            organizations.insert(organization.id.clone(), organization);
            let applications = &mut state.applications;
            applications.insert(application.id.clone(), application);
            let Invitation { user, .. } = new.administrator;
            state.hand_over(&user, new.administrator.code, new.administrator.message);
            state.users.insert(user.id.clone(), user);
            Ok(())
        })
    }

    async fn invite(&self, invitation: Invitation) -> Result<User, InviteError> {
        self.write(|state| {
            let invited = &invitation.user;
            if !state.organizations.contains_key(&invited.organization) {
                return Err(InviteError::UnknownOrganization);
            }
            let is_administrator = invited.is_administrator;
            let invited = state.invite(invitation);
            let user = invited.or(Err(InviteError::AlreadyRegistered))?;
            user.is_administrator |= is_administrator;
            Ok(user.clone())
        })
    }

    async fn set_user_active(
        &self,
        user: &UserId,
        active: bool,
        told: Option<NewMessage>,
    ) -> Result<bool, SetUserError> {
        self.write(|state| {
            let Some(found) = state.users.get(user) else {
                return Ok(false);
            };
            if !active && state.is_last_administrator(found) {
                return Err(SetUserError::LastAdministrator);
            }
            state.set_user_active(user, active, told.into_iter().collect());
            Ok(true)
        })
    }

    async fn set_administrator(
        &self,
        user: &UserId,
        wanted: bool,
        told: Option<NewMessage>,
    ) -> Result<bool, SetUserError> {
        self.write(|state| {
            let Some(found) = state.users.get(user) else {
                return Ok(false);
            };
            if !wanted && state.is_last_administrator(found) {
                return Err(SetUserError::LastAdministrator);
            }
            if found.is_administrator != wanted {
                state.keep_all(told.into_iter().collect());
            }
            let changed = state.users.get_mut(user);
            Ok(changed.map(|user| user.is_administrator = wanted).is_some())
        })
    }

    async fn set_approval(
        &self,
        organization: &OrganizationId,
        approval: Approval,
    ) -> Result<bool, StoreError> {
        self.write(|state| {
            let found = state.organizations.get_mut(organization);
            Ok(found.map(|found| found.approval = approval).is_some())
        })
    }

    async fn add_application(&self, application: Application) -> Result<(), AddApplicationError> {
        self.write(|state| {
            if !state.organizations.contains_key(&application.organization) {
                return Err(AddApplicationError::UnknownOrganization);
            }
            let shares_an_origin = |other: &Application| {
                let mut origins = application.relying_party.origins().iter();
                other.organization == application.organization
                    && origins.any(|origin| other.relying_party.origins().contains(origin))
            };
            if state.applications.values().any(shares_an_origin) {
                return Err(AddApplicationError::OriginTaken);
            }
            let applications = &mut state.applications;
            applications.insert(application.id.clone(), application);
            Ok(())
        })
    }

    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<bool, StoreError> {
        self.write(|state| {
            let found = state.applications.get_mut(application);
            Ok(found.map(|found| found.is_active = active).is_some())
        })
    }

    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<bool, StoreError> {
        self.write(|state| {
            let found = state.applications.get_mut(application);
            Ok(found.map(|found| found.native = native.clone()).is_some())
        })
    }
}
