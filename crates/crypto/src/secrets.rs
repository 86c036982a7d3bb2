//! Secrets: what the service must keep to itself, and the text they are kept as.
//!
//! The text is TOML; where it is kept, a file or the environment, is the server's business. It has an
//! installation secret and a code-digest key, which only [`Secrets::replaced`] changes, and the signing
//! keys of tokens, of which the first one signs. They are rotated in steps, because every process reads the
//! text when it starts, and no token may be signed before all of them know the key:
//! [`Secrets::with_next_key`] publishes a key that signs nothing yet, [`Secrets::signing_with_next_key`]
//! makes it the first, and [`Secrets::without_retired_keys`] drops what no living token can have been signed
//! with.
//!
//! A member that an earlier release does not know is written only when it says something, because that release
//! refuses a text that has it: `stopped` while a key is retired, `replaces` once secrets were replaced.

mod rotation;
mod signing_key;

use aws_lc_rs::{
    hkdf::{HKDF_SHA256, Prk, Salt},
    hmac,
};
use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::time::Timestamp;
use latchkey_service::ports::entropy::Entropy;
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use self::rotation::{OtherKey, SigningKeys};
pub use self::rotation::{
    PUBLISHED_AFTER, PUBLISHED_BEFORE, RotationError, SigningKeyFacts, SigningKeyState,
};
pub(crate) use self::signing_key::SigningKey;

/// The secrets of an installation. They have no `Debug` and no `Display`, and are wiped when dropped.
pub struct Secrets {
    installation_secret: Zeroizing<[u8; 32]>,
    code_digest_key: Zeroizing<[u8; 32]>,
    signing_keys: SigningKeys,
    /// The fingerprints of those in whose place these were made, oldest first.
    replaces: Vec<String>,
}

/// Why a text is not the secrets of an installation. It never says what the text holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The text is no TOML, or has members nobody knows or values of the wrong type.
    #[error("line {line} is not as it should be: {expected}")]
    Syntax {
        /// The first line that is wrong, counted from 1.
        line: usize,
        /// What the whole text should look like.
        expected: &'static str,
    },
    /// A member is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A member is not what it should be.
    #[error("{0} must be the unpadded base64url of 32 random bytes")]
    NotAKey(&'static str),
    /// A signing key is not what it should be.
    #[error("signing key {position} must be the unpadded base64url of a P-256 key in PKCS#8")]
    NotASigningKey {
        /// Which one, counted from 1.
        position: usize,
    },
    /// Two signing keys are the same.
    #[error("signing key {position} is there twice")]
    RepeatedSigningKey {
        /// The second one, counted from 1.
        position: usize,
    },
    /// No signing key could be made of the random bytes that were drawn.
    #[error("no signing key could be made")]
    NotGenerated,
}

/// What the text says.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Text {
    installation_secret: Option<String>,
    code_digest_key: Option<String>,
    #[serde(default)]
    replaces: Vec<String>,
    #[serde(default)]
    signing_keys: Vec<SigningKeyText>,
}

#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct SigningKeyText {
    created: Option<i64>,
    stopped: Option<i64>,
    pkcs8: Option<String>,
}

/// What the text should look like.
const SHAPE: &str = "it should be TOML with installation_secret, code_digest_key and [[signing_keys]] \
                     of created and pkcs8";

/// Says at the head of the text what it is.
const HEAD: &str = "\
# The secrets of one Latchkey installation. Whoever reads them can sign in as anybody: keep them away
# from everybody, and keep a copy in a safe place. All replicas need the same.
#
# The first of the signing keys signs tokens; the others are only accepted and published.

";

impl Secrets {
    /// New secrets.
    ///
    /// # Errors
    /// [`SecretsError::NotGenerated`] when the random bytes are not random.
    pub fn generate(entropy: &dyn Entropy, now: Timestamp) -> Result<Self, SecretsError> {
        Ok(Self {
            installation_secret: Zeroizing::new(entropy.draw()),
            code_digest_key: Zeroizing::new(entropy.draw()),
            signing_keys: SigningKeys {
                signs: SigningKey::generate(entropy, now).ok_or(SecretsError::NotGenerated)?,
                others: vec![],
            },
            replaces: vec![],
        })
    }

    /// Reads the text of secrets.
    ///
    /// # Errors
    /// [`SecretsError`] says what is wrong with the text, without repeating any of it.
    pub fn from_toml(text: &str) -> Result<Self, SecretsError> {
        let read: Text = toml::from_str(text).map_err(|error| SecretsError::Syntax {
            line: line_of(text, &error),
            expected: SHAPE,
        })?;
        let mut keys = read
            .signing_keys
            .iter()
            .enumerate()
            .map(|(index, key)| signing_key(index + 1, key))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let signing_keys = SigningKeys {
            signs: keys
                .next()
                .ok_or(SecretsError::Missing("signing_keys"))?
                .key,
            others: keys.collect(),
        };
        signing_keys.refuse_repeated()?;
        Ok(Self {
            installation_secret: key(read.installation_secret.as_ref(), "installation_secret")?,
            code_digest_key: key(read.code_digest_key.as_ref(), "code_digest_key")?,
            signing_keys,
            replaces: read.replaces.clone(),
        })
    }

    /// The text of these secrets; [`Secrets::from_toml`] reads it back.
    pub fn to_toml(&self) -> Zeroizing<String> {
        let installation_secret = encode(self.installation_secret.as_slice());
        let code_digest_key = encode(self.code_digest_key.as_slice());
        let replaces = match self.replaces.as_slice() {
            [] => String::new(),
            fingerprints => format!("replaces = {fingerprints:?}\n"),
        };
        let mut text = Zeroizing::new(format!(
            "{HEAD}installation_secret = \"{}\"\ncode_digest_key = \"{}\"\n{replaces}",
            *installation_secret, *code_digest_key
        ));
        for (key, stopped) in self.signing_keys.all() {
            let created = key.created().unix_milliseconds();
            let stopped = match stopped {
                Some(moment) => format!("stopped = {}\n", moment.unix_milliseconds()),
                None => String::new(),
            };
            let pkcs8 = encode(key.pkcs8());
            // Built anew rather than appended to, so that no old buffer is left unwiped.
            text = Zeroizing::new(format!(
                "{}\n[[signing_keys]]\ncreated = {created}\n{stopped}pkcs8 = \"{}\"\n",
                *text, *pkcs8
            ));
        }
        text
    }

    /// Other secrets in the place of these, all of them made anew: no code and no token is valid any more,
    /// and no message that waits can be read. They say whose place they take, so that the installation's
    /// database accepts them.
    ///
    /// # Errors
    /// [`SecretsError::NotGenerated`] when the random bytes are not random.
    pub fn replaced(self, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, RotationError> {
        let before = self.fingerprint();
        Ok(Self {
            replaces: self.replaces.into_iter().chain([before]).collect(),
            ..Self::generate(entropy, now)?
        })
    }

    /// Whether these secrets were made in the place of those with that fingerprint.
    pub fn take_the_place_of(&self, fingerprint: &str) -> bool {
        self.replaces.iter().any(|replaced| replaced == fingerprint)
    }

    /// Tells installations apart without telling secrets: it is kept in the database, and a process
    /// whose secrets have another fingerprint must not work with it. Rotating signing keys leaves it
    /// unchanged.
    pub fn fingerprint(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.installation_secret.as_slice());
        let mut context = hmac::Context::with_key(&key);
        context.update(b"latchkey secrets fingerprint");
        context.update(self.code_digest_key.as_slice());
        BASE64URL_NOPAD.encode(context.sign().as_ref())
    }

    /// What a key for one purpose is expanded from, by naming the purpose: HKDF-SHA-256 (RFC 5869) of the
    /// installation secret. Such keys are not rotated, and change when all secrets are replaced.
    pub(crate) fn derivation(&self) -> Prk {
        Salt::new(HKDF_SHA256, &[]).extract(self.installation_secret.as_slice())
    }

    pub(crate) fn code_digest_key(&self) -> &[u8] {
        self.code_digest_key.as_slice()
    }

    /// The key that signs.
    pub(crate) fn signs_with(&self) -> &SigningKey {
        &self.signing_keys.signs
    }

    /// All signing keys; the one that signs comes first.
    pub(crate) fn signing_keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.signing_keys.all().map(|(key, _stopped)| key)
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE64URL_NOPAD.encode(bytes))
}

fn key(text: Option<&String>, member: &'static str) -> Result<Zeroizing<[u8; 32]>, SecretsError> {
    let text = text.ok_or(SecretsError::Missing(member))?;
    let mut bytes = Zeroizing::new([0; 32]);
    match BASE64URL_NOPAD.decode_len(text.len()) {
        Ok(32) => match BASE64URL_NOPAD.decode_mut(text.as_bytes(), bytes.as_mut_slice()) {
            Ok(_) => Ok(bytes),
            Err(_malformed) => Err(SecretsError::NotAKey(member)),
        },
        Ok(_) | Err(_) => Err(SecretsError::NotAKey(member)),
    }
}

fn signing_key(position: usize, text: &SigningKeyText) -> Result<OtherKey, SecretsError> {
    let wrong = SecretsError::NotASigningKey { position };
    let created = text.created.ok_or(SecretsError::Missing("created"))?;
    let pkcs8 = text.pkcs8.as_ref().ok_or(SecretsError::Missing("pkcs8"))?;
    let pkcs8 = match BASE64URL_NOPAD.decode(pkcs8.as_bytes()) {
        Ok(pkcs8) => Zeroizing::new(pkcs8),
        Err(_malformed) => return Err(wrong),
    };
    let created = Timestamp::from_unix_milliseconds(created);
    Ok(OtherKey {
        key: SigningKey::from_pkcs8(pkcs8, created).ok_or(wrong)?,
        stopped: text.stopped.map(Timestamp::from_unix_milliseconds),
    })
}

fn line_of(text: &str, error: &toml::de::Error) -> usize {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    1 + before.matches('\n').count()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU8, Ordering},
        time::Duration,
    };

    use proptest::prelude::*;

    use super::*;

    /// Different bytes at each draw, the same ones in each test.
    #[derive(Default)]
    pub(super) struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn draw(&self) -> [u8; 32] {
            [self.0.fetch_add(1, Ordering::Relaxed) + 1; 32]
        }
    }

    pub(super) fn at(hours: u64) -> Timestamp {
        Timestamp::from_unix_milliseconds(0).plus(Duration::from_hours(hours))
    }

    pub(super) fn secrets() -> (Secrets, Counting) {
        let entropy = Counting::default();
        (Secrets::generate(&entropy, at(0)).unwrap(), entropy)
    }

    pub(super) fn kids(secrets: &Secrets) -> Vec<String> {
        secrets
            .signing_keys()
            .map(|key| key.kid().to_owned())
            .collect()
    }

    #[test]
    fn the_text_is_read_back() {
        let (secrets, entropy) = secrets();
        let before = secrets.fingerprint();
        let secrets = secrets.replaced(&entropy, at(0)).unwrap();
        let secrets = secrets.with_next_key(&entropy, at(1)).unwrap();
        let secrets = secrets.signing_with_next_key(at(2), PUBLISHED_BEFORE);
        let secrets = secrets.unwrap().with_next_key(&entropy, at(3)).unwrap();
        let text = secrets.to_toml();
        let read = Secrets::from_toml(&text).unwrap();
        assert_eq!(read.to_toml().as_str(), text.as_str());
        assert_eq!(read.fingerprint(), secrets.fingerprint());
        assert_eq!(read.signing_key_facts(), secrets.signing_key_facts());
        assert!(read.take_the_place_of(&before));
    }

    /// What the text was before there were `stopped` and `replaces`.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "says what the members are called")]
    struct EarlierText {
        installation_secret: String,
        code_digest_key: String,
        signing_keys: Vec<EarlierKey>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "says what the members are called")]
    struct EarlierKey {
        created: i64,
        pkcs8: String,
    }

    fn is_read_by_earlier_releases(secrets: &Secrets) -> bool {
        toml::from_str::<EarlierText>(&secrets.to_toml()).is_ok()
    }

    #[test]
    fn an_earlier_release_reads_what_has_no_retired_key_and_replaced_nothing() {
        let (secrets, entropy) = secrets();
        assert!(is_read_by_earlier_releases(&secrets));
        let published = secrets.with_next_key(&entropy, at(1)).unwrap();
        assert!(is_read_by_earlier_releases(&published));
        let signing = published
            .signing_with_next_key(at(2), PUBLISHED_BEFORE)
            .unwrap();
        assert!(!is_read_by_earlier_releases(&signing));
        let retired = signing
            .without_retired_keys(at(99), PUBLISHED_AFTER)
            .unwrap();
        assert!(is_read_by_earlier_releases(&retired));
        let replaced = retired.replaced(&entropy, at(100)).unwrap();
        assert!(!is_read_by_earlier_releases(&replaced));
    }

    /// As docs/operating.md says for the way back to such a release.
    #[test]
    fn without_the_lines_of_later_releases_the_secrets_are_the_same_to_an_earlier_one() {
        let (secrets, entropy) = secrets();
        let replaced = secrets.replaced(&entropy, at(0)).unwrap();
        let published = replaced.with_next_key(&entropy, at(1)).unwrap();
        let signing = published
            .signing_with_next_key(at(2), PUBLISHED_BEFORE)
            .unwrap();
        let text = signing.to_toml();
        let is_known =
            |line: &&str| !line.starts_with("stopped = ") && !line.starts_with("replaces = ");
        let known: Vec<_> = text.lines().filter(is_known).collect();
        let read = Secrets::from_toml(&known.join("\n")).unwrap();
        assert!(is_read_by_earlier_releases(&read));
        assert_eq!(read.fingerprint(), signing.fingerprint());
        assert_eq!(kids(&read), kids(&signing));
    }

    #[test]
    fn the_same_randomness_makes_the_same_secrets() {
        let text = |secrets: Secrets| secrets.to_toml().to_string();
        assert_eq!(text(secrets().0), text(secrets().0));
    }

    #[test]
    fn replacing_leaves_nothing_as_it_was_and_says_whose_place_is_taken() {
        let (old, entropy) = secrets();
        let (text, kid) = (old.to_toml(), kids(&old));
        let fingerprint = old.fingerprint();
        let new = old.replaced(&entropy, at(1)).unwrap();
        let [second, old_text] = [new.fingerprint(), text.to_string()];
        assert_ne!(second, fingerprint);
        assert!(!kids(&new).contains(&kid[0]));
        let new_text = new.to_toml();
        for secret in old_text.split('"').skip(1).step_by(2) {
            assert!(!new_text.contains(secret));
        }
        let newest = new.replaced(&entropy, at(2)).unwrap();
        for before in [&fingerprint, &second] {
            assert!(newest.take_the_place_of(before));
        }
        assert!(!newest.take_the_place_of(&newest.fingerprint()));
    }

    #[test]
    fn the_fingerprint_depends_on_both_lasting_secrets() {
        let (one, _) = secrets();
        let text = one.to_toml().to_string();
        let other = BASE64URL_NOPAD.encode(&[9; 32]);
        for old in [[1; 32], [2; 32]] {
            let changed = text.replace(&BASE64URL_NOPAD.encode(&old), &other);
            let changed = Secrets::from_toml(&changed).unwrap();
            assert_ne!(changed.fingerprint(), one.fingerprint());
        }
    }

    #[test]
    fn the_fingerprint_holds_no_secret() {
        let (secrets, _) = secrets();
        let fingerprint = secrets.fingerprint();
        assert_eq!(fingerprint.len(), 43);
        for secret in [[1; 32], [2; 32], [3; 32]] {
            assert!(!fingerprint.contains(&BASE64URL_NOPAD.encode(&secret)[..8]));
        }
    }

    #[test]
    fn a_text_that_is_not_secrets_is_refused_by_name() {
        let (secrets, _) = secrets();
        let good = secrets.to_toml().to_string();
        let without = |member: &str| -> String {
            let keep = |line: &&str| !line.starts_with(member);
            good.lines().filter(keep).collect::<Vec<_>>().join("\n")
        };
        let zeros = BASE64URL_NOPAD.encode(&[1; 32]);
        let key = good.split_once("[[").unwrap().1;
        for (text, error) in [
            (String::new(), SecretsError::Missing("signing_keys")),
            (
                without("installation_secret"),
                SecretsError::Missing("installation_secret"),
            ),
            (
                without("code_digest_key"),
                SecretsError::Missing("code_digest_key"),
            ),
            (without("created"), SecretsError::Missing("created")),
            (without("pkcs8"), SecretsError::Missing("pkcs8")),
            (
                good.replace(&zeros, "AAAA"),
                SecretsError::NotAKey("installation_secret"),
            ),
            (
                good.replace(&zeros, &zeros.replace('A', "!")),
                SecretsError::NotAKey("installation_secret"),
            ),
            (
                good.replace("pkcs8 = \"", "pkcs8 = \"A"),
                SecretsError::NotASigningKey { position: 1 },
            ),
            (
                good.replace("pkcs8 = \"", "pkcs8 = \"AAAA"),
                SecretsError::NotASigningKey { position: 1 },
            ),
            (
                format!("{good}[[{key}"),
                SecretsError::RepeatedSigningKey { position: 2 },
            ),
            (
                good.replace("code_digest_key =", "code_digest_key"),
                SecretsError::Syntax {
                    line: 7,
                    expected: SHAPE,
                },
            ),
            (
                good.replace("created = 0", "created = \"secret\""),
                SecretsError::Syntax {
                    line: 10,
                    expected: SHAPE,
                },
            ),
            (
                format!("unknown = 1\n{good}"),
                SecretsError::Syntax {
                    line: 1,
                    expected: SHAPE,
                },
            ),
        ] {
            assert_eq!(Secrets::from_toml(&text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn errors_never_repeat_what_the_text_holds() {
        for text in [
            "installation_secret = \"hunter2",
            "installation_secret = [\"hunter2\"]",
            "hunter2 = 1",
            "code_digest_key = \"hunter2\"\ninstallation_secret = \"hunter2\"\nsigning_keys = [{created = 1, pkcs8 = \"hunter2\"}]",
        ] {
            let error = Secrets::from_toml(text).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_broken_generator_is_noticed() {
        struct Stuck;
        impl Entropy for Stuck {
            fn draw(&self) -> [u8; 32] {
                [0; 32]
            }
        }
        let result = Secrets::generate(&Stuck, at(0));
        assert_eq!(result.err(), Some(SecretsError::NotGenerated));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = Secrets::from_toml(&text);
            let _ = Secrets::from_toml(&format!("installation_secret = \"{text}\""));
        }
    }
}
