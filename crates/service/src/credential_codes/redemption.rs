//! A code is redeemed: its credential is made, and where the organization lets it, a session begins with it.

use latchkey_domain::{
    approval::{ApprovalTicket, Wait},
    challenge::purpose,
    credential::{Credential, CredentialState, MadeBy},
    credential_code::RedeemedCode,
    organization::{Approval, CodeSignIn},
    user::User,
};

use super::{CredentialCodes, MadeWithCode};
use crate::{
    approvals::awaited,
    ceremony::{Completion, NewCredential, NewCredentialError},
    directory::Caller,
    events::{Event, Facts},
    ports::{
        credential_code_store::{RedeemError, Redemption},
        store::StoreError,
    },
};

impl CredentialCodes {
    /// Redeems the code that the challenge claimed and makes the credential. The caller is not signed
    /// in: the code, the challenge and the proof are the whole authority.
    ///
    /// # Errors
    /// [`NewCredentialError`].
    pub async fn verify(
        &self,
        caller: &Caller,
        identifier: &str,
        new: NewCredential,
    ) -> Result<MadeWithCode, NewCredentialError> {
        let mut facts = Facts::from(caller);
        let made = self
            .redeem(caller, identifier, new, false, &mut facts)
            .await;
        let events = &self.ceremonies.events;
        events.tell(Event::RedeemCode, &facts, made)
    }

    /// The same, and begins a session with the credential where the organization lets one begin so, unless the
    /// credential waits for approval or is for recovery only. Whoever has made it could sign in with it next; as
    /// with every session, what it changes must be signed.
    ///
    /// # Errors
    /// [`NewCredentialError`].
    pub async fn verify_and_sign_in(
        &self,
        caller: &Caller,
        identifier: &str,
        new: NewCredential,
    ) -> Result<MadeWithCode, NewCredentialError> {
        let mut facts = Facts::from(caller);
        let made = self.redeem(caller, identifier, new, true, &mut facts).await;
        let events = &self.ceremonies.events;
        let made = events.tell(Event::RedeemCode, &facts, made)?;
        if made.session.is_some() {
            events.tell_beside(Event::SignIn, &facts);
        }
        Ok(made)
    }

    async fn redeem(
        &self,
        caller: &Caller,
        identifier: &str,
        new: NewCredential,
        sign_in: bool,
        told: &mut Facts,
    ) -> Result<MadeWithCode, NewCredentialError> {
        let completion = self
            .ceremonies
            .complete::<purpose::CredentialWithCode>(caller, identifier)
            .await?;
        let challenge = &completion.challenge;
        let facts = &challenge.purpose;
        told.note(&challenge.organization, &facts.user);
        told.by_credential = Some(facts.issuer.clone());
        let made_by = MadeBy::Code {
            code: facts.code.clone(),
            credential: facts.issuer.clone(),
        };
        let new = match &facts.name {
            Some(name) => NewCredential {
                name: name.clone(),
                ..new
            },
            None => new,
        };
        let mut credential = completion.make(made_by, facts.kind, new)?;
        let user = if sign_in && facts.kind.signs_in() {
            self.who_signs_in(&completion).await?
        } else {
            None
        };
        credential.last_used = user.as_ref().map(|_user| completion.now);
        let messages = &self.ceremonies.messages;
        let page = messages.page_in(&challenge.organization).await?;
        let wait = Wait::begin(completion.now);
        let redeem_for = async |approval| {
            let (credential, message) = match approval {
                Approval::Never => {
                    let added = messages.credential_added(&credential, page.as_deref());
                    (credential.clone(), added)
                }
                Approval::Always => {
                    let until = wait.expires;
                    let waits = messages.credential_waits(&credential);
                    let credential = Credential {
                        state: CredentialState::Waiting { until },
                        last_used: None,
                        ..credential.clone()
                    };
                    (credential, waits)
                }
            };
            let authority = completion.authority([&credential]).telling(message);
            let redemption = Redemption {
                redeemed: RedeemedCode::with(challenge),
                credential: credential.clone(),
            };
            self.store.redeem(authority, redemption).await?;
            Ok::<_, RedeemError>(credential)
        };
        let asked = completion.snapshot.approval(&challenge.organization);
        let credential = match redeem_for(asked).await {
            // That changed since the directory was read.
            Err(RedeemError::Asks(asked)) => redeem_for(asked).await?,
            made => made?,
        };
        told.note_made(&credential);
        let awaited = match credential.state {
            CredentialState::Active | CredentialState::Inactive => None,
            CredentialState::Waiting { .. } => {
                let ticket = ApprovalTicket {
                    code: facts.code.clone(),
                    organization: challenge.organization.clone(),
                    user: facts.user.clone(),
                    expires: ApprovalTicket::expiry(&wait),
                };
                Some(awaited(&self.ceremonies, &*self.digester, &ticket))
            }
        };
        let session = user
            .filter(|_user| credential.is_active())
            .map(|user| completion.begin_session(user, &credential));
        Ok(MadeWithCode {
            credential,
            awaited,
            session,
        })
    }

    /// Whose code it is, where the organization lets a session begin with what a code makes. That is read from the
    /// directory, as it chooses nothing but whether the owner of the credential uses it now or in a moment.
    async fn who_signs_in(
        &self,
        completion: &Completion<'_, purpose::CredentialWithCode>,
    ) -> Result<Option<User>, NewCredentialError> {
        let challenge = &completion.challenge;
        if completion.snapshot.code_sign_in(&challenge.organization) == CodeSignIn::Never {
            return Ok(None);
        }
        let account = self.accounts.find(&challenge.purpose.user).await?;
        let account = account.ok_or(NewCredentialError::InvalidChallenge)?;
        Ok(Some(account.user))
    }
}

impl From<RedeemError> for NewCredentialError {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Create(error) => error.into(),
            RedeemError::Asks(_) => StoreError::unavailable(error).into(),
        }
    }
}
