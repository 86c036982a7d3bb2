//! What is kept, and the rules that several ports have in common.

use std::{collections::BTreeMap, mem};

use latchkey_domain::{
    account_code::{AccountCodeKind, NewAccountCode},
    application::{Application, look::Logo},
    approval::Verdict,
    authority::Authority,
    code_request::CodeRequest,
    credential::{Credential, CredentialState, MadeBy},
    credential_code::{CodeState, CredentialCode, NewCredentialCode},
    id::{ApplicationId, CodeRequestId, CredentialUuid, OrganizationId, TokenId, UserId},
    message::NewMessage,
    organization::Organization,
    time::Timestamp,
    user::User,
};
use latchkey_service::ports::{
    credential_code_store::IssueError, credential_store::CreateError, event_store::LeftEvent,
    installation_store::Installation, sign_in_store::Evidence, store::AuthorityConflict,
};

/// Everything that is kept.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) installation: Option<Installation>,
    pub(crate) organizations: BTreeMap<OrganizationId, Organization>,
    pub(crate) applications: BTreeMap<ApplicationId, Application>,
    pub(crate) logos: BTreeMap<ApplicationId, Logo>,
    pub(crate) users: BTreeMap<UserId, User>,
    pub(crate) credentials: BTreeMap<CredentialUuid, Credential>,
    /// When credentials were activated again: what ended before stays ended.
    pub(crate) activated: BTreeMap<CredentialUuid, Timestamp>,
    /// When the signature counters of credentials went back, which may mean that there are copies.
    pub(crate) regressed: BTreeMap<CredentialUuid, Timestamp>,
    /// In the order in which they were issued, so the last one of a user is the newest.
    pub(crate) credential_codes: Vec<NewCredentialCode>,
    pub(crate) code_requests: BTreeMap<CodeRequestId, CodeRequest>,
    /// In the order in which they were issued.
    pub(crate) account_codes: Vec<NewAccountCode>,
    pub(crate) messages: Vec<Outgoing>,
    /// Oldest first.
    pub(crate) events: Vec<LeftEvent>,
    /// The ledger: the identifiers of what was used up, and until when they must be remembered.
    pub(crate) spent: BTreeMap<String, Timestamp>,
    /// What users agreed to, in which organization: evidence, which nothing deletes.
    pub(crate) signed_actions: Vec<(OrganizationId, Evidence)>,
}

/// A message that waits to be sent.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) message: NewMessage,
    /// From this moment on it may be taken; while somebody has it, that is when the lease ends.
    pub(crate) due: Timestamp,
    /// Whether somebody took it, and has not put it back.
    pub(crate) is_taken: bool,
    /// How often it was taken.
    pub(crate) attempts: u32,
    /// Why it was put back the last time, if that was said.
    pub(crate) failure: Option<String>,
}

impl State {
    /// Exercises an authority, as every change does first: requires all that it names, uses up what it
    /// spends, keeps the messages that tell of the change, and gives whose authority it is.
    pub(crate) fn exercise(&mut self, authority: &Authority) -> Result<User, AuthorityConflict> {
        let Some(user) = self.standing(authority).cloned() else {
            let anyway = authority.clone().however_fresh();
            let would_stand = self.standing(&anyway).is_some();
            return Err(if would_stand {
                AuthorityConflict::Fresh
            } else {
                AuthorityConflict::Void
            });
        };
        for spend in authority.spends() {
            let earlier = self.spent.insert(spend.id.clone(), spend.expires);
            if earlier.is_some() {
                return Err(AuthorityConflict::Spent(spend.item));
            }
        }
        self.keep_all(authority.messages().to_vec());
        Ok(user)
    }

    /// Whose authority it is, if all that it requires is so.
    pub(crate) fn standing(&self, authority: &Authority) -> Option<&User> {
        let organization = authority.organization();
        let is_ready = |application: &ApplicationId| {
            self.applications
                .get(application)
                .is_some_and(|found| found.is_active && found.organization == *organization)
        };
        let is_proof = |(credential, since): (&CredentialUuid, &Timestamp)| {
            self.credentials.get(credential).is_some_and(|found| {
                found.user == *authority.user()
                    && found.is_active()
                    && self.activated.get(credential).is_none_or(|at| at <= since)
                    && found.material.application().is_none_or(is_ready)
            })
        };
        self.present(authority.user())
            .filter(|user| user.organization == *organization)
            .filter(|user| user.is_active && user.epoch == authority.epoch())
            .filter(|_user| {
                let session = authority.session().map(TokenId::as_str);
                session.is_none_or(|id| !self.spent.contains_key(id))
            })
            .filter(|_user| authority.applications().iter().all(is_ready))
            .filter(|_user| authority.credentials().iter().all(is_proof))
            .filter(|_user| self.is_settled(authority))
    }

    /// Whether none of the credentials is fresh, where that is required.
    fn is_settled(&self, authority: &Authority) -> bool {
        let organization = self.organizations.get(authority.organization());
        let freshness = organization.map(|found| found.freshness);
        let (Some(at), Some(freshness)) = (authority.settled_at(), freshness) else {
            return true;
        };
        let is_fresh = |credential: &CredentialUuid| {
            self.credentials.get(credential).is_some_and(|found| {
                let is_of_code = matches!(found.provenance.made_by, MadeBy::Code { .. });
                is_of_code && freshness.covers(found.created, at)
            })
        };
        !authority.credentials().keys().any(is_fresh)
    }

    /// A user, active or not, of an organization that is active.
    pub(crate) fn present(&self, user: &UserId) -> Option<&User> {
        let user = self.users.get(user)?;
        let organization = self.organizations.get(&user.organization)?;
        organization.is_active.then_some(user)
    }

    /// The credentials of a user, oldest first.
    pub(crate) fn credentials_of(&self, user: &UserId) -> Vec<&Credential> {
        let credentials = self.credentials.values();
        let mut own: Vec<_> = credentials.filter(|held| held.user == *user).collect();
        own.sort_by_key(|credential| credential.created);
        own
    }

    /// The credential codes of a user, in the order in which they were issued.
    pub(crate) fn codes_of(&mut self, user: &UserId) -> impl Iterator<Item = &mut CredentialCode> {
        let codes = self.credential_codes.iter_mut().map(|held| &mut held.code);
        codes.filter(|code| code.user == *user)
    }

    /// Makes a credential. What has waited in vain by then is deleted first, which frees its id.
    pub(crate) fn add(&mut self, new: Credential) -> Result<(), CreateError> {
        self.credentials
            .retain(|_, held| !held.is_gone(new.created));
        if self.credentials_of(&new.user).len() >= Credential::MAXIMUM_PER_USER {
            return Err(CreateError::TooMany);
        }
        let is_alike = |held: &Credential| {
            held.organization == new.organization && held.id.key() == new.id.key()
        };
        if self.credentials.values().any(is_alike) {
            return Err(CreateError::CredentialIdTaken);
        }
        self.credentials.insert(new.uuid.clone(), new);
        Ok(())
    }

    /// Keeps messages, which are due at once.
    pub(crate) fn keep_all(&mut self, messages: Vec<NewMessage>) {
        self.messages
            .extend(messages.into_iter().map(|message| Outgoing {
                due: message.due,
                is_taken: false,
                attempts: 0,
                failure: None,
                message,
            }));
    }

    /// Activates a user, or makes one inactive, whose epoch ends with that; keeps the messages that tell of it.
    /// Nothing happens to one who is so already; whether something does.
    pub(crate) fn set_user_active(
        &mut self,
        user: &UserId,
        active: bool,
        told: Vec<NewMessage>,
    ) -> bool {
        let Some(found) = self.users.get_mut(user) else {
            return false;
        };
        if mem::replace(&mut found.is_active, active) == active {
            return false;
        }
        if !active {
            self.end_epoch(user);
        }
        self.keep_all(told);
        true
    }

    /// Ends the epoch of a user and begins the next. Sessions, user actions and challenges end because they
    /// carry it; codes of every kind, and what waits for approval, end here.
    pub(crate) fn end_epoch(&mut self, user: &UserId) {
        if let Some(found) = self.users.get_mut(user) {
            found.epoch = found.epoch.next();
        }
        self.end_all_codes(user);
    }

    /// Ends every open code of a user, of every kind, and refuses what waits for approval; whether there was
    /// anything.
    pub(crate) fn end_all_codes(&mut self, user: &UserId) -> bool {
        let has_ended = self.end_codes(user);
        let deleted = self.delete_account_codes(user, AccountCodeKind::ALL);
        has_ended || deleted > 0
    }

    /// Deletes every account code of a user that is of these kinds, and what was to bring it; gives how many codes that
    /// were.
    pub(crate) fn delete_account_codes(
        &mut self,
        user: &UserId,
        kinds: &[AccountCodeKind],
    ) -> usize {
        let brings = |held: &mut Outgoing| {
            let mut messages = kinds.iter().map(|kind| kind.message());
            held.message.user == *user && messages.any(|kind| kind == held.message.kind)
        };
        self.messages.extract_if(.., brings).for_each(drop);
        let is_one =
            |held: &mut NewAccountCode| held.code.user == *user && kinds.contains(&held.code.kind);
        self.account_codes.extract_if(.., is_one).count()
    }

    /// Issues a code, and ends what is superseded by it.
    pub(crate) fn issue(&mut self, new: NewCredentialCode) -> Result<(), IssueError> {
        self.end_codes(&new.code.user);
        let is_alike = |held: &NewCredentialCode| {
            held.long == new.long || (new.short.is_some() && held.short == new.short)
        };
        if self.credential_codes.iter().any(is_alike) {
            return Err(IssueError::Taken);
        }
        self.credential_codes.push(new);
        Ok(())
    }

    /// Cancels every code of a user that is not redeemed, and refuses what waits for approval; whether there was
    /// any.
    pub(crate) fn end_codes(&mut self, user: &UserId) -> bool {
        let mut has_ended = false;
        for code in self.codes_of(user) {
            let before = code.state.clone();
            match &mut code.state {
                CodeState::Issued => code.state = CodeState::Cancelled { claim: None },
                CodeState::Claimed(claim) => {
                    let claim = Some(claim.clone());
                    code.state = CodeState::Cancelled { claim };
                }
                CodeState::Redeemed { wait, .. } => {
                    if let Some(wait) = wait {
                        wait.verdict.get_or_insert(Verdict::Refused);
                    }
                }
                CodeState::Cancelled { .. } | CodeState::Released { .. } => {}
            }
            has_ended |= code.state != before;
        }
        self.credentials.retain(|_, credential| {
            let waits = matches!(credential.state, CredentialState::Waiting { .. });
            !waits || credential.user != *user
        });
        has_ended
    }

    /// Deletes a user with everything that is the user's, except evidence.
    pub(crate) fn erase(&mut self, user: &UserId) {
        self.users.remove(user);
        self.credentials.retain(|_, held| held.user != *user);
        self.credential_codes.retain(|held| held.code.user != *user);
        self.account_codes.retain(|held| held.code.user != *user);
        self.messages.retain(|held| held.message.user != *user);
    }

    /// Whether the organization would be left without an active administrator if this user were taken away.
    pub(crate) fn is_last_administrator(&self, user: &User) -> bool {
        let counts = |one: &&User| {
            one.organization == user.organization && one.is_administrator && one.is_active
        };
        counts(&user) && self.users.values().filter(counts).count() == 1
    }
}
