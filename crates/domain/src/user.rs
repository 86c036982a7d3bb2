//! Users: the owners of credentials.

use crate::{
    id::{OrganizationId, UserId},
    names::named,
    text::{ExternalId, Username},
    time::Timestamp,
};

named! {
    /// What a user is to the organization (API contract §2.2).
    UserKind {
        /// Somebody who works for the organization.
        CustomerEmployee => "CustomerEmployee",
        /// A customer of the organization.
        EndUser => "EndUser",
    }
    /// A text that names no kind of user.
    UserKindError => "must be one of CustomerEmployee, EndUser"
}

/// A number that every token of a user carries: raising it ends them all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(i64);

impl Epoch {
    /// The epoch with that number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The one that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// The owner of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Identifies the user; its UTF-8 bytes are the WebAuthn user handle.
    pub id: UserId,
    /// The organization the user belongs to.
    pub organization: OrganizationId,
    /// What the user signs in with.
    pub username: Username,
    /// What the user is to the organization.
    pub kind: UserKind,
    /// What the organization itself calls the user, if it said so; unique in it.
    pub external_id: Option<ExternalId>,
    /// An administrator manages the users of the organization. Every organization keeps an active one.
    pub is_administrator: bool,
    /// A user who is not active cannot do anything.
    pub is_active: bool,
    /// Tokens of an earlier epoch are void.
    pub epoch: Epoch,
    /// When the first credential was registered; absent until then.
    pub registered: Option<Timestamp>,
    /// When the user was invited first.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_is_followed_by_a_greater_one() {
        assert_eq!(Epoch::default().number(), 0);
        assert_eq!(Epoch::new(7).next().number(), 8);
    }
}
