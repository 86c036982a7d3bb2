//! Registration codes: what an invited user registers the first credential with.

use data_encoding::BASE64URL_NOPAD;

use crate::{
    credential_code::CodeText,
    id::{RegistrationCodeId, UserId},
    time::Timestamp,
};

/// The beginning of every registration code, so that people and scanners recognise one.
pub const PREFIX: &str = "rc_";

/// A new code of 256 random bits: it stands without a second factor, so NIST SP 800-63B-4 asks for at
/// least 112.
pub fn from_random(random: &[u8; 32]) -> CodeText {
    CodeText::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(random)))
}

/// A registration code as it is kept: without the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationCode {
    /// Identifies it; the completion spends exactly this one, so a newer invitation voids an older one.
    pub id: RegistrationCodeId,
    /// Who may register with it.
    pub user: UserId,
    /// When it was issued.
    pub issued: Timestamp,
    /// From this moment on it is void.
    pub expires: Timestamp,
}

impl RegistrationCode {
    /// Whether it can still be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}
