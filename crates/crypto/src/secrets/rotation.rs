//! The signing keys of an installation, and how they take turns.

use std::time::Duration;

use latchkey_domain::time::Timestamp;
use latchkey_service::ports::entropy::Entropy;

use super::{Secrets, SecretsError, SigningKey};

/// How long a key is published before it may sign: longer than services beside this one keep the key set
/// (five minutes, as its `Cache-Control` says), and long enough to start every process anew.
pub const PUBLISHED_BEFORE: Duration = Duration::from_mins(10);

/// How long a key stays published after it stopped signing: a day, which is the longest that a token can be
/// set to live, and another one for processes that went on with it until they were started anew.
pub const PUBLISHED_AFTER: Duration = Duration::from_hours(48);

/// The signing keys; at least the one that signs.
pub(super) struct SigningKeys {
    pub(super) signs: SigningKey,
    pub(super) others: Vec<OtherKey>,
}

/// A key that does not sign at present.
pub(super) struct OtherKey {
    pub(super) key: SigningKey,
    /// When it stopped signing; unknown when it has not begun, or was listed by hand.
    pub(super) stopped: Option<Timestamp>,
}

/// What may be told of a signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyFacts {
    /// What tokens name it by.
    pub kid: String,
    /// When it was made.
    pub created: Timestamp,
    /// What it does.
    pub state: SigningKeyState,
}

/// What a signing key does. Whatever that is, it is published, and what it signed is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKeyState {
    /// It is the next to sign.
    Next,
    /// It signs.
    Signs,
    /// It signed until then.
    Retired(Timestamp),
}

/// Why signing keys are not rotated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// One key after another.
    #[error("there is a next key already: {0}")]
    NextIsThere(String),
    /// A key that signs must have been published before.
    #[error("there is no next key: publish one first, and start every process anew")]
    NoNext,
    /// Nothing has stopped signing.
    #[error("no key is retired")]
    NoneRetired,
    /// Not everybody may know the key, or some tokens may be alive still.
    #[error("it is too early")]
    TooEarly {
        /// From when on it may be done.
        until: Timestamp,
    },
    /// The random bytes that were drawn are not random.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

impl Secrets {
    /// These secrets with a key that is published and signs nothing yet.
    ///
    /// # Errors
    /// [`RotationError::NextIsThere`], or that the random bytes are not random.
    pub fn with_next_key(
        mut self,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, RotationError> {
        let SigningKeys { signs, others } = &mut self.signing_keys;
        if let Some(next) = others.iter().find(|other| other.is_after(signs)) {
            return Err(RotationError::NextIsThere(next.key.kid().to_owned()));
        }
        // It is told from retired ones by its age, even if the clock went back.
        let created = now.max(signs.created().plus(Duration::from_millis(1)));
        let key = SigningKey::generate(entropy, created).ok_or(SecretsError::NotGenerated)?;
        let next = OtherKey { key, stopped: None };
        others.insert(0, next);
        Ok(self)
    }

    /// These secrets with the next key signing. The one that signed is retired, and stays accepted and
    /// published.
    ///
    /// # Errors
    /// [`RotationError::NoNext`], and [`RotationError::TooEarly`] before it was published for so long, which
    /// should be [`PUBLISHED_BEFORE`].
    pub fn signing_with_next_key(
        self,
        now: Timestamp,
        published: Duration,
    ) -> Result<Self, RotationError> {
        let SigningKeys { signs, others } = self.signing_keys;
        let (next, retired): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|other| other.is_after(&signs));
        let mut next = next.into_iter();
        let first = next.next().ok_or(RotationError::NoNext)?;
        let until = first.key.created().plus(published);
        if now < until {
            return Err(RotationError::TooEarly { until });
        }
        let stopped = |key, stopped: Option<Timestamp>| OtherKey {
            key,
            stopped: Some(stopped.unwrap_or(now)),
        };
        let previous = stopped(signs, None);
        let retired = retired
            .into_iter()
            .map(|other| stopped(other.key, other.stopped));
        Ok(Self {
            signing_keys: SigningKeys {
                signs: first.key,
                others: next.chain([previous]).chain(retired).collect(),
            },
            ..self
        })
    }

    /// These secrets without the keys that stopped signing so long ago, which should be [`PUBLISHED_AFTER`].
    ///
    /// # Errors
    /// [`RotationError::NoneRetired`], and [`RotationError::TooEarly`] when there are none that long ago.
    pub fn without_retired_keys(
        self,
        now: Timestamp,
        published: Duration,
    ) -> Result<Self, RotationError> {
        let SigningKeys { signs, others } = self.signing_keys;
        let ends = |other: &OtherKey| match other.state(&signs) {
            SigningKeyState::Retired(stopped) => Some(stopped.plus(published)),
            SigningKeyState::Next | SigningKeyState::Signs => None,
        };
        let until = others.iter().filter_map(ends).min();
        let until = until.ok_or(RotationError::NoneRetired)?;
        if now < until {
            return Err(RotationError::TooEarly { until });
        }
        let stays = |other: &OtherKey| ends(other).is_none_or(|end| now < end);
        let others = others.into_iter().filter(stays).collect();
        Ok(Self {
            signing_keys: SigningKeys { signs, others },
            ..self
        })
    }

    /// What may be told of the signing keys; the one that signs comes first.
    pub fn signing_key_facts(&self) -> Vec<SigningKeyFacts> {
        let SigningKeys { signs, others } = &self.signing_keys;
        let facts = |key: &SigningKey, state| SigningKeyFacts {
            kid: key.kid().to_owned(),
            created: key.created(),
            state,
        };
        let others = others
            .iter()
            .map(|other| facts(&other.key, other.state(signs)));
        std::iter::once(facts(signs, SigningKeyState::Signs))
            .chain(others)
            .collect()
    }
}

impl SigningKeys {
    /// The keys in the order of the text, and when they stopped signing.
    pub(super) fn all(&self) -> impl Iterator<Item = (&SigningKey, Option<Timestamp>)> {
        let others = self.others.iter().map(|other| (&other.key, other.stopped));
        std::iter::once((&self.signs, None)).chain(others)
    }

    pub(super) fn refuse_repeated(&self) -> Result<(), SecretsError> {
        for (index, (key, _)) in self.all().enumerate() {
            if (self.all().take(index)).any(|(other, _)| other.kid() == key.kid()) {
                return Err(SecretsError::RepeatedSigningKey {
                    position: index + 1,
                });
            }
        }
        Ok(())
    }
}

impl OtherKey {
    /// Whether it is to sign after that one.
    fn is_after(&self, signs: &SigningKey) -> bool {
        self.stopped.is_none() && self.key.created() > signs.created()
    }

    /// What it does while that one signs. One that was listed by hand stopped when that one was made.
    fn state(&self, signs: &SigningKey) -> SigningKeyState {
        if self.is_after(signs) {
            SigningKeyState::Next
        } else {
            SigningKeyState::Retired(self.stopped.unwrap_or(signs.created()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{Counting, at, kids, secrets},
        *,
    };

    /// The secrets with another key signing, published an hour before.
    fn rotated(secrets: Secrets, entropy: &Counting, hours: u64) -> Secrets {
        let secrets = secrets.with_next_key(entropy, at(hours - 1)).unwrap();
        secrets
            .signing_with_next_key(at(hours), PUBLISHED_BEFORE)
            .unwrap()
    }

    fn states(secrets: &Secrets) -> Vec<SigningKeyState> {
        let facts = secrets.signing_key_facts().into_iter();
        facts.map(|key| key.state).collect()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_the_fingerprint_stays() {
        let (secrets, entropy) = secrets();
        let (first, fingerprint) = (kids(&secrets), secrets.fingerprint());
        let published = secrets.with_next_key(&entropy, at(1)).unwrap();
        assert_eq!(published.signs_with().kid(), first[0]);
        assert_eq!(
            states(&published),
            [SigningKeyState::Signs, SigningKeyState::Next]
        );
        let next = kids(&published)[1].clone();
        let signing = published
            .signing_with_next_key(at(2), PUBLISHED_BEFORE)
            .unwrap();
        assert_eq!(signing.signs_with().kid(), next);
        assert_eq!(kids(&signing), [next, first[0].clone()]);
        let retired = SigningKeyState::Retired(at(2));
        assert_eq!(states(&signing), [SigningKeyState::Signs, retired]);
        assert_eq!(signing.fingerprint(), fingerprint);
    }

    #[test]
    fn no_key_signs_that_was_not_published_long_enough() {
        let minute = Duration::from_mins(1);
        let sign = |secrets: Secrets, now| secrets.signing_with_next_key(now, PUBLISHED_BEFORE);
        let refused = sign(secrets().0, at(1)).err();
        assert_eq!(refused, Some(RotationError::NoNext));
        let published = || {
            let (secrets, entropy) = secrets();
            secrets.with_next_key(&entropy, at(1)).unwrap()
        };
        let until = at(1).plus(PUBLISHED_BEFORE);
        let early = sign(published(), until.minus(minute));
        assert_eq!(early.err(), Some(RotationError::TooEarly { until }));
        assert!(sign(published(), until).is_ok());
        let at_once = published().signing_with_next_key(at(1), Duration::ZERO);
        // It was made at this moment, and somebody knows that everybody knows it.
        assert!(at_once.is_ok());
        // Once it signs, it is not the next any more.
        let signing = sign(published(), until).unwrap();
        let refused = sign(signing, at(9)).err();
        assert_eq!(refused, Some(RotationError::NoNext));
    }

    #[test]
    fn one_key_is_published_at_a_time() {
        let (secrets, entropy) = secrets();
        let published = secrets.with_next_key(&entropy, at(1)).unwrap();
        let next = kids(&published)[1].clone();
        let refused = published.with_next_key(&entropy, at(2)).err();
        assert_eq!(refused, Some(RotationError::NextIsThere(next)));
    }

    #[test]
    fn the_next_key_is_the_next_although_the_clock_went_back() {
        let entropy = Counting::default();
        let secrets = Secrets::generate(&entropy, at(5)).unwrap();
        let published = secrets.with_next_key(&entropy, at(1)).unwrap();
        assert_eq!(states(&published)[1], SigningKeyState::Next);
    }

    #[test]
    fn a_key_is_dropped_when_the_last_of_its_tokens_has_expired() {
        let (old, entropy) = secrets();
        let drop_at =
            |secrets: Secrets, hours| secrets.without_retired_keys(at(hours), PUBLISHED_AFTER);
        let refused = drop_at(old, 9).err();
        assert_eq!(refused, Some(RotationError::NoneRetired));
        let rotated = || {
            let (secrets, entropy) = secrets();
            rotated(rotated(secrets, &entropy, 2), &entropy, 20)
        };
        // One stopped at 2 and the other one at 20.
        let early = drop_at(rotated(), 49).err();
        assert_eq!(early, Some(RotationError::TooEarly { until: at(50) }));
        let one_left = drop_at(rotated(), 50).unwrap();
        assert_eq!(kids(&one_left), kids(&rotated())[..2]);
        let none_left = drop_at(rotated(), 68).unwrap();
        assert_eq!(kids(&none_left), kids(&rotated())[..1]);
        // The next one is none of them.
        let published = none_left.with_next_key(&entropy, at(69)).unwrap();
        let refused = drop_at(published, 999).err();
        assert_eq!(refused, Some(RotationError::NoneRetired));
    }

    #[test]
    fn keys_that_were_listed_by_hand_are_retired_since_the_first_was_made() {
        let (one, entropy) = secrets();
        let other = Secrets::generate(&entropy, at(7)).unwrap();
        let text = format!(
            "{}\n[[{}",
            *other.to_toml(),
            one.to_toml().split_once("[[").unwrap().1
        );
        let both = Secrets::from_toml(&text).unwrap();
        let retired = SigningKeyState::Retired(at(7));
        assert_eq!(states(&both), [SigningKeyState::Signs, retired]);
        let rotated = rotated(both, &entropy, 9);
        let retired = SigningKeyState::Retired(at(9));
        assert_eq!(states(&rotated)[1..], [retired, retired]);
    }
}
