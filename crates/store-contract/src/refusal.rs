//! How changes refuse authorities.

use std::fmt::Debug;

pub(crate) use latchkey_service::ports::store::AuthorityConflict::{self, Spent, Void};
use latchkey_service::ports::{
    code_request_store::DecideRequestError,
    credential_code_store::{DecideError, IssueError, RedeemError},
    credential_store::{ChangeError, CreateError},
    registration_store::RegisterError,
    session_store::ExerciseError,
    sign_in_store::UseError,
    user_store::{ChangeUserError, CreateUserError},
};

use crate::successes;

/// Why a change did not take effect.
pub(crate) trait Refusal: Debug {
    /// What is wrong with the authority, if that is why.
    fn conflict(&self) -> Option<AuthorityConflict>;
}

macro_rules! refusals {
    ($($error:ident::$variant:ident($inner:pat) => $conflict:expr;)*) => {$(
        impl Refusal for $error {
            fn conflict(&self) -> Option<AuthorityConflict> {
                if let Self::$variant($inner) = self {
                    $conflict
                } else {
                    None
                }
            }
        }
    )*};
}

refusals! {
    ChangeError::Authority(conflict) => Some(*conflict);
    ChangeUserError::Authority(conflict) => Some(*conflict);
    CreateError::Authority(conflict) => Some(*conflict);
    CreateUserError::Authority(conflict) => Some(*conflict);
    DecideError::Authority(conflict) => Some(*conflict);
    DecideRequestError::Authority(conflict) => Some(*conflict);
    ExerciseError::Authority(conflict) => Some(*conflict);
    IssueError::Authority(conflict) => Some(*conflict);
    RedeemError::Create(error) => error.conflict();
    RegisterError::Create(error) => error.conflict();
    UseError::Authority(conflict) => Some(*conflict);
}

/// What was wrong with the authority of a call that failed for that.
#[track_caller]
pub(crate) fn conflict<T: Debug, E: Refusal>(outcome: &Result<T, E>) -> AuthorityConflict {
    match outcome.as_ref().map_err(E::conflict) {
        Err(Some(conflict)) => conflict,
        Err(None) | Ok(_) => panic!("{outcome:?}"),
    }
}

/// Requires that one call succeeded, and that the authority of every other one was refused as said.
#[track_caller]
pub(crate) fn assert_one<T: Debug, E: Refusal>(
    outcomes: &[Result<T, E>],
    others: AuthorityConflict,
) {
    assert_eq!(successes(outcomes), 1);
    for outcome in outcomes.iter().filter(|outcome| outcome.is_err()) {
        assert_eq!(conflict(outcome), others);
    }
}
