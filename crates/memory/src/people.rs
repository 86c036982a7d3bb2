//! Users: how they come, are looked up, managed, recovered, and go.

use async_trait::async_trait;
use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    authority::Authority,
    credential::{Credential, CredentialReference, signer::ListedSigner},
    credential_code::CodeDigest,
    id::{AccountCodeId, OrganizationId, UserId},
    message::NewMessage,
    session::Session,
    text::{SearchText, Username},
    user::User,
};
use latchkey_service::ports::{
    account_code_store::{AccountCodeStore, HeldAccountCode},
    account_store::{Account, AccountStore, HeldCredential},
    credential_store::CreateError,
    recovery_store::RecoveryStore,
    registration_store::{CompletedRegistration, RegisterError, RegistrationStore},
    store::StoreError,
    user_store::{
        ChangeUserError, CreateUserError, Invitation, NotAdministrator, ReadUsersError, Reader,
        UserChange, UserEntry, UserList, UserPage, UserPosition, UserStore,
    },
};

use crate::{MemoryStore, state::State};

#[async_trait]
impl AccountStore for MemoryStore {
    async fn find_by_username(
        &self,
        organization: &OrganizationId,
        username: &Username,
    ) -> Result<Option<Account>, StoreError> {
        Ok(self.read(|state| state.account(&state.called(organization, username)?.id)))
    }

    async fn find_signed_in(&self, session: &Session) -> Result<Option<Account>, StoreError> {
        let authority = Authority::of_session(session);
        Ok(self.read(|state| state.account(&state.standing(&authority)?.id)))
    }

    async fn find_signers(
        &self,
        session: &Session,
    ) -> Result<Option<Vec<ListedSigner>>, StoreError> {
        let account = self.find_signed_in(session).await?;
        Ok(account.map(|account| {
            let credentials = account.credentials.iter();
            credentials.filter_map(ListedSigner::of).collect()
        }))
    }

    async fn find(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.read(|state| state.account(user)))
    }

    async fn find_credential(
        &self,
        organization: &OrganizationId,
        reference: &CredentialReference,
    ) -> Result<Option<HeldCredential>, StoreError> {
        let is_meant = |credential: &&Credential| {
            credential.organization == *organization
                && reference.names(&credential.id, &credential.uuid)
        };
        Ok(self.read(|state| {
            let credential = state.credentials.values().find(is_meant)?;
            Some(HeldCredential {
                user: state.present(&credential.user)?.clone(),
                credential: credential.clone(),
            })
        }))
    }
}

#[async_trait]
impl AccountCodeStore for MemoryStore {
    async fn issue(&self, new: NewAccountCode, message: NewMessage) -> Result<bool, StoreError> {
        self.write(|state| {
            let code = &new.code;
            let user = state.users.get(&code.user);
            let counts =
                |held: &NewAccountCode, at| held.code.epoch == code.epoch && held.code.is_live(at);
            let alike = state.account_codes.iter();
            let alike = alike.filter(|held| is_alike(&held.code, code));
            let live = alike.filter(|held| counts(held, code.issued)).count();
            let is_issued =
                user.is_some_and(|user| code.serves(user)) && live < AccountCode::MAXIMUM_LIVE;
            if is_issued {
                let kept_since = code.issued.minus(AccountCode::KEPT_AFTER_EXPIRY);
                let is_over =
                    |held: &NewAccountCode| is_alike(&held.code, code) && !counts(held, kept_since);
                state.account_codes.retain(|held| !is_over(held));
                state.account_codes.push(new);
                state.keep_all(vec![message]);
            }
            Ok(is_issued)
        })
    }

    async fn find(
        &self,
        organization: &OrganizationId,
        username: &Username,
        kind: AccountCodeKind,
        digest: &CodeDigest,
    ) -> Result<Option<HeldAccountCode>, StoreError> {
        Ok(self.read(|state| {
            let user = state.present(&state.called(organization, username)?.id)?;
            let mut codes = state.account_codes.iter();
            let held = codes.find(|held| {
                held.code.user == user.id && held.code.kind == kind && held.digest == *digest
            })?;
            Some(HeldAccountCode {
                code: held.code.clone(),
                user: user.clone(),
            })
        }))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<AccountCode>, StoreError> {
        Ok(self.read(|state| {
            let codes = state.account_codes.iter().map(|held| &held.code);
            let mut codes: Vec<_> = codes.filter(|code| code.user == *user).cloned().collect();
            codes.sort_by(|one, other| (one.issued, &one.id).cmp(&(other.issued, &other.id)));
            codes
        }))
    }

    async fn spend(&self, code: &AccountCode) -> Result<bool, StoreError> {
        self.write(|state| Ok(state.use_up(&code.user, &code.id)))
    }
}

#[async_trait]
impl RegistrationStore for MemoryStore {
    async fn register(
        &self,
        authority: Authority,
        registration: CompletedRegistration,
    ) -> Result<(), RegisterError> {
        self.write(|state| {
            state.exercise(&authority).map_err(CreateError::from)?;
            if !state.use_up(authority.user(), &registration.code) {
                return Err(RegisterError::Lost);
            }
            state.delete_account_codes(authority.user(), &[AccountCodeKind::Registration]);
            let user = state.users.get_mut(authority.user());
            user.ok_or(RegisterError::Lost)?.registered = Some(registration.date);
            for credential in registration.credentials {
                state.add(credential)?;
            }
            Ok(())
        })
    }
}

#[async_trait]
impl RecoveryStore for MemoryStore {
    async fn recover(
        &self,
        authority: Authority,
        credentials: Vec<Credential>,
    ) -> Result<(), CreateError> {
        self.write(|state| {
            state.exercise(&authority)?;
            let user = authority.user();
            state.end_epoch(user);
            state.credentials.retain(|_, held| held.user != *user);
            for credential in credentials {
                state.add(credential)?;
            }
            Ok(())
        })
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn list(&self, reader: &Reader, page: &UserPage) -> Result<UserList, ReadUsersError> {
        self.read(|state| {
            state.require_administrator(reader)?;
            Ok(state.list(Some(&reader.organization), page))
        })
    }

    async fn find(
        &self,
        reader: &Reader,
        user: &UserId,
    ) -> Result<Option<UserEntry>, ReadUsersError> {
        self.read(|state| {
            state.require_administrator(reader)?;
            let found = state.of_organization(&reader.organization, user);
            Ok(found.map(|user| state.entry(user)))
        })
    }

    async fn create(
        &self,
        authority: Authority,
        invitation: Invitation,
    ) -> Result<UserEntry, CreateUserError> {
        self.write(|state| {
            require_administrator(&state.exercise(&authority)?)?;
            let user = state.invite(invitation)?.clone();
            Ok(state.entry(&user))
        })
    }

    async fn change(
        &self,
        mut authority: Authority,
        user: &UserId,
        change: UserChange,
    ) -> Result<UserEntry, ChangeUserError> {
        let messages = authority.take_messages();
        self.write(|state| {
            require_administrator(&state.exercise(&authority)?)?;
            let found = state.of_organization(authority.organization(), user);
            let found = found.ok_or(ChangeUserError::NotFound)?;
            let before = state.entry(found);
            let takes_away = matches!(change, UserChange::Deactivate | UserChange::Delete);
            if takes_away && state.is_last_administrator(found) {
                return Err(ChangeUserError::LastAdministrator);
            }
            match change {
                UserChange::Nothing => {}
                UserChange::Activate | UserChange::Deactivate => {
                    let active = change == UserChange::Activate;
                    state.set_user_active(user, active, messages);
                }
                UserChange::Delete => {
                    state.erase(user);
                    state.keep_all(messages);
                }
            }
            let after = state.users.get(user);
            Ok(after.map_or(before, |user| state.entry(user)))
        })
    }
}

impl State {
    /// Makes a user, or finds who has that name and may still register; gives them the code and keeps the
    /// message.
    pub(crate) fn invite(&mut self, new: Invitation) -> Result<&mut User, CreateUserError> {
        let Invitation { user, .. } = &new;
        let has_external_id = |other: &User| {
            other.organization == user.organization
                && other.external_id.is_some()
                && other.external_id == user.external_id
        };
        let invited = match self.called(&user.organization, &user.username) {
            Some(kept) if AccountCodeKind::Registration.is_for(kept) => kept.clone(),
            Some(_) => return Err(CreateUserError::AlreadyExists),
            None if self.users.values().any(has_external_id) => {
                return Err(CreateUserError::ExternalIdTaken);
            }
            None => user.clone(),
        };
        self.hand_over(&invited, new.code, new.message);
        Ok(self.users.entry(invited.id.clone()).or_insert(invited))
    }

    /// Gives a user a code in place of every earlier one of its kind, and keeps the message that brings it.
    /// Both become the user's, for whomever they were written.
    pub(crate) fn hand_over(
        &mut self,
        user: &User,
        mut new: NewAccountCode,
        message: Option<NewMessage>,
    ) {
        (new.code.user, new.code.epoch) = (user.id.clone(), user.epoch);
        self.delete_account_codes(&user.id, &[new.code.kind]);
        self.account_codes.push(new);
        if let Some(message) = message {
            let user = user.id.clone();
            self.keep_all(vec![NewMessage { user, ..message }]);
        }
    }

    /// Uses up an account code of that user; `false` when it is not there any more.
    fn use_up(&mut self, user: &UserId, code: &AccountCodeId) -> bool {
        let is_it = |held: &mut NewAccountCode| held.code.id == *code && held.code.user == *user;
        self.account_codes.extract_if(.., is_it).next().is_some()
    }

    /// The user of that name.
    fn called(&self, organization: &OrganizationId, username: &Username) -> Option<&User> {
        self.users.values().find(|user| {
            user.organization == *organization && user.username.key() == username.key()
        })
    }

    fn of_organization(&self, organization: &OrganizationId, user: &UserId) -> Option<&User> {
        let user = self.users.get(user)?;
        (user.organization == *organization).then_some(user)
    }

    pub(crate) fn account(&self, user: &UserId) -> Option<Account> {
        Some(Account {
            user: self.present(user)?.clone(),
            credentials: self.credentials_of(user).into_iter().cloned().collect(),
        })
    }

    /// Part of the list of users, of all or of one organization.
    pub(crate) fn list(&self, organization: Option<&OrganizationId>, page: &UserPage) -> UserList {
        let is_asked_for = |user: &&User| {
            let is_later =
                |place: &UserPosition| (user.created, &user.id) > (place.created, &place.id);
            let is_meant = |search: &SearchText| user.is_found_by(search);
            organization.is_none_or(|organization| user.organization == *organization)
                && page.kind.is_none_or(|kind| user.kind == kind)
                && page.search.as_ref().is_none_or(is_meant)
                && page.after.as_ref().is_none_or(is_later)
        };
        let mut users: Vec<_> = self.users.values().filter(is_asked_for).collect();
        users.sort_by_key(|user| user.created);
        let (shown, more) = users.split_at(users.len().min(page.size.items().into()));
        let last = shown.last().filter(|_last| !more.is_empty());
        UserList {
            users: shown.iter().map(|user| self.entry(user)).collect(),
            next: last.map(|user| UserPosition::of(user)),
        }
    }

    fn entry(&self, user: &User) -> UserEntry {
        let credentials = self.credentials_of(&user.id);
        UserEntry {
            user: user.clone(),
            credential: credentials.first().map(|oldest| oldest.uuid.clone()),
        }
    }

    fn require_administrator(&self, reader: &Reader) -> Result<(), NotAdministrator> {
        let user = self.of_organization(&reader.organization, &reader.administrator);
        require_administrator(user.ok_or(NotAdministrator)?)
    }
}

/// Whether two codes are of one owner and kind.
fn is_alike(one: &AccountCode, other: &AccountCode) -> bool {
    one.user == other.user && one.kind == other.kind
}

fn require_administrator(user: &User) -> Result<(), NotAdministrator> {
    if user.is_administrator && user.is_active {
        Ok(())
    } else {
        Err(NotAdministrator)
    }
}
