//! Signed tokens: they carry facts from one call to a later one, on any replica.

use latchkey_domain::{
    approval::ApprovalTicket, challenge::Challenge, session::Session, session_code::SessionCode,
    time::Timestamp, user_action::SignedUserAction,
};

/// A text that is no valid token of the expected type: malformed, of another type or installation,
/// signed by an unknown key, altered, or expired. Which of these is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

/// Signs tokens and reads them back (RFC 7519). A token of one type is never accepted as another; it
/// is bound to this installation as issuer and audience, and is void at its expiry, without leeway.
/// Whether the facts in it still hold is a question for the stores.
///
/// No call waits: what signs is a key in memory, or something as near. Published clients look into the
/// tokens they get, temporary ones included, and other services verify sessions with the published keys:
/// a replacement writes the claims that `latchkey_crypto::tokens` writes.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Tokens: Send + Sync {
    /// A challenge identifier (or the temporary token of a registration).
    fn sign_challenge(&self, challenge: &Challenge) -> String;

    /// Reads a challenge identifier.
    ///
    /// # Errors
    /// [`InvalidToken`], for every reason alike.
    fn read_challenge(&self, token: &str, now: Timestamp) -> Result<Challenge, InvalidToken>;

    /// A session token, with the claims that published clients read (API contract §2.3).
    fn sign_session(&self, session: &Session) -> String;

    /// Reads a session token.
    ///
    /// # Errors
    /// [`InvalidToken`], for every reason alike.
    fn read_session(&self, token: &str, now: Timestamp) -> Result<Session, InvalidToken>;

    /// A user action token, as it is sent in `X-DFNS-USERACTION`.
    fn sign_user_action(&self, action: &SignedUserAction) -> String;

    /// Reads a user action token.
    ///
    /// # Errors
    /// [`InvalidToken`], for every reason alike.
    fn read_user_action(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<SignedUserAction, InvalidToken>;

    /// An approval token, with which the place where a credential was made asks what came of it.
    fn sign_approval(&self, ticket: &ApprovalTicket, now: Timestamp) -> String;

    /// Reads an approval token.
    ///
    /// # Errors
    /// [`InvalidToken`], for every reason alike.
    fn read_approval(&self, token: &str, now: Timestamp) -> Result<ApprovalTicket, InvalidToken>;

    /// A session code, as it stands in an address: a text that tells nothing, since addresses are kept in histories and
    /// logs, and of symbols that need no encoding there.
    fn seal_session_code(&self, code: &SessionCode) -> String;

    /// Opens a session code.
    ///
    /// # Errors
    /// [`InvalidToken`], for every reason alike.
    fn open_session_code(&self, code: &str, now: Timestamp) -> Result<SessionCode, InvalidToken>;

    /// The public keys that tokens in circulation are signed with, as a JSON Web Key Set (RFC 7517 §5).
    fn jwks(&self) -> String;
}
