//! Administration: what is done from the command line.

mod applications;

use std::sync::Arc;

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::{Application, RelyingParty, native::NativeApplications, pages::Pages},
    credential_code::{CodeStatus, CodeText, CredentialCode},
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    organization::{Approval, CodeSignIn, Freshness, Organization, RequestsFrom, Setting},
    text::{ApplicationName, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
};

use crate::{
    account_codes::invitation,
    ceremony::Ceremonies,
    events::{Event, Facts, LeftEvents},
    messages::registration_link,
    ports::{
        account_code_store::AccountCodeStore,
        account_store::{Account, AccountStore},
        administration_store::{
            AdministrationStore, ApplicationEntry, BootstrapError, DeleteOrganizationError, Effect,
            InviteError, NewOrganization, OrganizationEntry, Population, RenameOrganizationError,
            SetUserError, Vacancy,
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

/// A user with all credentials, and what codes can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The user with all credentials.
    pub account: Account,
    /// The newest credential code, and how far it has come.
    pub code: Option<(CredentialCode, CodeStatus)>,
    /// When the last code expires that the user can register with; none without such a code.
    pub can_register_until: Option<Timestamp>,
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
    pub(crate) account_codes: Arc<dyn AccountCodeStore>,
    pub(crate) events: LeftEvents,
}

impl Invited {
    fn new(user: User, code: CodeText, expires: Timestamp, page: Option<&str>) -> Self {
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

    /// The user of that name in an organization, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn named(
        &self,
        organization: &OrganizationId,
        username: &Username,
    ) -> Result<Option<User>, StoreError> {
        let account = self.accounts.find_by_username(organization, username);
        Ok(account.await?.map(|account| account.user))
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
        let account_codes = self.account_codes.list(user).await?;
        let to_register = account_codes.iter().filter(|code| {
            code.kind == AccountCodeKind::Registration
                && code.is_live(now)
                && code.serves(&account.user)
        });
        Ok(Some(Shown {
            can_register_until: to_register.map(|code| code.expires).max(),
            account: account.at(now),
            code: code
                .map(|code| (code.status(now), code))
                .filter(|(status, _)| matches!(status, CodeStatus::Issued | CodeStatus::Claimed))
                .map(|(status, code)| (code, status)),
        }))
    }

    /// Deletes a user with everything that is the user's, except evidence.
    ///
    /// # Errors
    /// [`SetUserError`].
    pub async fn delete_user(&self, user: &UserId) -> Result<Effect, SetUserError> {
        let facts = self.of_user(user).await;
        let deleted = self.store.delete_user(user).await.map(Effect::on);
        self.events
            .leave_effect(Event::DeleteUser, &facts, deleted)
            .await
    }

    /// Deactivates a credential, as its user could, and tells the user, unless it is not active; gives whether it
    /// was.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn deactivate_credential(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
    ) -> Result<Effect, ChangeError> {
        let deactivated = self.find_and_deactivate(user, credential).await;
        let facts = self.of_user(user).await.with_credential(credential);
        let deactivated = deactivated.map(Effect::of);
        self.events
            .leave_effect(Event::DeactivateCredential, &facts, deactivated)
            .await
    }

    async fn find_and_deactivate(
        &self,
        user: &UserId,
        credential: &CredentialUuid,
    ) -> Result<bool, ChangeError> {
        let account = self.accounts.find(user).await?;
        self.know_names().await;
        let mut credentials = account.into_iter().flat_map(|account| account.credentials);
        let own = credentials.find(|own| own.uuid == *credential);
        let own = own.ok_or(ChangeError::NotFound)?;
        let messages = &self.ceremonies.messages;
        let told = messages.credential_deactivated_by(&own, BY_OPERATOR);
        let store = &self.store;
        store.deactivate_credential(user, credential, told).await
    }

    /// Ends every session, code and user action of a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_sessions(&self, user: &UserId) -> Result<Effect, StoreError> {
        let facts = self.of_user(user).await;
        let ended = self.store.end_sessions(user).await.map(Effect::on);
        self.events
            .leave_effect(Event::SignOutEverywhere, &facts, ended)
            .await
    }

    /// Ends every open code of a user, of every kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_codes(&self, user: &UserId) -> Result<Effect, StoreError> {
        let facts = self.of_user(user).await;
        let ended = self.store.end_codes(user).await;
        self.events
            .leave_effect(Event::CancelCode, &facts, ended)
            .await
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
            code_sign_in: CodeSignIn::default(),
            requests_from: RequestsFrom::default(),
            is_active: true,
            created: now,
        };
        let application = self.application(
            organization.id.clone(),
            request.application,
            request.relying_party,
        );
        let id = application.id.clone();
        let page = application.page(None, self.ceremonies.messages.pages.as_ref());
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
        // What is refused has never been: nobody finds anything by its ids.
        let facts = if made.is_ok() {
            facts
        } else {
            Facts::default()
        };
        self.events
            .leave_outcome(Event::CreateOrganization, &facts, made)
            .await?;
        Ok(Bootstrapped {
            application: id,
            administrator: Invited::new(user, code, expires, page.as_deref()),
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
        let page = messages.page_in(&user.organization).await?;
        let (mut invitation, code) = invitation(&self.ceremonies, self.digester.as_ref(), user);
        let expires = invitation.code.code.expires;
        if by_mail {
            self.know_names().await;
            let message = messages.registration(&invitation.user, &code, expires);
            invitation.message = Some(message.await?);
        }
        let mut facts = Facts::from(&invitation.user.organization);
        let invited = self.store.invite(invitation).await;
        if let Ok(user) = &invited {
            facts.note(&user.organization, &user.id);
        }
        let left = self
            .events
            .leave_outcome(Event::InviteUser, &facts, invited);
        let user = left.await?;
        Ok(Invited::new(user, code, expires, page.as_deref()))
    }

    /// Activates or deactivates a user. Who is activated again is told.
    ///
    /// # Errors
    /// [`SetUserError`].
    pub async fn set_user_active(
        &self,
        user: &UserId,
        active: bool,
    ) -> Result<Effect, SetUserError> {
        let messages = &self.ceremonies.messages;
        let set = async {
            let told = self.organization_if(active, user).await?;
            let told = told.map(|of| messages.account_activated(user, &of, BY_OPERATOR));
            self.store.set_user_active(user, active, told).await
        };
        let set = set.await;
        let event = if active {
            Event::ActivateUser
        } else {
            Event::DeactivateUser
        };
        let facts = self.of_user(user).await;
        self.events.leave_effect(event, &facts, set).await
    }

    /// Makes a user an administrator, or the reverse. Who becomes one is told.
    ///
    /// # Errors
    /// [`SetUserError`].
    pub async fn set_administrator(
        &self,
        user: &UserId,
        administrator: bool,
    ) -> Result<Effect, SetUserError> {
        let messages = &self.ceremonies.messages;
        let set = async {
            let told = self.organization_if(administrator, user).await?;
            let told = told.map(|of| messages.administrator_made(user, &of, BY_OPERATOR));
            let store = &self.store;
            store.set_administrator(user, administrator, told).await
        };
        let set = set.await;
        let event = if administrator {
            Event::PromoteUser
        } else {
            Event::DemoteUser
        };
        let facts = self.of_user(user).await;
        self.events.leave_effect(event, &facts, set).await
    }

    /// Sets what an organization says about what is made with codes. Running services follow within seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_organization(
        &self,
        organization: &OrganizationId,
        setting: Setting,
    ) -> Result<Effect, StoreError> {
        let set = self.store.set_organization(organization, setting).await;
        let event = match setting {
            Setting::Approval(_) => Event::SetApproval,
            Setting::CodeSignIn(_) => Event::SetCodeSignIn,
            Setting::Freshness(_) => Event::SetFreshness,
            Setting::RequestsFrom(_) => Event::SetRequestsFrom,
        };
        let facts = Facts::from(organization);
        self.events.leave_effect(event, &facts, set).await
    }

    /// Gives an organization another name. Messages that are written from now on say it; running services follow
    /// within seconds.
    ///
    /// # Errors
    /// [`RenameOrganizationError`].
    pub async fn rename_organization(
        &self,
        organization: &OrganizationId,
        name: &OrganizationName,
    ) -> Result<Effect, RenameOrganizationError> {
        let renamed = self.store.rename_organization(organization, name).await;
        self.events
            .leave_effect(
                Event::UpdateOrganization,
                &Facts::from(organization),
                renamed,
            )
            .await
    }

    /// Deletes an organization where nobody has registered, with its applications and whoever was invited; gives what
    /// went with it.
    ///
    /// # Errors
    /// [`DeleteOrganizationError`].
    pub async fn delete_organization(
        &self,
        organization: &OrganizationId,
    ) -> Result<Vacancy, DeleteOrganizationError> {
        let deleted = self.store.delete_organization(organization).await;
        self.events
            .leave_outcome(
                Event::DeleteOrganization,
                &Facts::from(organization),
                deleted,
            )
            .await
    }

    /// The organization of a user who is to be told of something, if there is such a user.
    async fn organization_if(
        &self,
        is_told: bool,
        user: &UserId,
    ) -> Result<Option<OrganizationId>, StoreError> {
        if !is_told {
            return Ok(None);
        }
        self.know_names().await;
        let account = self.accounts.find(user).await?;
        Ok(account.map(|account| account.user.organization))
    }

    /// What an event about a user says of whose account it is; asked for while the user is there. Where it cannot
    /// be read, the event says less.
    async fn of_user(&self, user: &UserId) -> Facts {
        let account = self.accounts.find(user).await.ok().flatten();
        Facts {
            user: Some(user.clone()),
            organization: account.map(|account| account.user.organization),
            ..Facts::default()
        }
    }

    /// Sees to it that messages can name organizations and applications: a command has asked for none before.
    /// Where they cannot be read, the messages say less.
    async fn know_names(&self) {
        let _known = self.ceremonies.directory.snapshot().await;
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
            pages: Pages::default(),
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

#[cfg(test)]
mod tests;
