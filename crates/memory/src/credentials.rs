//! Credentials, and the codes that make them.

use async_trait::async_trait;
use latchkey_domain::{
    approval::{Decision, Verdict, Wait},
    authority::Authority,
    credential::{Credential, CredentialKind, CredentialState},
    credential_code::{
        CodeDigest, CodeEntry, CodeForm, CodeState, CredentialCode, NewCredentialCode, ReleasedCode,
    },
    id::{ChallengeId, CredentialCodeId, CredentialUuid, UserActionId, UserId},
    message::NewMessage,
    time::Timestamp,
};
use latchkey_service::ports::{
    account_store::HeldPasskey,
    credential_code_store::{
        ClaimError, ClaimedCode, CredentialCodeStore, DecideError, FoundCode, HeldCode, IssueError,
        RedeemError, Redemption, ReleaseError,
    },
    credential_store::{ChangeError, CreateError, CredentialStore, NewName},
    store::{AuthorityConflict, StoreError},
};

use crate::{MemoryStore, state::State};

#[async_trait]
impl CredentialStore for MemoryStore {
    async fn create(
        &self,
        authority: Authority,
        credential: Credential,
    ) -> Result<(), CreateError> {
        self.write(|state| {
            state.exercise(&authority)?;
            state.add(credential)
        })
    }

    async fn renew_recovery_key(
        &self,
        authority: Authority,
        recovery_key: Credential,
    ) -> Result<(), CreateError> {
        self.write(|state| {
            state.exercise(&authority)?;
            state.end_codes(authority.user());
            let is_replaced = |held: &Credential| {
                held.user == *authority.user() && held.kind() == CredentialKind::RecoveryKey
            };
            let is_alike = |held: &Credential| held.id.key() == recovery_key.id.key();
            let mut held = state.credentials.values();
            if held.any(|held| is_replaced(held) && is_alike(held)) {
                return Err(CreateError::CredentialIdTaken);
            }
            state.credentials.retain(|_, held| !is_replaced(held));
            state.add(recovery_key)
        })
    }

    async fn set_active(
        &self,
        mut authority: Authority,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
    ) -> Result<(), ChangeError> {
        let messages = authority.take_messages();
        self.write(|state| {
            state.exercise(&authority)?;
            let user = authority.user();
            let switched = state.switch(user, credential, active, at, messages);
            switched.map(|_changes| ())
        })
    }

    async fn rename(&self, authority: Authority, new: NewName) -> Result<Credential, ChangeError> {
        self.write(|state| {
            state.exercise(&authority)?;
            let credential = state.own(authority.user(), &new.credential)?;
            let credential = settled(credential, new.date)?;
            credential.name = new.name;
            Ok(credential.clone())
        })
    }

    async fn delete(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        self.write(|state| {
            state.exercise(&authority)?;
            let user = authority.user();
            state.own(user, credential)?;
            state.require_another(user, credential)?;
            // If it waits, this refuses and deletes it.
            state.end_codes(user);
            state.credentials.remove(credential);
            Ok(())
        })
    }

    async fn note_counter_regression(
        &self,
        credential: &CredentialUuid,
        challenge: &ChallengeId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(|state| {
            let signed = UserActionId::of(challenge);
            let mut kept = state.signed_actions.iter();
            let is_noted = !state.spent.contains_key(challenge.as_str())
                && !kept.any(|(_, kept)| kept.id == signed)
                && state.credentials.contains_key(credential);
            if is_noted {
                state.regressed.insert(credential.clone(), at);
            }
            Ok(is_noted)
        })
    }
}

impl State {
    /// Activates or deactivates a credential of that user, and keeps the messages when something changes; whether it
    /// does.
    pub(crate) fn switch(
        &mut self,
        user: &UserId,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
        messages: Vec<NewMessage>,
    ) -> Result<bool, ChangeError> {
        if settled(self.own(user, credential)?, at)?.is_active() == active {
            return Ok(false);
        }
        if active {
            self.activated.insert(credential.clone(), at);
            self.own(user, credential)?.state = CredentialState::Active;
        } else {
            self.require_another(user, credential)?;
            self.end_codes(user);
            self.own(user, credential)?.state = CredentialState::Inactive;
        }
        self.keep_all(messages);
        Ok(true)
    }

    /// A credential of that user.
    fn own(&mut self, user: &UserId, id: &CredentialUuid) -> Result<&mut Credential, ChangeError> {
        let found = self.credentials.get_mut(id);
        let own = found.filter(|credential| credential.user == *user);
        own.ok_or(ChangeError::NotFound)
    }

    /// Whoever takes a usable credential away must leave another one.
    fn require_another(&self, user: &UserId, id: &CredentialUuid) -> Result<(), ChangeError> {
        let mut usable = self.credentials_of(user);
        usable.retain(|credential| credential.is_usable());
        match usable.as_slice() {
            [last] if last.uuid == *id => Err(ChangeError::LastUsable),
            _ => Ok(()),
        }
    }
}

/// A credential that does not wait for approval, or the reason why it cannot be changed.
fn settled(credential: &mut Credential, at: Timestamp) -> Result<&mut Credential, ChangeError> {
    match credential.state {
        CredentialState::Active | CredentialState::Inactive => Ok(credential),
        CredentialState::Waiting { until } if until <= at => Err(ChangeError::NotFound),
        CredentialState::Waiting { .. } => Err(ChangeError::Waits),
    }
}

#[async_trait]
impl CredentialCodeStore for MemoryStore {
    async fn issue(&self, authority: Authority, new: NewCredentialCode) -> Result<(), IssueError> {
        self.write(|state| {
            state.exercise(&authority)?;
            state.issue(new)
        })
    }

    async fn find(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
    ) -> Result<Option<FoundCode>, StoreError> {
        Ok(self.read(|state| state.found(form, digest)))
    }

    async fn claim(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
        entry: CodeEntry,
    ) -> Result<ClaimedCode, ClaimError> {
        self.write(|state| {
            let found = state.found(form, digest);
            let found = found.ok_or(ClaimError::Refused(None))?;
            let code = &found.code;
            let is_claimed = entry.claims(code, &found.owner)
                && state.exercise(&Authority::of_code(code)).is_ok();
            let held = state.code(&code.user, &code.id);
            let Some(held) = held.filter(|_held| is_claimed) else {
                return Err(ClaimError::Refused(Some(Box::new(found))));
            };
            held.state = CodeState::Claimed(entry.claim);
            Ok(found.into())
        })
    }

    async fn redeem(
        &self,
        authority: Authority,
        redemption: Redemption,
    ) -> Result<(), RedeemError> {
        self.write(|state| {
            state.exercise(&authority)?;
            let organization = state.organizations.get(authority.organization());
            let asked = organization.ok_or(AuthorityConflict::Void)?.approval;
            if asked != redemption.approval() {
                return Err(RedeemError::Asks(asked));
            }
            let Redemption {
                redeemed,
                credential,
            } = redemption;
            let held = state.code(authority.user(), redeemed.code());
            let held = held.ok_or(AuthorityConflict::Void)?;
            let CodeState::Claimed(claim) = &held.state else {
                return Err(AuthorityConflict::Void.into());
            };
            if claim.challenge != *redeemed.challenge() {
                return Err(AuthorityConflict::Void.into());
            }
            let wait = match credential.state {
                CredentialState::Waiting { until: expires } => Some(Wait {
                    expires,
                    verdict: None,
                }),
                CredentialState::Active | CredentialState::Inactive => None,
            };
            held.state = CodeState::Redeemed {
                claim: claim.clone(),
                credential: credential.uuid.clone(),
                wait,
            };
            Ok(state.add(credential)?)
        })
    }

    async fn release(&self, released: ReleasedCode) -> Result<(), ReleaseError> {
        self.write(|state| {
            let held = state.code(released.user(), released.code());
            let held = held.ok_or(ReleaseError::Lost)?;
            let claim = match &held.state {
                CodeState::Claimed(claim) if claim.challenge == *released.challenge() => {
                    claim.clone()
                }
                CodeState::Issued
                | CodeState::Claimed(_)
                | CodeState::Redeemed { .. }
                | CodeState::Cancelled { .. }
                | CodeState::Released { .. } => return Err(ReleaseError::Lost),
            };
            let release = released.release();
            held.state = CodeState::Released { claim, release };
            Ok(())
        })
    }

    async fn decide(&self, authority: Authority, decision: Decision) -> Result<(), DecideError> {
        let uuid = &decision.credential;
        self.write(|state| {
            state.exercise(&authority)?;
            let wait = state
                .wait(&authority, uuid)
                .filter(|wait| wait.verdict.is_none() && decision.date < wait.expires)
                .ok_or(DecideError::NotWaiting)?;
            wait.verdict = Some(decision.verdict);
            let waiting = state.credentials.remove(uuid);
            let mut credential = waiting.ok_or(DecideError::NotWaiting)?;
            if decision.verdict == Verdict::Approved {
                credential.state = CredentialState::Active;
                state.credentials.insert(uuid.clone(), credential);
            }
            Ok(())
        })
    }

    async fn find_by_id(&self, code: &CredentialCodeId) -> Result<Option<HeldCode>, StoreError> {
        Ok(self.read(|state| state.held(|held| held.code.id == *code)))
    }

    async fn newest(&self, user: &UserId) -> Result<Option<CredentialCode>, StoreError> {
        Ok(self.read(|state| {
            let mut newest_first = state.credential_codes.iter().rev();
            let newest = newest_first.find(|held| held.code.user == *user)?;
            Some(newest.code.clone())
        }))
    }

    async fn cancel_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.write(|state| {
            state.end_codes(user);
            Ok(())
        })
    }
}

impl State {
    /// The code that has that digest in that form, with its owner and the owner's passkeys.
    fn found(&self, form: CodeForm, digest: &CodeDigest) -> Option<FoundCode> {
        let HeldCode { code, user } = self.held(|held| match form {
            CodeForm::Short => held.short == Some(*digest),
            CodeForm::Long => held.long == *digest,
        })?;
        let passkeys = self.credentials_of(&user.id).into_iter();
        Some(FoundCode {
            code,
            passkeys: passkeys.filter_map(HeldPasskey::of).collect(),
            owner: user,
        })
    }

    /// The code that is looked for and its owner, of an organization that is active.
    fn held(&self, is_it: impl Fn(&&NewCredentialCode) -> bool) -> Option<HeldCode> {
        let found = self.credential_codes.iter().find(is_it)?;
        Some(HeldCode {
            user: self.present(&found.code.user)?.clone(),
            code: found.code.clone(),
        })
    }

    /// A code of that user.
    fn code(&mut self, user: &UserId, id: &CredentialCodeId) -> Option<&mut CredentialCode> {
        self.codes_of(user).find(|code| code.id == *id)
    }

    /// The wait of a credential that was made with a code of the authority's user and epoch.
    fn wait(&mut self, authority: &Authority, made: &CredentialUuid) -> Option<&mut Wait> {
        self.codes_of(authority.user())
            .filter(|code| code.epoch == authority.epoch())
            .find_map(|CredentialCode { state, .. }| match state {
                CodeState::Redeemed {
                    credential, wait, ..
                } if credential == made => wait.as_mut(),
                CodeState::Issued
                | CodeState::Claimed(_)
                | CodeState::Redeemed { .. }
                | CodeState::Cancelled { .. }
                | CodeState::Released { .. } => None,
            })
    }
}
