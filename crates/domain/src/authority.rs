//! Authority: what must still be true when a change takes effect, what it uses up, and who is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use crate::{
    challenge::{
        Challenge,
        purpose::{Held, Login},
    },
    credential_code::CredentialCode,
    id::{ApplicationId, CredentialUuid, OrganizationId, TokenId, UserId},
    message::NewMessage,
    session::Session,
    session_code::SessionCode,
    time::Timestamp,
    user::Epoch,
    user_action::SignedUserAction,
};

/// Something that may be used once, told by its identifier in the ledger of spent things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// What kind of thing it is; an answer names it.
    pub item: Spendable,
    /// Its identifier.
    pub id: String,
    /// Until when the ledger must remember it at least.
    pub expires: Timestamp,
}

/// The kinds of things that may be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spendable {
    /// A challenge.
    Challenge,
    /// A signed user action.
    UserAction,
    /// A session, which logging out ends.
    Session,
    /// A session code.
    SessionCode,
}

impl Spend {
    /// Uses up a challenge.
    pub fn challenge<P>(challenge: &Challenge<P>) -> Self {
        Self {
            item: Spendable::Challenge,
            id: challenge.id.to_string(),
            expires: challenge.expires,
        }
    }

    /// Uses up a signed user action.
    pub fn user_action(action: &SignedUserAction) -> Self {
        Self {
            item: Spendable::UserAction,
            id: action.id.to_string(),
            expires: action.expires,
        }
    }

    /// Ends a session.
    pub fn session(session: &Session) -> Self {
        Self {
            item: Spendable::Session,
            id: session.id.to_string(),
            expires: session.expires,
        }
    }

    /// Uses up a session code.
    pub fn session_code(code: &SessionCode) -> Self {
        Self {
            item: Spendable::SessionCode,
            id: code.id.to_string(),
            expires: code.expires,
        }
    }
}

/// What allows a change. Whoever carries the change out requires, in the same transaction, that the
/// organization, the user, every application and every credential named here are active and belong
/// together, that no credential was activated after what it signed was issued, that the
/// [`session`](Self::session) was not ended, that the user's epoch is unchanged, and that nothing named in
/// [`spends`](Self::spends) was used up before; and keeps the [`messages`](Self::messages) that tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    organization: OrganizationId,
    user: UserId,
    epoch: Epoch,
    issued: Timestamp,
    session: Option<TokenId>,
    credentials: BTreeMap<CredentialUuid, Timestamp>,
    applications: BTreeSet<ApplicationId>,
    settled_at: Option<Timestamp>,
    spends: Vec<Spend>,
    messages: Vec<NewMessage>,
}

impl Authority {
    /// The authority of somebody who is signed in and signed exactly this request: uses up the user
    /// action.
    pub fn of_user_action(session: &Session, action: &SignedUserAction) -> Self {
        let issued = action.issued;
        let authority = Self::of(&session.organization, &session.user, session.epoch, issued);
        let signers = action.signers.iter().cloned();
        signers
            .fold(authority, Self::signed_by)
            .during(session)
            .spending(Spend::user_action(action))
    }

    /// The authority of somebody who is signed in.
    pub fn of_session(session: &Session) -> Self {
        let issued = session.issued;
        Self::of(&session.organization, &session.user, session.epoch, issued).during(session)
    }

    /// The authority of a challenge whose proof was verified: uses up the challenge, unless it is
    /// used up [with what comes of it](Held::SPENDS_CHALLENGE).
    pub fn of_challenge<P: Held>(challenge: &Challenge<P>) -> Self {
        let holder = challenge.purpose.holder();
        let mut authority = Self::answering(challenge, holder.user, holder.epoch);
        if P::SPENDS_CHALLENGE {
            authority = authority.spending(Spend::challenge(challenge));
        }
        let credential = holder.credential.into_iter().cloned();
        credential.fold(authority, Self::signed_by)
    }

    /// The authority of a sign-in: the user is who owns the credential that signed, in the epoch in which the user was
    /// named. Where nobody was, nothing was begun that could end with an epoch, and it is the present one.
    pub fn of_sign_in(challenge: &Challenge<Login>, user: &UserId, present: Epoch) -> Self {
        let epoch = challenge.purpose.epoch.unwrap_or(present);
        Self::answering(challenge, user, epoch).spending(Spend::challenge(challenge))
    }

    fn answering<P>(challenge: &Challenge<P>, user: &UserId, epoch: Epoch) -> Self {
        Self::of(&challenge.organization, user, epoch, challenge.issued)
            .within(&challenge.application)
    }

    fn of(organization: &OrganizationId, user: &UserId, epoch: Epoch, issued: Timestamp) -> Self {
        Self {
            organization: organization.clone(),
            user: user.clone(),
            epoch,
            issued,
            session: None,
            credentials: BTreeMap::new(),
            applications: BTreeSet::new(),
            settled_at: None,
            spends: vec![],
            messages: vec![],
        }
    }

    /// The authority of somebody who enters a code, whoever that is: what its owner allowed by issuing it.
    pub fn of_code(code: &CredentialCode) -> Self {
        Self::of(&code.organization, &code.user, code.epoch, code.issued)
            .signed_by(code.issuer.clone())
    }

    /// Also requires this credential to be active, and not to have been activated since what it signed was issued.
    #[must_use]
    pub fn signed_by(self, credential: CredentialUuid) -> Self {
        let issued = self.issued;
        self.proven_by(credential, issued)
    }

    /// Also requires this session of the same user and epoch to hold: that it was not ended, and that the credential
    /// which signed in is active and was not activated since.
    #[must_use]
    pub fn during(mut self, session: &Session) -> Self {
        self.session = Some(session.id.clone());
        self.proven_by(session.credential.clone(), session.issued)
    }

    fn proven_by(mut self, credential: CredentialUuid, since: Timestamp) -> Self {
        let earlier = self.credentials.entry(credential).or_insert(since);
        *earlier = since.min(*earlier);
        self
    }

    /// Also requires these applications, for which credentials are made, to be active.
    #[must_use]
    pub fn within<'a>(mut self, applications: impl IntoIterator<Item = &'a ApplicationId>) -> Self {
        self.applications.extend(applications.into_iter().cloned());
        self
    }

    /// Also requires that none of the credentials is fresh at that moment: one that was made with a code,
    /// as lately as the organization says.
    #[must_use]
    pub fn unless_fresh(self, at: Timestamp) -> Self {
        Self {
            settled_at: Some(at),
            ..self
        }
    }

    /// The same, however fresh a credential is.
    #[must_use]
    pub fn however_fresh(self) -> Self {
        Self {
            settled_at: None,
            ..self
        }
    }

    /// Also uses this up.
    #[must_use]
    pub fn spending(mut self, spend: Spend) -> Self {
        self.spends.push(spend);
        self
    }

    /// Also keeps this message, which tells of the change when it has taken effect.
    #[must_use]
    pub fn telling(mut self, message: NewMessage) -> Self {
        self.messages.push(message);
        self
    }

    /// Takes the messages out, for a change that decides only when it takes effect whether there is
    /// something to tell.
    #[must_use]
    pub fn take_messages(&mut self) -> Vec<NewMessage> {
        mem::take(&mut self.messages)
    }

    /// The organization; must be active.
    pub const fn organization(&self) -> &OrganizationId {
        &self.organization
    }

    /// The user; must be active.
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// The epoch that the user must still have.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The session that must not have been ended, where somebody signed in makes the change.
    pub const fn session(&self) -> Option<&TokenId> {
        self.session.as_ref()
    }

    /// The credentials that must still be active, and with them the applications they belong to; each with the moment
    /// since which it may not have been activated, so that what ended when it was deactivated stays ended.
    pub const fn credentials(&self) -> &BTreeMap<CredentialUuid, Timestamp> {
        &self.credentials
    }

    /// The applications that must be active.
    pub const fn applications(&self) -> &BTreeSet<ApplicationId> {
        &self.applications
    }

    /// The moment at which none of the credentials may be fresh, where that is required.
    pub const fn settled_at(&self) -> Option<Timestamp> {
        self.settled_at
    }

    /// What must not have been used up before, and is from now on.
    pub fn spends(&self) -> &[Spend] {
        &self.spends
    }

    /// What is told of the change, if it takes effect.
    pub fn messages(&self) -> &[NewMessage] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        id::MessageId,
        message::{MessageKind, SealedText},
        samples::{
            EPOCH, NOW, adding, challenge, credential, organization, recovery, registration,
            session, signed_action, signing, user, with_code,
        },
    };

    fn spend(item: Spendable, id: &impl ToString, expires: Timestamp) -> Spend {
        let id = id.to_string();
        Spend { item, id, expires }
    }

    /// Whose it is, the session, the credentials it requires and since when, the applications, and what it uses up.
    type Parts<'a> = (
        (&'a OrganizationId, &'a UserId, Epoch),
        Option<&'a TokenId>,
        Vec<(&'a CredentialUuid, Timestamp)>,
        Vec<&'a ApplicationId>,
        &'a [Spend],
    );

    fn parts(authority: &Authority) -> Parts<'_> {
        (
            (
                authority.organization(),
                authority.user(),
                authority.epoch(),
            ),
            authority.session(),
            authority
                .credentials()
                .iter()
                .map(|(credential, since)| (credential, *since))
                .collect(),
            authority.applications().iter().collect(),
            authority.spends(),
        )
    }

    #[test]
    fn a_session_requires_its_credential_and_uses_up_nothing() {
        let session = session();
        let authority = Authority::of_session(&session);
        let whose = (&organization(), &user(), EPOCH);
        let credentials = vec![(&session.credential, session.issued)];
        assert_eq!(
            parts(&authority),
            (whose, Some(&session.id), credentials, vec![], &[][..])
        );
    }

    #[test]
    fn a_user_action_requires_its_session_and_all_its_signers_and_is_used_up() {
        let session = session();
        let other = CredentialUuid::from_random(&[9; 32]);
        for signer in [&other, &session.credential] {
            let action = SignedUserAction {
                issued: session.issued.plus(Duration::from_secs(1)),
                ..signed_action(signer.clone())
            };
            let authority = Authority::of_user_action(&session, &action);
            let whose = (&organization(), &user(), EPOCH);
            // What signed both must not have been activated since the earlier of them.
            let mut credentials = vec![(&session.credential, session.issued)];
            if *signer == other {
                credentials.push((signer, action.issued));
                credentials.sort_unstable();
            }
            let spends = [spend(Spendable::UserAction, &action.id, action.expires)];
            assert_eq!(
                parts(&authority),
                (whose, Some(&session.id), credentials, vec![], &spends[..])
            );
        }
    }

    fn requires<P: Held>(purpose: P, credentials: &[CredentialUuid], spends_challenge: bool) {
        let challenge = challenge(purpose);
        let authority = Authority::of_challenge(&challenge);
        let whose = (&organization(), &user(), EPOCH);
        let credentials = credentials
            .iter()
            .map(|credential| (credential, challenge.issued))
            .collect();
        let applications: Vec<_> = challenge.application.iter().collect();
        let spends = [spend(
            Spendable::Challenge,
            &challenge.id,
            challenge.expires,
        )];
        let spends = if spends_challenge { &spends[..] } else { &[] };
        assert_eq!(
            parts(&authority),
            (whose, None, credentials, applications, spends)
        );
    }

    #[test]
    fn a_challenge_requires_what_its_ceremony_began_with_and_is_used_up() {
        requires(registration(), &[], true);
        requires(adding(), &[credential()], true);
        // What comes of these is: a signed action has the challenge's id, and a code was claimed by it.
        requires(signing(), &[credential()], false);
        requires(with_code(), &[credential()], false);
        requires(recovery(), &[credential()], true);
    }

    #[test]
    fn a_sign_in_is_of_who_signed() {
        let present = EPOCH.next();
        for (named, epoch, required) in [
            (None, None, present),
            (Some(user()), Some(EPOCH), EPOCH),
            (Some(user()), None, present),
        ] {
            let challenge = challenge(Login { user: named, epoch });
            let owner = UserId::from_random(&[9; 32]);
            let authority = Authority::of_sign_in(&challenge, &owner, present);
            let whose = (&organization(), &owner, required);
            let applications: Vec<_> = challenge.application.iter().collect();
            let spends = [Spend::challenge(&challenge)];
            assert_eq!(
                parts(&authority),
                (whose, None, vec![], applications, &spends[..])
            );
        }
    }

    #[test]
    fn what_is_added_is_required_used_up_and_told() {
        let session = session();
        let added = CredentialUuid::from_random(&[9; 32]);
        let application = ApplicationId::from_random(&[9; 32]);
        let message = NewMessage {
            id: MessageId::from_random(&[9; 32]),
            kind: MessageKind::CredentialAdded,
            user: user(),
            sealed: SealedText::new(vec![]),
            created: NOW,
            due: NOW,
            expires: NOW,
        };
        let mut authority = Authority::of_session(&session)
            .signed_by(added.clone())
            .within([&application])
            .spending(Spend::session(&session))
            .telling(message.clone());
        let whose = (&organization(), &user(), EPOCH);
        let mut credentials = vec![
            (&session.credential, session.issued),
            (&added, session.issued),
        ];
        credentials.sort_unstable();
        let spends = [spend(Spendable::Session, &session.id, session.expires)];
        assert_eq!(
            parts(&authority),
            (
                whose,
                Some(&session.id),
                credentials,
                vec![&application],
                &spends[..]
            )
        );
        assert_eq!(authority.messages(), std::slice::from_ref(&message));
        assert_eq!(authority.take_messages(), [message]);
        assert_eq!(authority.messages(), []);
    }

    #[test]
    fn that_nothing_is_fresh_is_required_where_it_is_said_and_no_more() {
        let authority = Authority::of_session(&session());
        assert_eq!(authority.settled_at(), None);
        let settled = authority.clone().unless_fresh(NOW);
        assert_eq!(settled.settled_at(), Some(NOW));
        assert_eq!(parts(&settled), parts(&authority));
        assert_eq!(settled.however_fresh(), authority);
    }
}
