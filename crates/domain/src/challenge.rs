//! Challenges: texts that a credential must sign in one ceremony, bound to one purpose.

pub mod purpose;

use std::{convert::Infallible, fmt};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use self::purpose::Purpose;
use crate::{
    base36,
    id::{ApplicationId, ChallengeId, OrganizationId, UserId},
    time::Timestamp,
    user_action::UserAction,
};

/// The challenge text C: canonical unpadded base64url of the ASCII text `ch-` and base-36 symbols
/// (API contract §3.1). It is public; only its freshness matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeText(String);

/// A text that is not a challenge text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a challenge text")]
pub struct ChallengeTextError;

impl ChallengeText {
    /// The fewest base-36 symbols after `ch-`: 26 of them hold 134 bits.
    const SYMBOLS: usize = 26;

    /// A fresh challenge from 32 random bytes.
    pub fn from_random(random: &[u8; 32]) -> Self {
        Self::of_symbols(&base36::encode(random, Self::SYMBOLS))
    }

    /// The challenge that commits to a user action: whoever signs it has signed the action, and the
    /// evidence (the nonce and the action's parts) proves it to anybody later.
    ///
    /// It is base-36 of SHA-256 over nonce, organization, user, method, path with query and payload
    /// digest, each preceded by its length as eight big-endian bytes.
    pub fn for_user_action(
        nonce: &ActionNonce,
        organization: &OrganizationId,
        user: &UserId,
        action: &UserAction,
    ) -> Self {
        let mut hash = Sha256::new();
        for part in [
            nonce.as_bytes().as_slice(),
            organization.as_str().as_bytes(),
            user.as_str().as_bytes(),
            action.method.as_str().as_bytes(),
            action.path.as_str().as_bytes(),
            action.payload.as_bytes().as_slice(),
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        Self::of_symbols(&base36::encode(&digest, base36::SYMBOLS_OF_256_BITS))
    }

    fn of_symbols(symbols: &str) -> Self {
        Self(BASE64URL_NOPAD.encode(format!("ch-{symbols}").as_bytes()))
    }

    /// Reads a challenge text back, for instance from a challenge identifier.
    ///
    /// # Errors
    /// [`ChallengeTextError`] when it is not of the form this service makes.
    pub fn parse(text: impl Into<String>) -> Result<Self, ChallengeTextError> {
        let text = text.into();
        let decoded = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_malformed| ChallengeTextError)?;
        let symbols = decoded.strip_prefix(b"ch-").ok_or(ChallengeTextError)?;
        let base36 = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        if symbols.len() >= Self::SYMBOLS && symbols.iter().all(base36) {
            Ok(Self(text))
        } else {
            Err(ChallengeTextError)
        }
    }

    /// C itself, as it is sent to the client.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// base64url of the UTF-8 bytes of C: what browser clients put into client data (API contract
    /// §3.2). The only other form accepted there is C itself.
    pub fn encoded_twice(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.as_bytes())
    }
}

impl fmt::Display for ChallengeText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Sixteen random bytes that make the challenge of a user action unpredictable; kept as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionNonce([u8; 16]);

impl ActionNonce {
    /// The nonce with these bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A fresh nonce: the first half of 32 random bytes.
    pub fn from_random(random: &[u8; 32]) -> Self {
        let mut bytes = [0; 16];
        for (byte, drawn) in bytes.iter_mut().zip(random) {
            *byte = *drawn;
        }
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The facts that a challenge identifier carries to the completing call; what it is for is known by its
/// type once it has been [`accept`](Challenge::accept)ed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge<P = Purpose> {
    /// Identifies it, so that it can be spent.
    pub id: ChallengeId,
    /// What must be signed.
    pub text: ChallengeText,
    /// The organization the ceremony takes place in.
    pub organization: OrganizationId,
    /// The application it takes place in; absent when the client named none, and then a proof may be
    /// for any application of the organization.
    pub application: Option<ApplicationId>,
    /// What it is for.
    pub purpose: P,
    /// When it was issued.
    pub issued: Timestamp,
    /// From this moment on it is void.
    pub expires: Timestamp,
}

impl Challenge {
    /// The challenge, if it is for this purpose.
    ///
    /// # Errors
    /// [`OtherPurpose`](purpose::OtherPurpose).
    pub fn accept<P: TryFrom<Purpose>>(self) -> Result<Challenge<P>, P::Error> {
        self.map(P::try_from)
    }
}

impl Challenge<()> {
    /// The same, for that.
    pub fn of<P>(self, purpose: P) -> Challenge<P> {
        let Ok(challenge) = self.map(|()| Ok::<_, Infallible>(purpose));
        challenge
    }
}

impl<P> Challenge<P> {
    fn map<Q, E>(self, purpose: impl FnOnce(P) -> Result<Q, E>) -> Result<Challenge<Q>, E> {
        Ok(Challenge {
            id: self.id,
            text: self.text,
            organization: self.organization,
            application: self.application,
            purpose: purpose(self.purpose)?,
            issued: self.issued,
            expires: self.expires,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        samples::{action, organization, user},
        user_action::{Method, PayloadDigest},
    };

    #[test]
    fn a_challenge_decodes_to_ascii() {
        let text = ChallengeText::from_random(&[7; 32]);
        let decoded = BASE64URL_NOPAD.decode(text.as_str().as_bytes()).unwrap();
        let decoded = String::from_utf8(decoded).unwrap();
        assert!(decoded.starts_with("ch-"));
        assert_eq!(decoded.len(), 29);
        assert_eq!(ChallengeText::parse(text.to_string()), Ok(text.clone()));
        let twice = BASE64URL_NOPAD.decode(text.encoded_twice().as_bytes());
        assert_eq!(twice.unwrap(), text.as_str().as_bytes());
    }

    #[test]
    fn a_nonce_is_made_of_random_bytes() {
        let random = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let nonce = ActionNonce::from_random(&random);
        assert_eq!(nonce.as_bytes()[..], random[..16]);
    }

    #[test]
    fn other_texts_are_not_challenges() {
        let padded = data_encoding::BASE64URL.encode(b"ch-aaaaaaaaaaaaaaaaaaaaaaaaaa");
        let short = BASE64URL_NOPAD.encode(b"ch-aaaaaaaaaaaaaaaaaaaaaaaaa");
        let upper = BASE64URL_NOPAD.encode(b"ch-AAAAAAAAAAAAAAAAAAAAAAAAAA");
        for text in ["", "ch-", "?", &padded, &short, &upper] {
            assert_eq!(
                ChallengeText::parse(text),
                Err(ChallengeTextError),
                "{text}"
            );
        }
    }

    #[test]
    fn the_challenge_of_an_action_commits_to_every_part() {
        let nonce = ActionNonce::new([1; 16]);
        let base = action("/a");
        let (organization, user) = (organization(), user());
        let mut put = base.clone();
        put.method = Method::Put;
        let mut payload = base.clone();
        payload.payload = PayloadDigest::new([1; 32]);
        let other_nonce = ActionNonce::new([9; 16]);
        let other_organization = OrganizationId::from_random(&[9; 32]);
        let other_user = UserId::from_random(&[9; 32]);
        let all = [
            (&nonce, &organization, &user, &base),
            (&other_nonce, &organization, &user, &base),
            (&nonce, &other_organization, &user, &base),
            (&nonce, &organization, &other_user, &base),
            (&nonce, &organization, &user, &put),
            (&nonce, &organization, &user, &action("/a?b")),
            (&nonce, &organization, &user, &payload),
        ]
        .map(|(nonce, organization, user, action)| {
            ChallengeText::for_user_action(nonce, organization, user, action)
        });
        // As another program computed it from the documented form.
        let expected = "Y2gtMG1wN3c5OWt4cHd6c3FtZWI0ZWZjd3llMDlyeDE4c25qbzN4dTYwd2RxNDRjaWl3eHM";
        assert_eq!(all[0].as_str(), expected);
        for (index, one) in all.iter().enumerate() {
            assert!(ChallengeText::parse(one.as_str()).is_ok());
            for other in all.iter().skip(index + 1) {
                assert_ne!(one, other);
            }
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = ChallengeText::parse(text);
        }
    }
}
