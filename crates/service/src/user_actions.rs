//! User actions: a signed-in user signs exactly one request.

use std::{net::IpAddr, sync::Arc};

use latchkey_domain::{
    authority::Authority,
    challenge::{
        ActionNonce, Challenge,
        purpose::{self, SessionSigner},
    },
    id::{CredentialUuid, UserActionId},
    session::Session,
    user_action::{SignedUserAction, UserAction},
};

use crate::{
    ceremony::Ceremonies,
    directory::{Caller, PartyError},
    events::{Event, Facts},
    factors::{
        AllowedCredentials, Answering, FactorAnswer, FactorChallenge, FactorError, Factors,
        Listing, VerifiedFactors,
    },
    ports::{
        proof_verifier::{AssertionProof, Used},
        session_store::{ExerciseError, SessionStore},
        sign_in_store::{Evidence, SignInStore, UseError},
        store::{AuthorityConflict, StoreError},
    },
    throttle::{Reservation, Throttle},
};

/// How many bytes the client data of a user action can have, and the authenticator data, which are kept: an
/// honest client needs a few hundred.
const MAXIMUM_KEPT: usize = 4_096;

/// A request that the user signed: what every change of an account needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// Who asks. That the session still holds is required together with each effect, by the
    /// [authority](Authority::during) for it.
    pub session: Session,
    /// What was signed; it permits this request.
    pub action: SignedUserAction,
    /// From where it comes.
    pub address: IpAddr,
}

impl SignedRequest {
    pub(crate) fn authority(&self) -> Authority {
        Authority::of_user_action(&self.session, &self.action)
    }

    /// The credential that signed it.
    pub(crate) fn signer(&self) -> &CredentialUuid {
        let signers = &self.action.signers;
        signers.first().unwrap_or(&self.session.credential)
    }
}

/// Why signing an action does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginUserActionError {
    /// No ceremony of the user's organization can be held there.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// The session does not hold.
    #[error("not signed in")]
    NotSignedIn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user action token that does not permit this request: missing, void, of somebody else or for
/// another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user action is missing or does not permit this request")]
pub struct NotPermitted;

/// Lets users sign actions, and checks what they signed.
pub struct UserActions {
    pub(crate) factors: Factors,
    pub(crate) store: Arc<dyn SignInStore>,
    /// Tells whether sessions hold, and keeps what is used up.
    pub(crate) spent: Arc<dyn SessionStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl UserActions {
    /// Gives a challenge that commits to the action, if the session holds. Nothing is written.
    ///
    /// # Errors
    /// [`BeginUserActionError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        session: &Session,
        action: UserAction,
    ) -> Result<FactorChallenge, BeginUserActionError> {
        let facts = Facts::from((caller, session));
        let begun = self.challenge(caller, session, action).await;
        let events = &self.ceremonies().events;
        events.tell(Event::BeginUserAction, &facts, begun)
    }

    async fn challenge(
        &self,
        caller: &Caller,
        session: &Session,
        action: UserAction,
    ) -> Result<FactorChallenge, BeginUserActionError> {
        let ceremonies = self.ceremonies();
        let party = ceremonies
            .snapshot_for(caller, Some(&session.organization))
            .await?
            .party(caller, &session.organization)?;
        let signers = self
            .factors
            .accounts
            .find_signers(session)
            .await?
            .ok_or(BeginUserActionError::NotSignedIn)?;
        let listing = Listing {
            rp_id: party.rp_id(),
            private_keys: true,
        };
        let own = signers.iter().find(|held| {
            held.signer.credential == session.credential && listing.lists(&held.signer.key)
        });
        let own = own.and_then(SessionSigner::of);
        let allowed = AllowedCredentials::among(signers, listing);
        let purpose = purpose::UserAction {
            user: session.user.clone(),
            epoch: session.epoch,
            session_credential: session.credential.clone(),
            action,
            nonce: ActionNonce::from_random(&ceremonies.entropy.draw()),
            signer: own,
        };
        Ok(FactorChallenge {
            begun: ceremonies.begin(party, purpose),
            allowed,
        })
    }

    /// Verifies the answer, keeps it as evidence and gives a user action token, if the session holds. Evidence is
    /// kept for good, so a user can sign only so many actions a minute, and what a client says with one is bounded.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn complete(
        &self,
        caller: &Caller,
        session: &Session,
        answer: &FactorAnswer,
    ) -> Result<String, FactorError> {
        let mut facts = Facts::from((caller, session));
        let signed = self.sign(caller, session, answer, &mut facts).await;
        let events = &self.ceremonies().events;
        events.tell(Event::SignUserAction, &facts, signed)
    }

    async fn sign(
        &self,
        caller: &Caller,
        session: &Session,
        answer: &FactorAnswer,
        told: &mut Facts,
    ) -> Result<String, FactorError> {
        let ceremonies = self.ceremonies();
        let (snapshot, challenge) = ceremonies
            .read::<purpose::UserAction, FactorError>(caller, &answer.identifier)
            .await?;
        let facts = &challenge.purpose;
        if facts.user != session.user || facts.epoch != session.epoch {
            return Err(FactorError::InvalidChallenge);
        }
        require_short(&answer.first)?;
        let expected = snapshot.expected(&challenge);
        let ceremony = Answering::new(&challenge, Some(&facts.user), expected, true);
        let known = facts.signer_named(&answer.first.credential);
        let (public_key, verified) = self
            .factors
            .verify_by(&ceremony, known.as_ref(), answer, told)
            .await?;
        let signed = self.signed(session, &challenge, &verified);
        let evidence = Evidence {
            id: signed.id.clone(),
            action: facts.action.clone(),
            nonce: facts.nonce.clone(),
            proof: answer.first.clone(),
            public_key,
            date: verified.first.date,
        };
        let authority = verified.signing(Authority::of_challenge(&challenge).during(session));
        // What is not kept counts nothing: nobody uses the user's actions up with a session that has ended.
        let counted = self.reserve(session).await?;
        let kept = self
            .store
            .sign_action(authority, verified.uses(), evidence)
            .await;
        if kept.is_err() {
            self.throttle.give_back(counted);
        }
        if let Err(UseError::CounterRegressed | UseError::Authority(AuthorityConflict::Void)) = kept
            && known.is_some()
        {
            // The challenge may know what is no longer so, a counter above all: what is kept says it, and it is noted.
            told.credential = None;
            self.factors.verify(&ceremony, answer, told).await?;
        }
        kept?;
        Ok(ceremonies.tokens.sign_user_action(&signed))
    }

    /// Counts an action before it is kept. Until that is refused it is counted for a session that has ended too, so
    /// beyond half of what the user may sign the session has to hold first.
    async fn reserve(&self, session: &Session) -> Result<Reservation, FactorError> {
        if let Ok(early) = self.throttle.reserve_action_early(&session.user) {
            return Ok(early);
        }
        if self.spent.is_live(session).await? {
            Ok(self.throttle.reserve_action(&session.user)?)
        } else {
            Err(FactorError::InvalidChallenge)
        }
    }

    /// The signed action of a token, if it permits this user to make this request. Using it up is part
    /// of the request's effect.
    ///
    /// # Errors
    /// [`NotPermitted`].
    pub fn check(
        &self,
        session: &Session,
        token: &str,
        request: &UserAction,
    ) -> Result<SignedUserAction, NotPermitted> {
        let ceremonies = self.ceremonies();
        let signed = ceremonies
            .tokens
            .read_user_action(token, ceremonies.now())
            .map_err(|_invalid| NotPermitted)?;
        let is_own = signed.organization == session.organization
            && signed.user == session.user
            && signed.epoch == session.epoch;
        if is_own && signed.action.permits(request) {
            Ok(signed)
        } else {
            Err(NotPermitted)
        }
    }

    /// Uses up a signed action whose effect is kept elsewhere. Of any number of calls for one action, on any
    /// number of replicas, one returns `Ok`, and only while everybody it stands for may act: the user and each
    /// credential that signed. What uses it up with an effect of this service is that effect.
    ///
    /// # Errors
    /// [`ExerciseError`]; let nothing follow then.
    pub async fn spend(&self, request: &SignedRequest) -> Result<(), ExerciseError> {
        let spent = self.spent.exercise(request.authority()).await;
        let facts = Facts::from(request);
        let events = &self.ceremonies().events;
        events.tell(Event::SpendUserAction, &facts, spent)
    }

    fn signed(
        &self,
        session: &Session,
        challenge: &Challenge<purpose::UserAction>,
        verified: &VerifiedFactors,
    ) -> SignedUserAction {
        let ceremonies = self.ceremonies();
        let issued = ceremonies.now();
        SignedUserAction {
            id: UserActionId::of(&challenge.id),
            organization: session.organization.clone(),
            user: session.user.clone(),
            epoch: session.epoch,
            signers: verified
                .uses()
                .into_iter()
                .map(|used| used.credential)
                .collect(),
            action: challenge.purpose.action.clone(),
            issued,
            expires: issued.plus(ceremonies.policy.lifetimes.user_action),
        }
    }

    const fn ceremonies(&self) -> &Ceremonies {
        &self.factors.ceremonies
    }
}

/// Requires that what is kept of a proof is not long. (A true signature has the length of its key.)
fn require_short(proof: &AssertionProof) -> Result<(), FactorError> {
    let authenticator_data = match &proof.used {
        Used::Fido2 {
            authenticator_data, ..
        } => authenticator_data.len(),
        Used::Key { .. } | Used::PasswordProtectedKey { .. } => 0,
    };
    for (member, length) in [
        ("clientData", proof.client_data.len()),
        ("authenticatorData", authenticator_data),
    ] {
        if length > MAXIMUM_KEPT {
            return Err(FactorError::TooLong {
                member,
                maximum: MAXIMUM_KEPT,
            });
        }
    }
    Ok(())
}

impl From<&SignedRequest> for Facts {
    fn from(request: &SignedRequest) -> Self {
        Self {
            address: Some(request.address),
            organization: Some(request.session.organization.clone()),
            user: Some(request.session.user.clone()),
            by_credential: Some(request.signer().clone()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
