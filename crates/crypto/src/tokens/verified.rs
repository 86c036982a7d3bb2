//! Session tokens that were verified.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use latchkey_domain::{session::Session, time::Timestamp};

/// How many tokens a generation has: what a table of 2,048 places holds. There are two generations, and a
/// session takes half a kibibyte, with one more if its username is as long as it can be: together they are
/// 2 MiB, and never more than 6.
const GENERATION: usize = 1_792;

/// What the most recently used session tokens say, so that a signature is verified once and not with every
/// request. Only what was verified gets here. It is known by a digest of the whole token, and forgotten when
/// it expires; it is no part of the question whether the session still holds, which the store answers each
/// time.
///
/// It belongs to the keys that verified, and ends with them: a process reads its keys when it starts.
#[derive(Default)]
pub(super) struct VerifiedSessions(Mutex<Generations>);

/// The younger generation is filled; then it is the older one, and what was not used meanwhile is forgotten.
#[derive(Default)]
struct Generations {
    younger: HashMap<TokenDigest, Session>,
    older: HashMap<TokenDigest, Session>,
}

/// The SHA-256 of a whole token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Of this token; nothing only if the digest had another size.
    pub(super) fn of(token: &str) -> Option<Self> {
        let digest = digest(&SHA256, token.as_bytes());
        digest.as_ref().try_into().ok().map(Self)
    }
}

impl VerifiedSessions {
    /// What that token says, if it was verified, is remembered and has not expired.
    pub(super) fn find(&self, token: TokenDigest, now: Timestamp) -> Option<Session> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = generations.older.remove(&token) {
            generations.keep(token, session);
        }
        let session = generations.younger.get(&token)?;
        if now < session.expires {
            return Some(session.clone());
        }
        generations.younger.remove(&token);
        None
    }

    /// Remembers what that token says, which was verified just now.
    pub(super) fn keep(&self, token: TokenDigest, session: Session) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.keep(token, session);
    }
}

impl Generations {
    fn keep(&mut self, token: TokenDigest, session: Session) {
        if self.younger.len() >= GENERATION {
            self.older = mem::take(&mut self.younger);
        }
        self.younger.insert(token, session);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use latchkey_domain::{
        id::{CredentialUuid, InstallationId, OrganizationId, TokenId, UserId},
        text::Username,
        user::{Epoch, UserKind},
    };
    use latchkey_service::ports::tokens::{InvalidToken, Tokens as _};

    use super::*;
    use crate::{entropy::SystemEntropy, secrets::Secrets, tokens::SignedTokens};

    const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_795_374_000_250);

    fn session() -> Session {
        Session {
            id: TokenId::from_random(&[1; 32]),
            organization: OrganizationId::from_random(&[2; 32]),
            user: UserId::from_random(&[3; 32]),
            username: Username::new("ada@example.com").unwrap(),
            user_kind: UserKind::EndUser,
            epoch: Epoch::new(1),
            credential: CredentialUuid::from_random(&[4; 32]),
            credential_kind: None,
            application: None,
            issued: NOW,
            expires: NOW.plus(Duration::from_millis(1)),
        }
    }

    fn token(number: usize) -> TokenDigest {
        TokenDigest::of(&number.to_string()).unwrap()
    }

    fn remembered(sessions: &VerifiedSessions) -> usize {
        let generations = sessions.0.lock().unwrap();
        generations.younger.len() + generations.older.len()
    }

    #[test]
    fn the_signature_of_a_session_is_verified_once() {
        let secrets = Secrets::generate(&SystemEntropy, NOW).unwrap();
        let mut tokens = SignedTokens::new(&secrets, &InstallationId::from_random(&[1; 32]));
        let [seen, unseen] = [1, 2].map(|epoch| Session {
            epoch: Epoch::new(epoch),
            ..session()
        });
        let [token, other] = [&seen, &unseen].map(|session| tokens.sign_session(session));
        assert_eq!(tokens.read_session(&token, NOW).as_ref(), Ok(&seen));
        tokens.published.clear();
        assert_eq!(tokens.read_session(&token, NOW), Ok(seen));
        assert_eq!(tokens.read_session(&other, NOW), Err(InvalidToken));
    }

    #[test]
    fn no_more_than_two_generations_are_remembered_and_those_in_use_stay() {
        let sessions = VerifiedSessions::default();
        for number in 0..5 * GENERATION {
            sessions.keep(token(number), session());
            assert!(sessions.find(token(0), NOW).is_some(), "{number}");
            assert!(remembered(&sessions) <= 2 * GENERATION, "{number}");
        }
        assert!(sessions.find(token(1), NOW).is_none());
        assert!(sessions.find(token(5 * GENERATION - 1), NOW).is_some());
    }

    #[test]
    fn what_has_expired_is_forgotten() {
        let sessions = VerifiedSessions::default();
        sessions.keep(token(0), session());
        assert_eq!(sessions.find(token(0), NOW), Some(session()));
        assert_eq!(sessions.find(token(1), NOW), None);
        assert_eq!(sessions.find(token(0), session().expires), None);
        assert_eq!(remembered(&sessions), 0);
    }
}
