//! Users: the owners of credentials.

use crate::{
    id::{OrganizationId, UserId},
    names::named,
    text::{ExternalId, SearchText, Username},
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

impl User {
    /// Whether somebody who looks for this text means the user: it is part of the username or the identifier.
    pub fn is_found_by(&self, text: &SearchText) -> bool {
        let part = text.key();
        self.username.key().contains(&part) || self.id.as_str().contains(&part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{owner, user};

    #[test]
    fn every_epoch_is_followed_by_a_greater_one() {
        assert_eq!(Epoch::default().number(), 0);
        assert_eq!(Epoch::new(7).next().number(), 8);
    }

    #[test]
    fn a_user_is_found_by_part_of_name_or_identifier() {
        let ada = User {
            username: Username::new("Ada.J\u{fc}rgen@example.com").unwrap(),
            ..owner()
        };
        let id = user();
        let part_of_id = &id.as_str()[3..12];
        for text in [
            "ada",
            " ADA.j",
            "ju\u{308}rgen",
            "@example",
            id.as_str(),
            part_of_id,
        ] {
            assert!(ada.is_found_by(&SearchText::new(text).unwrap()), "{text}");
        }
        for text in ["bob", "ada%", "a_a", "us-us"] {
            assert!(!ada.is_found_by(&SearchText::new(text).unwrap()), "{text}");
        }
    }
}
