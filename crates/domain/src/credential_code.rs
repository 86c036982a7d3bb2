//! Credential codes: Issued → Claimed → Redeemed; Expired or Cancelled from Issued and from Claimed, Released
//! from Claimed.

use std::{net::IpAddr, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    application::Origin,
    approval::Wait,
    challenge::{Challenge, purpose::CredentialWithCode},
    credential::CredentialKind,
    id::{
        ApplicationId, ChallengeId, CredentialCodeId, CredentialUuid, OrganizationId, TokenId,
        UserId,
    },
    names::named,
    session::Session,
    text::{CredentialName, Username, shows_nothing},
    time::Timestamp,
    user::{Epoch, User},
};

/// The symbols of a short code: no `I`, `O`, `0` or `1`, which people confuse.
pub(crate) const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// How many symbols a short code has: 45 bits.
const SHORT_LENGTH: usize = 9;

/// The beginning of every long code.
const LONG_PREFIX: &str = "cc_";

/// The beginning of every code to register with, which is as long.
pub(crate) const REGISTRATION_PREFIX: &str = "rc_";

/// A code in clear. It has no `Debug` and no `Display`, is wiped when dropped, and is kept nowhere.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CodeText(String);

impl CodeText {
    /// Takes a code in clear.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The code, to be shown to its owner or digested.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A keyed digest (HMAC-SHA-256 under a server secret) of a code: all that is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CodeDigest([u8; 32]);

impl CodeDigest {
    /// The digest with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A new short code, `XXX-XXX-XXX`, for people to type. Each of the first nine random bytes chooses
/// one of 32 symbols, so all codes are equally likely.
pub fn short_from_random(random: &[u8; 32]) -> CodeText {
    let mut text = String::with_capacity(SHORT_LENGTH + 2);
    for (index, byte) in random.iter().take(SHORT_LENGTH).enumerate() {
        if index > 0 && index % 3 == 0 {
            text.push('-');
        }
        text.extend(
            ALPHABET
                .get(usize::from(byte % 32))
                .copied()
                .map(char::from),
        );
    }
    CodeText(text)
}

/// A new long code, `cc_` and 256 random bits, for QR codes and links.
pub fn long_from_random(random: &[u8; 32]) -> CodeText {
    CodeText(format!("{LONG_PREFIX}{}", BASE64URL_NOPAD.encode(random)))
}

/// Which form an entered code has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeForm {
    /// Nine symbols: 45 bits, worth guessing, so it is limited strictly.
    Short,
    /// Too long to guess.
    Long,
}

/// What somebody entered as a code. Any text is one: a text of neither form is simply wrong, and is
/// treated exactly as a wrong short code.
pub struct EnteredCode {
    /// Its form.
    pub form: CodeForm,
    /// Its canonical text: short codes in upper case with their dashes, others as they are.
    pub text: CodeText,
}

impl EnteredCode {
    /// Recognises the form of a code of any kind and brings it to its canonical text, however it was typed
    /// or pasted: compatibility forms become plain ones (NFKC), and blanks and characters that show nothing
    /// go. So do the dashes of a short code, which may be in any case; a dash of a long one is a symbol, and
    /// any other dash stands for it.
    pub fn parse(text: &str) -> Self {
        let plain: String = text
            .nfkc()
            .filter(|symbol| !is_blank(*symbol))
            .map(|symbol| if is_dash(symbol) { '-' } else { symbol })
            .collect();
        let is_long = plain.starts_with(LONG_PREFIX) || plain.starts_with(REGISTRATION_PREFIX);
        let (form, canonical) = if is_long {
            (CodeForm::Long, Some(plain))
        } else {
            (CodeForm::Short, short_canonical(&plain))
        };
        Self {
            form,
            text: CodeText(canonical.unwrap_or_else(|| text.trim().to_owned())),
        }
    }
}

fn is_blank(symbol: char) -> bool {
    symbol.is_whitespace() || symbol.is_control() || shows_nothing(symbol)
}

/// Whether a character looks like a dash: every one that is called so (`Pd`), and those that keyboards and
/// word processors put in the place of one.
fn is_dash(symbol: char) -> bool {
    symbol.general_category() == GeneralCategory::DashPunctuation
        || matches!(
            symbol,
            '\u{2d7}' | '\u{2043}' | '\u{2053}' | '\u{2212}' | '\u{30fc}'
        )
}

fn short_canonical(text: &str) -> Option<String> {
    let mut canonical = String::with_capacity(SHORT_LENGTH + 2);
    let mut count = 0;
    for symbol in text.chars().filter(|symbol| *symbol != '-') {
        let symbol = symbol.to_ascii_uppercase();
        let known = u8::try_from(symbol).is_ok_and(|byte| ALPHABET.contains(&byte));
        if !known || count == SHORT_LENGTH {
            return None;
        }
        if count > 0 && count % 3 == 0 {
            canonical.push('-');
        }
        canonical.push(symbol);
        count += 1;
    }
    (count == SHORT_LENGTH).then_some(canonical)
}

/// Why a requested `expiration` is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpirationError {
    /// It is not after now.
    #[error("must be in the future")]
    Past,
    /// It is further away than the API allows.
    #[error("must be at most one minute ahead")]
    TooFar,
}

/// The longest life of a code (API contract §6.5).
pub const MAXIMUM_LIFETIME: Duration = Duration::from_mins(1);

/// How much further ahead a request may ask for, because clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// When a code for which `requested` was asked expires: accepted when now < requested ≤ now + 65 s,
/// and then at most now + 60 s.
///
/// # Errors
/// [`ExpirationError`] when it is outside these bounds.
pub fn expiration(requested: Timestamp, now: Timestamp) -> Result<Timestamp, ExpirationError> {
    if requested <= now {
        Err(ExpirationError::Past)
    } else if requested > now.plus(MAXIMUM_LIFETIME).plus(CLOCK_SKEW) {
        Err(ExpirationError::TooFar)
    } else {
        Ok(requested.min(now.plus(MAXIMUM_LIFETIME)))
    }
}

/// A code that is to be issued: its digests in place of its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredentialCode {
    /// The code.
    pub code: CredentialCode,
    /// Digest of the short form; absent when the issuer asked for the long one alone.
    pub short: Option<CodeDigest>,
    /// Digest of the long form.
    pub long: CodeDigest,
}

/// One-time code with which its owner adds a credential in a second place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialCode {
    /// Identifies it; not secret.
    pub id: CredentialCodeId,
    /// The organization of its owner.
    pub organization: OrganizationId,
    /// Whose it is: the credential made with it becomes this user's.
    pub user: UserId,
    /// The user's epoch when it was issued.
    pub epoch: Epoch,
    /// The credential whose session issued it.
    pub issuer: CredentialUuid,
    /// The session that issued it.
    pub session: TokenId,
    /// When it was issued.
    pub issued: Timestamp,
    /// From this moment on it cannot be claimed.
    pub expires: Timestamp,
    /// What it is for.
    pub binding: Binding,
    /// How far it has come.
    pub state: CodeState,
}

/// What a code is for. Used for anything else it is a wrong code; what it does not say is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The application that the credential is for.
    pub application: Option<ApplicationId>,
    /// The kinds that the credential may be of.
    pub kinds: Option<Kinds>,
    /// What the credential is called, whatever the place would call it.
    pub name: Option<CredentialName>,
}

impl Binding {
    /// Whether a credential of that kind may be made: one of these kinds, and where there are none but an application,
    /// one that belongs to applications, as a key does not.
    pub fn allows(&self, kind: CredentialKind) -> bool {
        match (&self.kinds, &self.application) {
            (Some(kinds), _) => kinds.contains(kind),
            (None, Some(_)) => kind == CredentialKind::Fido2,
            (None, None) => true,
        }
    }
}

/// Some kinds of credentials, at least one, each once and in the order of [`CredentialKind::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds(Vec<CredentialKind>);

/// There is no kind among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must name at least one kind")]
pub struct NoKind;

impl Kinds {
    /// These kinds.
    ///
    /// # Errors
    /// [`NoKind`] when there are none.
    pub fn new(kinds: &[CredentialKind]) -> Result<Self, NoKind> {
        let all = CredentialKind::ALL.iter().copied();
        let named: Vec<_> = all.filter(|kind| kinds.contains(kind)).collect();
        if named.is_empty() {
            Err(NoKind)
        } else {
            Ok(Self(named))
        }
    }

    /// Whether that kind is among them.
    pub fn contains(&self, kind: CredentialKind) -> bool {
        self.0.contains(&kind)
    }

    /// All of them.
    pub fn as_slice(&self) -> &[CredentialKind] {
        &self.0
    }
}

/// How far a code has come. That time has run out is not a state but a comparison with the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// It can be claimed.
    Issued,
    /// Somebody entered it.
    Claimed(Claim),
    /// A credential was made with it.
    Redeemed {
        /// Who had entered it.
        claim: Claim,
        /// The credential that was made.
        credential: CredentialUuid,
        /// Its wait for approval, where the organization asked for that.
        wait: Option<Wait>,
    },
    /// Its owner took it back before it was redeemed.
    Cancelled {
        /// Who had entered it by then, if anybody.
        claim: Option<Claim>,
    },
    /// Whoever entered it gave it back. It is of no more use to anybody: what was entered once has been
    /// seen, and a code is claimed once.
    Released {
        /// Who had entered it.
        claim: Claim,
        /// Why and when it was given back.
        release: Release,
    },
}

/// That whoever entered a code gave it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Why.
    pub reason: ReleaseReason,
    /// When.
    pub date: Timestamp,
}

named! {
    /// Why whoever entered a code gives it back.
    ReleaseReason {
        /// The account is somebody else's.
        NotMyAccount => "NotMyAccount",
        /// There is a credential of the account there already.
        AlreadyThere => "AlreadyThere",
        /// Whoever it is does not want to go on, or cannot.
        GivenUp => "GivenUp",
    }
    /// The text names no such reason.
    ReleaseReasonError => "must be NotMyAccount, AlreadyThere or GivenUp"
}

/// Who entered a code, and until when that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// When.
    pub date: Timestamp,
    /// The `Origin` of the request; native clients send none.
    pub origin: Option<Origin>,
    /// The address the request came from.
    pub address: IpAddr,
    /// The one challenge that can redeem the code.
    pub challenge: ChallengeId,
    /// When that challenge expires.
    pub expires: Timestamp,
}

named! {
    /// What a code looks like to its owner at a given moment.
    CodeStatus {
        /// It can be claimed.
        Issued => "Issued",
        /// Somebody entered it and has not finished.
        Claimed => "Claimed",
        /// A credential was made with it.
        Redeemed => "Redeemed",
        /// Time ran out.
        Expired => "Expired",
        /// Its owner took it back.
        Cancelled => "Cancelled",
        /// Whoever entered it gave it back.
        Released => "Released",
    }
}

/// Somebody enters a code, to make a credential in a second place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeEntry {
    /// The organization that it is entered in.
    pub organization: OrganizationId,
    /// The application that it is entered in.
    pub application: ApplicationId,
    /// The kind of the credential that is to be made.
    pub kind: CredentialKind,
    /// Whose code it is said to be, if anybody's.
    pub username: Option<Username>,
    /// How it is claimed.
    pub claim: Claim,
}

impl CodeEntry {
    /// Whether it claims that code of that owner: one that is issued and not expired, of an active owner who is still
    /// in its epoch, of the organization, the username and for the application and the kind that are entered. Outside,
    /// every reason why not looks the same. The store makes sure that only one of several entries at once takes
    /// effect, and that what its owner allowed still stands.
    pub fn claims(&self, code: &CredentialCode, owner: &User) -> bool {
        let binding = &code.binding;
        code.status(self.claim.date) == CodeStatus::Issued
            && code.organization == self.organization
            && binding.allows(self.kind)
            && binding
                .application
                .as_ref()
                .is_none_or(|only| *only == self.application)
            && owner.is_active
            && owner.epoch == code.epoch
            && self
                .username
                .as_ref()
                .is_none_or(|given| given.key() == owner.username.key())
    }
}

impl CredentialCode {
    /// A code of the user who is signed in, valid until `expires`.
    pub fn issue(
        id: CredentialCodeId,
        session: &Session,
        issued: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self {
            id,
            organization: session.organization.clone(),
            user: session.user.clone(),
            epoch: session.epoch,
            issuer: session.credential.clone(),
            session: session.id.clone(),
            issued,
            expires,
            binding: Binding::default(),
            state: CodeState::Issued,
        }
    }

    /// The same code, for that alone.
    #[must_use]
    pub fn bound_to(self, binding: Binding) -> Self {
        Self { binding, ..self }
    }

    /// What it looks like at `now`.
    pub fn status(&self, now: Timestamp) -> CodeStatus {
        match &self.state {
            CodeState::Issued if now < self.expires => CodeStatus::Issued,
            CodeState::Claimed(claim) if now < claim.expires => CodeStatus::Claimed,
            CodeState::Issued | CodeState::Claimed(_) => CodeStatus::Expired,
            CodeState::Redeemed { .. } => CodeStatus::Redeemed,
            CodeState::Cancelled { .. } => CodeStatus::Cancelled,
            CodeState::Released { .. } => CodeStatus::Released,
        }
    }

    /// Who entered it, if anybody.
    pub const fn claimed_by(&self) -> Option<&Claim> {
        match &self.state {
            CodeState::Issued => None,
            CodeState::Claimed(claim)
            | CodeState::Redeemed { claim, .. }
            | CodeState::Released { claim, .. } => Some(claim),
            CodeState::Cancelled { claim } => claim.as_ref(),
        }
    }
}

/// The decision that a claimed code is redeemed: only the challenge that claimed it can lead here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedeemedCode {
    code: CredentialCodeId,
    challenge: ChallengeId,
}

impl RedeemedCode {
    /// Redeems the code that `challenge` claimed.
    pub fn with(challenge: &Challenge<CredentialWithCode>) -> Self {
        Self {
            code: challenge.purpose.code.clone(),
            challenge: challenge.id.clone(),
        }
    }

    /// The code.
    pub const fn code(&self) -> &CredentialCodeId {
        &self.code
    }

    /// The challenge that claimed it.
    pub const fn challenge(&self) -> &ChallengeId {
        &self.challenge
    }
}

/// The decision that a claimed code is given back: only the challenge that claimed it can lead here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedCode {
    code: CredentialCodeId,
    user: UserId,
    challenge: ChallengeId,
    release: Release,
}

impl ReleasedCode {
    /// Gives the code back that `challenge` claimed.
    pub fn with(challenge: &Challenge<CredentialWithCode>, release: Release) -> Self {
        Self {
            code: challenge.purpose.code.clone(),
            user: challenge.purpose.user.clone(),
            challenge: challenge.id.clone(),
            release,
        }
    }

    /// The code.
    pub const fn code(&self) -> &CredentialCodeId {
        &self.code
    }

    /// Whose it is.
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// The challenge that claimed it.
    pub const fn challenge(&self) -> &ChallengeId {
        &self.challenge
    }

    /// Why and when.
    pub const fn release(&self) -> Release {
        self.release
    }
}

#[cfg(test)]
mod tests;
