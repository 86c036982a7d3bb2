//! Administration: what is done from the command line.

use std::sync::Arc;

use latchkey_domain::{
    application::{Application, Origin, RelyingParty, native::NativeApplications},
    credential::Credential,
    credential_code::{CodeStatus, CodeText, CredentialCode},
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    organization::{Approval, Freshness, Organization},
    text::{ApplicationName, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
};

use crate::{
    account_codes::invitation,
    ceremony::Ceremonies,
    events::{Event, Events, Facts},
    messages::registration_link,
    ports::{
        account_store::{Account, AccountStore},
        administration_store::{
            AddApplicationError, AdministrationStore, ApplicationEntry, ApplicationUpdate,
            BootstrapError, DeleteApplicationError, InviteError, Loss, NewOrganization, Notice,
            OrganizationEntry, Population, SetUserError, UpdateApplicationError,
        },
        code_digester::CodeDigester,
        credential_code_store::CredentialCodeStore,
        credential_store::ChangeError,
        store::StoreError,
        user_store::{UserList, UserPage},
    },
};

/// By whom users are told that something was done here.
const BY_OPERATOR: &str = "whoever runs this service";

/// What bootstrap receives.
pub struct Bootstrap {
    /// The new organization's name.
    pub organization: OrganizationName,
    /// Whether credentials made with a code wait for their owner.
    pub approval: Approval,
    /// Its first administrator's e-mail address.
    pub administrator: Username,
    /// Its first application's name.
    pub application: ApplicationName,
    /// Where that application runs.
    pub relying_party: RelyingParty,
}

/// Whom to invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The organization.
    pub organization: OrganizationId,
    /// What the user signs in with.
    pub username: Username,
    /// What the user is to the organization.
    pub kind: UserKind,
    /// Whether the user is to be an administrator.
    pub administrator: bool,
    /// Whether the code is sent to the user.
    pub by_mail: bool,
}

/// An invited user, and the only time the registration code is seen in clear.
pub struct Invited {
    /// The user.
    pub user: User,
    /// The code to register with.
    pub code: CodeText,
    /// When it expires.
    pub expires: Timestamp,
    /// Opens the page that takes the code, where there is one.
    pub link: Option<String>,
}

/// A user with all credentials, and the code that was issued last if it can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The user with all credentials.
    pub account: Account,
    /// The newest credential code, and how far it has come.
    pub code: Option<(CredentialCode, CodeStatus)>,
}

/// What bootstrap made.
pub struct Bootstrapped {
    /// The first application.
    pub application: ApplicationId,
    /// The first administrator; the organization is the user's.
    pub administrator: Invited,
}

/// Makes organizations, applications and users.
pub struct Administration {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) store: Arc<dyn AdministrationStore>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) codes: Arc<dyn CredentialCodeStore>,
}

impl Invited {
    fn new(user: User, code: CodeText, expires: Timestamp, page: Option<&Origin>) -> Self {
        Self {
            link: page.map(|page| registration_link(page, &user, &code)),
            user,
            code,
            expires,
        }
    }
}

impl Administration {
    /// Whether there is no organization at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        self.store.is_empty().await
    }

    /// Who there is in the whole installation, as far as warnings need to know.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn population(&self) -> Result<Population, StoreError> {
        self.store.population().await
    }

    /// Every organization, active or not, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn organizations(&self) -> Result<Vec<OrganizationEntry>, StoreError> {
        self.store.organizations().await
    }

    /// Every application, active or not, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn applications(&self) -> Result<Vec<ApplicationEntry>, StoreError> {
        self.store.applications().await
    }

    /// Part of the list of all users, or of those of one organization, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_users(
        &self,
        organization: Option<OrganizationId>,
        page: &UserPage,
    ) -> Result<UserList, StoreError> {
        self.store.list_users(organization, page).await
    }

    /// A user, with what the user has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn show(&self, user: &UserId) -> Result<Option<Shown>, StoreError> {
        let Some(account) = self.accounts.find(user).await? else {
            return Ok(None);
        };
        let now = self.ceremonies.now();
        let code = self.codes.newest(user).await?;
        Ok(Some(Shown {
            account: account.at(now),
            code: code
                .map(|code| (code.status(now), code))
                .filter(|(status, _)| matches!(status, CodeStatus::Issued | CodeStatus::Claimed))
                .map(|(status, code)| (code, status)),
        }))
    }

    /// Deletes a user with everything that is the user's, except evidence; `false` when there is no such user.
    ///
    /// # Errors
    /// [`SetUserError`].
    pub async fn delete_user(&self, user: &UserId) -> Result<bool, SetUserError> {
        let deleted = self.store.delete_user(user).await;
        self.events()
            .tell_if_there(Event::DeleteUser, &of_user(user), deleted)
    }

    /// Deactivates a credential, as its user could, and tells the user.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn deactivate_credential(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let deactivated = self.find_and_deactivate(user, credential).await;
        let facts = of_user(user).with_credential(credential);
        self.events()
            .tell(Event::DeactivateCredential, &facts, deactivated)
    }

    async fn find_and_deactivate(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let account = self.accounts.find(user).await?;
        let mut credentials = account.into_iter().flat_map(|account| account.credentials);
        let own = credentials.find(|own| own.uuid == *credential);
        let own = own.ok_or(ChangeError::NotFound)?;
        let messages = &self.ceremonies.messages;
        let told = messages.credential_deactivated_by(&own, BY_OPERATOR);
        let store = &self.store;
        store.deactivate_credential(user, credential, told).await
    }

    /// Ends every session, code and user action of a user; `false` when there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_sessions(&self, user: &UserId) -> Result<bool, StoreError> {
        let ended = self.store.end_sessions(user).await;
        self.events()
            .tell_if_there(Event::SignOutEverywhere, &of_user(user), ended)
    }

    /// Ends every open code of a user, of every kind; `false` when there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_codes(&self, user: &UserId) -> Result<bool, StoreError> {
        let ended = self.store.end_codes(user).await;
        self.events()
            .tell_if_there(Event::CancelCode, &of_user(user), ended)
    }

    /// Makes an organization with its first application and administrator.
    ///
    /// # Errors
    /// [`BootstrapError`].
    pub async fn bootstrap(&self, request: Bootstrap) -> Result<Bootstrapped, BootstrapError> {
        let now = self.ceremonies.now();
        let organization = Organization {
            id: OrganizationId::from_random(&self.ceremonies.entropy.draw()),
            name: request.organization,
            approval: request.approval,
            freshness: Freshness::default(),
            is_active: true,
            created: now,
        };
        let application = self.application(
            organization.id.clone(),
            request.application,
            request.relying_party,
        );
        let id = application.id.clone();
        let page = application.relying_party.first_page().cloned();
        let user = self.user(Invite {
            organization: organization.id.clone(),
            username: request.administrator,
            kind: UserKind::CustomerEmployee,
            administrator: true,
            by_mail: false,
        });
        let (administrator, code) =
            invitation(&self.ceremonies, self.digester.as_ref(), user.clone());
        let expires = administrator.code.code.expires;
        let facts = Facts::from(&application).about(&user);
        let made = self.store.bootstrap(NewOrganization {
            organization,
            application,
            administrator,
        });
        let made = made.await;
        self.events()
            .tell(Event::CreateOrganization, &facts, made)?;
        let page = page.filter(|_page| self.ceremonies.messages.has_pages);
        Ok(Bootstrapped {
            application: id,
            administrator: Invited::new(user, code, expires, page.as_ref()),
        })
    }

    /// Invites a user, or gives a new code to one who has not registered yet.
    ///
    /// # Errors
    /// [`InviteError`].
    pub async fn invite(&self, request: Invite) -> Result<Invited, InviteError> {
        let by_mail = request.by_mail;
        let user = self.user(request);
        let messages = &self.ceremonies.messages;
        let page = messages.page_of(&user).await?;
        let (mut invitation, code) = invitation(&self.ceremonies, self.digester.as_ref(), user);
        let expires = invitation.code.code.expires;
        if by_mail {
            let message = messages.registration(&invitation.user, &code, expires);
            invitation.message = Some(message.await?);
        }
        let mut facts = Facts {
            organization: Some(invitation.user.organization.clone()),
            ..Facts::default()
        };
        let invited = self.store.invite(invitation).await;
        if let Ok(user) = &invited {
            facts.note(&user.organization, &user.id);
        }
        let user = self.events().tell(Event::InviteUser, &facts, invited)?;
        Ok(Invited::new(user, code, expires, page.as_ref()))
    }

    /// Activates or deactivates a user; `false` when there is no such user. Who is activated again is told.
    ///
    /// # Errors
    /// [`SetUserError`].
    pub async fn set_user_active(&self, user: &UserId, active: bool) -> Result<bool, SetUserError> {
        let messages = &self.ceremonies.messages;
        let told = active.then(|| messages.account_activated(user, BY_OPERATOR));
        let set = self.store.set_user_active(user, active, told).await;
        let event = if active {
            Event::ActivateUser
        } else {
            Event::DeactivateUser
        };
        self.events().tell_if_there(event, &of_user(user), set)
    }

    /// Makes a user an administrator, or the reverse; `false` when there is no such user. Who becomes one is told.
    ///
    /// # Errors
    /// [`SetUserError`].
    pub async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
    ) -> Result<bool, SetUserError> {
        let messages = &self.ceremonies.messages;
        let told = administrator.then(|| messages.administrator_made(user, BY_OPERATOR));
        let set = self
            .store
            .set_administrator(user, administrator, told)
            .await;
        let event = if administrator {
            Event::PromoteUser
        } else {
            Event::DemoteUser
        };
        self.events().tell_if_there(event, &of_user(user), set)
    }

    /// Sets whether credentials made with a code wait for their owner; `false` when there is no such
    /// organization. Running services follow within seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_approval(
        &self,
        organization: &OrganizationId,
        approval: Approval,
    ) -> Result<bool, StoreError> {
        let set = self.store.set_approval(organization, approval).await;
        let facts = Facts {
            organization: Some(organization.clone()),
            ..Facts::default()
        };
        self.events().tell_if_there(Event::SetApproval, &facts, set)
    }

    /// Sets for how long credentials made with a code are fresh, from now on and those that there are; `false`
    /// when there is no such organization.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_freshness(
        &self,
        organization: &OrganizationId,
        freshness: Freshness,
    ) -> Result<bool, StoreError> {
        let set = self.store.set_freshness(organization, freshness).await;
        let facts = Facts {
            organization: Some(organization.clone()),
            ..Facts::default()
        };
        self.events()
            .tell_if_there(Event::SetFreshness, &facts, set)
    }

    /// Adds an application to an organization.
    ///
    /// # Errors
    /// [`AddApplicationError`].
    pub async fn add_application(
        &self,
        organization: OrganizationId,
        name: ApplicationName,
        relying_party: RelyingParty,
    ) -> Result<Application, AddApplicationError> {
        let application = self.application(organization, name, relying_party);
        let added = self.store.add_application(application.clone()).await;
        let facts = Facts::from(&application);
        self.events().tell(Event::AddApplication, &facts, added)?;
        Ok(application)
    }

    /// Changes name, RP id or origins of an application. Running services follow within seconds.
    ///
    /// # Errors
    /// [`UpdateApplicationError`].
    pub async fn update_application(
        &self,
        application: &ApplicationId,
        update: ApplicationUpdate,
    ) -> Result<Application, UpdateApplicationError> {
        let updated = self.store.update_application(application, update).await;
        let facts = of_application(application);
        self.events()
            .tell(Event::UpdateApplication, &facts, updated)
    }

    /// Deletes an application, with the passkeys for it only when that is wanted, of which each owner is told;
    /// gives what went with it.
    ///
    /// # Errors
    /// [`DeleteApplicationError`].
    pub async fn delete_application(
        &self,
        application: &ApplicationId,
        with_passkeys: bool,
    ) -> Result<Loss, DeleteApplicationError> {
        let messages = Arc::clone(&self.ceremonies.messages);
        let notice: Notice = Arc::new(move |passkey: &Credential| {
            messages.credential_deleted_by(passkey, BY_OPERATOR)
        });
        let notice = with_passkeys.then_some(notice);
        let deleted = self.store.delete_application(application, notice).await;
        let facts = of_application(application);
        self.events()
            .tell(Event::DeleteApplication, &facts, deleted)
    }

    /// Activates or deactivates an application; `false` when there is no such application.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_application_active(
        &self,
        application: &ApplicationId,
        active: bool,
    ) -> Result<bool, StoreError> {
        let set = self.store.set_application_active(application, active).await;
        let event = if active {
            Event::ActivateApplication
        } else {
            Event::DeactivateApplication
        };
        self.events()
            .tell_if_there(event, &of_application(application), set)
    }

    /// Sets which native applications use the RP id of an application, in place of earlier ones;
    /// `false` when there is no such application. Running services follow within seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_native(
        &self,
        application: &ApplicationId,
        native: &NativeApplications,
    ) -> Result<bool, StoreError> {
        let set = self.store.set_native(application, native).await;
        let facts = of_application(application);
        self.events()
            .tell_if_there(Event::SetNativeApplications, &facts, set)
    }

    fn events(&self) -> &Events {
        &self.ceremonies.events
    }

    fn application(
        &self,
        organization: OrganizationId,
        name: ApplicationName,
        relying_party: RelyingParty,
    ) -> Application {
        Application {
            id: ApplicationId::from_random(&self.ceremonies.entropy.draw()),
            organization,
            name,
            relying_party,
            native: NativeApplications::default(),
            is_active: true,
            created: self.ceremonies.now(),
        }
    }

    fn user(&self, invite: Invite) -> User {
        User {
            id: UserId::from_random(&self.ceremonies.entropy.draw()),
            organization: invite.organization,
            username: invite.username,
            kind: invite.kind,
            external_id: None,
            is_administrator: invite.administrator,
            is_active: true,
            epoch: Epoch::default(),
            registered: None,
            created: self.ceremonies.now(),
        }
    }
}

fn of_user(user: &UserId) -> Facts {
    Facts {
        user: Some(user.clone()),
        ..Facts::default()
    }
}

fn of_application(application: &ApplicationId) -> Facts {
    Facts {
        application: Some(application.clone()),
        ..Facts::default()
    }
}

#[cfg(test)]
mod tests;
