//! Users: an administrator manages the users of the organization.

use std::sync::Arc;

use latchkey_domain::{
    id::UserId,
    session::Session,
    text::{ExternalId, Username},
    user::{Epoch, User, UserKind},
};

use crate::{
    account_codes::invitation,
    ceremony::Ceremonies,
    events::{Event, Facts},
    ports::{
        code_digester::CodeDigester,
        user_store::{
            ChangeUserError, CreateUserError, ReadUsersError, Reader, UserChange, UserEntry,
            UserList, UserPage, UserStore,
        },
    },
    user_actions::SignedRequest,
};

/// By whom users are told that they were activated here.
const BY_ADMINISTRATOR: &str = "an administrator of your organization";

/// What is said of a user who is to be made: an employee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateUser {
    /// The e-mail address: what the user signs in with, and where the invitation goes.
    pub username: Username,
    /// What the organization itself calls the user.
    pub external_id: Option<ExternalId>,
}

/// Manages users.
pub struct Users {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) store: Arc<dyn UserStore>,
}

impl Users {
    /// Part of the list of the organization's users, oldest first.
    ///
    /// # Errors
    /// [`ReadUsersError`].
    pub async fn list(
        &self,
        session: &Session,
        page: &UserPage,
    ) -> Result<UserList, ReadUsersError> {
        self.store.list(&reader(session), page).await
    }

    /// A user of the organization.
    ///
    /// # Errors
    /// [`ReadUsersError`].
    pub async fn find(
        &self,
        session: &Session,
        user: &UserId,
    ) -> Result<Option<UserEntry>, ReadUsersError> {
        self.store.find(&reader(session), user).await
    }

    /// Makes an employee and mails the code to register with; somebody who was invited before and has
    /// not registered gets a new code, which voids the earlier one.
    ///
    /// # Errors
    /// [`CreateUserError`].
    pub async fn create(
        &self,
        request: &SignedRequest,
        new: CreateUser,
    ) -> Result<UserEntry, CreateUserError> {
        let made = self.invite(request, new).await;
        let user = made.as_ref().ok().map(|entry| &entry.user.id);
        let facts = by_administrator(request, user);
        let events = &self.ceremonies.events;
        events.tell(Event::CreateUser, &facts, made)
    }

    async fn invite(
        &self,
        request: &SignedRequest,
        new: CreateUser,
    ) -> Result<UserEntry, CreateUserError> {
        let user = User {
            id: UserId::from_random(&self.ceremonies.entropy.draw()),
            organization: request.session.organization.clone(),
            username: new.username,
            kind: UserKind::CustomerEmployee,
            external_id: new.external_id,
            is_administrator: false,
            is_active: true,
            epoch: Epoch::default(),
            registered: None,
            created: self.ceremonies.now(),
        };
        let (mut invitation, code) = invitation(&self.ceremonies, self.digester.as_ref(), user);
        let messages = &self.ceremonies.messages;
        let message = messages
            .registration(&invitation.user, &code, invitation.code.code.expires)
            .await?;
        let (id, kind) = (message.id.clone(), message.kind);
        invitation.message = Some(message);
        let created = self.store.create(request.authority(), invitation).await?;
        messages.say_if_it_waits(&id, kind);
        Ok(created)
    }

    /// Changes a user of the organization, and gives the user as of then; one who was deleted, as
    /// before. Asking for the state the user is in changes nothing. A user who is activated again is told, which
    /// the store decides. With a fresh credential nobody takes their own account away.
    ///
    /// # Errors
    /// [`ChangeUserError`].
    pub async fn change(
        &self,
        request: &SignedRequest,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError> {
        let mut authority = request.authority();
        let takes_away = matches!(change, UserChange::Deactivate | UserChange::Delete);
        if takes_away && *user == request.session.user {
            authority = authority.unless_fresh(self.ceremonies.now());
        }
        if change == UserChange::Activate {
            let messages = &self.ceremonies.messages;
            let organization = &request.session.organization;
            let told = messages.account_activated(user, organization, BY_ADMINISTRATOR);
            authority = authority.telling(told);
        }
        let changed = self.store.change(authority, user, change).await;
        let event = match change {
            UserChange::Nothing => Event::UpdateUser,
            UserChange::Activate => Event::ActivateUser,
            UserChange::Deactivate => Event::DeactivateUser,
            UserChange::Delete => Event::DeleteUser,
        };
        let facts = by_administrator(request, Some(user));
        self.ceremonies.events.tell(event, &facts, changed)
    }
}

/// About that user, by who signed the request.
fn by_administrator(request: &SignedRequest, user: Option<&UserId>) -> Facts {
    Facts {
        user: user.cloned(),
        by_user: Some(request.session.user.clone()),
        ..Facts::from(request)
    }
}

fn reader(session: &Session) -> Reader {
    Reader {
        organization: session.organization.clone(),
        administrator: session.user.clone(),
    }
}

#[cfg(test)]
mod tests;
