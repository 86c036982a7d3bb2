//! The installation, its organizations and their applications, and what only the command line changes.

use std::collections::BTreeSet;

use async_trait::async_trait;
use latchkey_domain::{
    application::{Application, look::Logo, native::NativeApplications},
    code_request::CodeRequest,
    credential::Credential,
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    message::NewMessage,
    organization::{Organization, Setting},
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
    directory_store::{DirectoryEntries, DirectoryStore},
    installation_store::{Installation, InstallationStore},
    store::StoreError,
    user_store::{Invitation, UserList, UserPage},
};

use crate::{MemoryStore, state::State};

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

    async fn logo(&self, application: &ApplicationId) -> Result<Option<Logo>, StoreError> {
        Ok(self.read(|state| state.logos.get(application).cloned()))
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

    async fn organizations(&self) -> Result<Vec<OrganizationEntry>, StoreError> {
        let mut entries = self.read(|state| {
            let entry = |organization: &Organization| OrganizationEntry {
                organization: organization.clone(),
                users: count(state.users_of(&organization.id), |_each| true),
                registered: count(state.users_of(&organization.id), |user| {
                    has_registered(user)
                }),
            };
            state.organizations.values().map(entry).collect::<Vec<_>>()
        });
        entries.sort_by_key(|entry| entry.organization.created);
        Ok(entries)
    }

    async fn applications(&self) -> Result<Vec<ApplicationEntry>, StoreError> {
        let mut entries = self.read(|state| {
            let entry = |application: &Application| ApplicationEntry {
                application: application.clone(),
                passkeys: state.loss(&application.id).passkeys,
            };
            state.applications.values().map(entry).collect::<Vec<_>>()
        });
        entries.sort_by_key(|entry| entry.application.created);
        Ok(entries)
    }

    async fn list_users(
        &self,
        organization: Option<OrganizationId>,
        page: &UserPage,
    ) -> Result<UserList, StoreError> {
        Ok(self.read(|state| state.list(organization.as_ref(), page)))
    }

    async fn bootstrap(&self, new: NewOrganization) -> Result<(), BootstrapError> {
        self.write(|state| {
            let mut organizations = state.organizations.values();
            if organizations.any(|other| other.name == new.organization.name) {
                return Err(BootstrapError::NameTaken);
            }
            if !state.has_free_origins(&new.application) {
                return Err(BootstrapError::OriginTaken);
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
    ) -> Result<Effect, SetUserError> {
        self.write(|state| {
            let Some(found) = state.users.get(user) else {
                return Ok(Effect::NotFound);
            };
            if !active && state.is_last_administrator(found) {
                return Err(SetUserError::LastAdministrator);
            }
            let told = told.into_iter().collect();
            Ok(Effect::of(state.set_user_active(user, active, told)))
        })
    }

    async fn set_administrator(
        &self,
        user: &UserId,
        wanted: bool,
        told: Option<NewMessage>,
    ) -> Result<Effect, SetUserError> {
        self.write(|state| {
            let Some(found) = state.users.get(user) else {
                return Ok(Effect::NotFound);
            };
            if !wanted && state.is_last_administrator(found) {
                return Err(SetUserError::LastAdministrator);
            }
            let changes = found.is_administrator != wanted;
            if changes {
                state.keep_all(told.into_iter().collect());
            }
            if let Some(found) = state.users.get_mut(user) {
                found.is_administrator = wanted;
            }
            Ok(Effect::of(changes))
        })
    }

    async fn delete_user(&self, user: &UserId) -> Result<bool, SetUserError> {
        self.write(|state| {
            let Some(found) = state.users.get(user) else {
                return Ok(false);
            };
            if state.is_last_administrator(found) {
                return Err(SetUserError::LastAdministrator);
            }
            state.erase(user);
            Ok(true)
        })
    }

    async fn deactivate_credential(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
        told: NewMessage,
    ) -> Result<bool, ChangeError> {
        let at = told.created;
        self.write(|state| state.switch(user, credential, false, at, vec![told]))
    }

    async fn end_sessions(&self, user: &UserId) -> Result<bool, StoreError> {
        self.write(|state| {
            state.end_epoch(user);
            Ok(state.users.contains_key(user))
        })
    }

    async fn end_codes(&self, user: &UserId) -> Result<Effect, StoreError> {
        self.write(|state| {
            let is_there = state.users.contains_key(user);
            let has_ended = state.end_all_codes(user);
            Ok(if is_there {
                Effect::of(has_ended)
            } else {
                Effect::NotFound
            })
        })
    }

    async fn set_organization(
        &self,
        organization: &OrganizationId,
        setting: Setting,
    ) -> Result<Effect, StoreError> {
        self.write(|state| {
            let found = state.organizations.get_mut(organization);
            Ok(match setting {
                Setting::Approval(wanted) => set(found.map(|it| &mut it.approval), wanted),
                Setting::CodeSignIn(wanted) => set(found.map(|it| &mut it.code_sign_in), wanted),
                Setting::Freshness(wanted) => set(found.map(|it| &mut it.freshness), wanted),
                Setting::RequestsFrom(wanted) => set(found.map(|it| &mut it.requests_from), wanted),
            })
        })
    }

    async fn rename_organization(
        &self,
        organization: &OrganizationId,
        name: &OrganizationName,
    ) -> Result<Effect, RenameOrganizationError> {
        self.write(|state| {
            let mut others = state.organizations.values();
            if others.any(|other| other.name == *name && other.id != *organization) {
                return Err(RenameOrganizationError::NameTaken);
            }
            let found = state.organizations.get_mut(organization);
            Ok(set(found.map(|found| &mut found.name), name.clone()))
        })
    }

    async fn delete_organization(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vacancy, DeleteOrganizationError> {
        self.write(|state| {
            if state.organizations.remove(organization).is_none() {
                return Err(DeleteOrganizationError::NotFound);
            }
            let registered = count(state.users_of(organization), |user| has_registered(user));
            if registered > 0 {
                return Err(DeleteOrganizationError::HasRegistered(registered));
            }
            let mut signed = state.signed_actions.iter();
            if signed.any(|(signed_in, _)| signed_in == organization) {
                return Err(DeleteOrganizationError::HasSigned);
            }
            let users = state.users_of(organization).map(|user| user.id.clone());
            let users: Vec<_> = users.collect();
            let is_its = |held: &mut Application| held.organization == *organization;
            let applications = state.applications.extract_if(.., |_, held| is_its(held));
            let applications: Vec<_> = applications.map(|(id, _)| id).collect();
            for user in &users {
                state.erase(user);
            }
            for application in &applications {
                state.logos.remove(application);
            }
            let requests = &mut state.code_requests;
            requests.retain(|_, held| held.organization != *organization);
            Ok(Vacancy {
                users: count(users.iter(), |_each| true),
                applications: count(applications.iter(), |_each| true),
            })
        })
    }

    async fn add_application(
        &self,
        application: Application,
        logo: Option<Logo>,
    ) -> Result<(), AddApplicationError> {
        self.write(|state| {
            if !state.organizations.contains_key(&application.organization) {
                return Err(AddApplicationError::UnknownOrganization);
            }
            if !state.has_free_origins(&application) {
                return Err(AddApplicationError::OriginTaken);
            }
            let id = application.id.clone();
            state.logos.extend(logo.map(|logo| (id.clone(), logo)));
            state.applications.insert(id, application);
            Ok(())
        })
    }

    async fn update_application(
        &self,
        application: &ApplicationId,
        update: ApplicationUpdate,
    ) -> Result<UpdatedApplication, UpdateApplicationError> {
        self.write(|state| {
            let before = state.applications.get(application);
            let before = before.ok_or(UpdateApplicationError::NotFound)?;
            let logo = update.logo.clone();
            let after = update.of(before)?;
            let passkeys = state.loss(application).passkeys;
            if before.relying_party.rp_id() != after.relying_party.rp_id() && passkeys > 0 {
                return Err(UpdateApplicationError::HasPasskeys(passkeys));
            }
            if !state.has_free_origins(&after) {
                return Err(UpdateApplicationError::OriginTaken);
            }
            match logo {
                Some(New::At(logo)) => {
                    state.logos.insert(after.id.clone(), logo);
                }
                Some(New::None) => {
                    state.logos.remove(&after.id);
                }
                None => {}
            }
            let applications = &mut state.applications;
            let before = applications.insert(after.id.clone(), after.clone());
            Ok(UpdatedApplication {
                is_changed: before.as_ref() != Some(&after),
                application: after,
            })
        })
    }

    async fn delete_application(
        &self,
        application: &ApplicationId,
        with_passkeys: Option<Notice>,
    ) -> Result<Loss, DeleteApplicationError> {
        self.write(|state| {
            if state.applications.remove(application).is_none() {
                return Err(DeleteApplicationError::NotFound);
            }
            let loss = state.loss(application);
            if loss.passkeys > 0 && with_passkeys.is_none() {
                return Err(DeleteApplicationError::HasPasskeys(loss));
            }
            for user in state.holders(application) {
                state.end_codes(&user);
            }
            let is_for = |held: &Credential| held.material.application() == Some(application);
            let passkeys = state.credentials.values().filter(|held| is_for(held));
            let told = with_passkeys.map(|notice| passkeys.map(|held| notice(held)).collect());
            state.keep_all(told.unwrap_or_default());
            state.credentials.retain(|_, held| !is_for(held));
            let is_asked_for = |held: &CodeRequest| held.application.as_ref() == Some(application);
            state.code_requests.retain(|_, held| !is_asked_for(held));
            state.logos.remove(application);
            Ok(loss)
        })
    }

    async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<Effect, StoreError> {
        self.write(|state| {
            let found = state.applications.get_mut(application);
            Ok(set(found.map(|found| &mut found.is_active), active))
        })
    }

    async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<Effect, StoreError> {
        self.write(|state| {
            let found = state.applications.get_mut(application);
            Ok(set(found.map(|found| &mut found.native), native.clone()))
        })
    }
}

impl State {
    /// Whether no other application lists an origin of this one.
    fn has_free_origins(&self, application: &Application) -> bool {
        let mut others = self.applications.values();
        let origins = application.relying_party.origins();
        !others.any(|other| {
            let theirs = other.relying_party.origins();
            other.id != application.id && origins.iter().any(|origin| theirs.contains(origin))
        })
    }

    /// Who is in that organization.
    fn users_of(&self, organization: &OrganizationId) -> impl Iterator<Item = &User> {
        let users = self.users.values();
        users.filter(move |user| user.organization == *organization)
    }

    /// Who has a passkey for that application.
    fn holders(&self, application: &ApplicationId) -> BTreeSet<UserId> {
        let passkeys = self.credentials.values();
        let passkeys = passkeys.filter(|held| held.material.application() == Some(application));
        passkeys.map(|held| held.user.clone()).collect()
    }

    /// What goes with that application.
    fn loss(&self, application: &ApplicationId) -> Loss {
        let is_for = |held: &Credential| held.material.application() == Some(application);
        let is_locked_out = |user: &&UserId| {
            let mut usable = self.credentials_of(user);
            usable.retain(|held| held.is_usable());
            !usable.is_empty() && usable.into_iter().all(is_for)
        };
        let holders = self.holders(application);
        Loss {
            passkeys: count(self.credentials.values(), |held| is_for(held)),
            users: count(holders.iter(), |_each| true),
            locked_out: count(holders.iter(), is_locked_out),
        }
    }
}

fn has_registered(user: &User) -> bool {
    user.registered.is_some()
}

/// Sets what is there, if it is.
fn set<T: PartialEq>(found: Option<&mut T>, wanted: T) -> Effect {
    let Some(found) = found else {
        return Effect::NotFound;
    };
    let changes = *found != wanted;
    *found = wanted;
    Effect::of(changes)
}

fn count<T>(all: impl Iterator<Item = T>, is_one: impl Fn(&T) -> bool) -> u64 {
    // No count of what fits into memory is too large.
    u64::try_from(all.filter(is_one).count()).unwrap_or(u64::MAX)
}
