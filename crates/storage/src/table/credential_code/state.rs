//! The state of a code, from the columns that say it together.

use latchkey_domain::{
    approval::{Verdict, Wait},
    credential_code::{Claim, CodeState, Release},
};

use super::{APPROVED, CANCELLED, CLAIMED, ISSUED, Model, REDEEMED, REFUSED, Typed, WAITING};
use crate::column::Inconsistency;

impl Model {
    fn inconsistent<T>(&self, problem: &str) -> Result<T, Inconsistency> {
        Err(Inconsistency::new("credential_codes", &self.id.0, problem))
    }

    /// The state that the columns say.
    pub(super) fn code_state(&self) -> Result<CodeState, Inconsistency> {
        match (
            self.state.as_str(),
            self.claim_columns()?,
            &self.credential,
            self.wait_columns()?,
            self.release_columns()?,
        ) {
            (ISSUED, None, None, None, None) => Ok(CodeState::Issued),
            (CLAIMED, Some(claim), None, None, None) => Ok(CodeState::Claimed(claim)),
            (REDEEMED, Some(claim), Some(credential), wait, None) => Ok(CodeState::Redeemed {
                claim,
                credential: credential.0.clone(),
                wait,
            }),
            (CANCELLED, claim, None, None, None) => Ok(CodeState::Cancelled { claim }),
            (CANCELLED, Some(claim), None, None, Some(release)) => {
                Ok(CodeState::Released { claim, release })
            }
            _ => self.inconsistent("state does not fit the columns beside it"),
        }
    }

    /// The columns of a wait: both of them or none.
    fn wait_columns(&self) -> Result<Option<Wait>, Inconsistency> {
        let (verdict, expires) = match (self.approval.as_deref(), &self.approval_expires) {
            (None, None) => return Ok(None),
            (Some(WAITING), Some(expires)) => (None, expires),
            (Some(APPROVED), Some(expires)) => (Some(Verdict::Approved), expires),
            (Some(REFUSED), Some(expires)) => (Some(Verdict::Refused), expires),
            (Some(_), Some(_)) => return self.inconsistent("approval is none that is known"),
            (Some(_), None) | (None, Some(_)) => {
                return self.inconsistent("approval and its expiry do not go together");
            }
        };
        Ok(Some(Wait {
            expires: expires.0,
            verdict,
        }))
    }

    /// The columns of a code that was given back: both of them or none.
    fn release_columns(&self) -> Result<Option<Release>, Inconsistency> {
        match (&self.release_reason, &self.released) {
            (None, None) => Ok(None),
            (Some(reason), Some(date)) => Ok(Some(Release {
                reason: reason.0,
                date: date.0,
            })),
            (Some(_), None) | (None, Some(_)) => {
                self.inconsistent("released and release_reason do not go together")
            }
        }
    }

    /// The columns of a claim: all of them or none; the origin may be empty.
    fn claim_columns(&self) -> Result<Option<Claim>, Inconsistency> {
        match (
            &self.claimed,
            &self.claim_address,
            &self.claim_challenge,
            &self.claim_expires,
        ) {
            (None, None, None, None) if self.claim_origin.is_none() => Ok(None),
            (Some(date), Some(address), Some(challenge), Some(expires)) => Ok(Some(Claim {
                date: date.0,
                origin: self.claim_origin.clone().map(Typed::into_inner),
                address: address.0,
                challenge: challenge.0.clone(),
                expires: expires.0,
            })),
            _ => self.inconsistent("has some columns of a claim, but not all"),
        }
    }
}
