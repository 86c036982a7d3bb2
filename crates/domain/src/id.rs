//! Identifiers: `<prefix>-xxxxx-xxxxx-xxxxxxxxxxxxxxxx`, lower-case base 36 (API contract §2.1).

use std::{fmt, str::FromStr};

use crate::base36;

/// A text that is not an identifier of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an identifier of the form {prefix}-xxxxx-xxxxx-xxxxxxxxxxxxxxxx")]
pub struct IdError {
    /// The prefix that this kind of identifier has.
    pub prefix: &'static str,
}

/// The three groups after the prefix; the last one has 14 to 16 symbols.
const GROUPS: [std::ops::RangeInclusive<usize>; 3] = [5..=5, 5..=5, 14..=16];

fn is_identifier(text: &str, prefix: &str) -> bool {
    let mut groups = text.split('-');
    groups.next() == Some(prefix)
        && GROUPS
            .iter()
            .all(|length| groups.next().is_some_and(|group| is_group(group, length)))
        && groups.next().is_none()
}

fn is_group(group: &str, length: &std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&group.len())
        && group
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

fn make(prefix: &str, random: &[u8; 32]) -> String {
    let symbols = base36::encode(random, 26);
    let (first, rest) = symbols.split_at(5);
    let (second, third) = rest.split_at(5);
    format!("{prefix}-{first}-{second}-{third}")
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// What every identifier of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier from 32 random bytes; it holds 134 bits of them.
            pub fn from_random(random: &[u8; 32]) -> Self {
                Self(make(Self::PREFIX, random))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_identifier(text, Self::PREFIX) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { prefix: Self::PREFIX })
                }
            }
        }
    };
}

typed_id!(
    /// Identifies this installation of Latchkey: the issuer and audience of its tokens.
    InstallationId,
    "in"
);
typed_id!(
    /// Identifies an organization.
    OrganizationId,
    "or"
);
typed_id!(
    /// Identifies an application.
    ApplicationId,
    "ap"
);
typed_id!(
    /// Identifies a user.
    UserId,
    "us"
);
typed_id!(
    /// Identifies a credential for this service; not to be confused with
    /// [`CredentialId`](crate::credential::CredentialId), which the authenticator chose.
    CredentialUuid,
    "cr"
);
typed_id!(
    /// Identifies a session token.
    TokenId,
    "to"
);
typed_id!(
    /// Identifies a challenge, so that it can be spent.
    ChallengeId,
    "ch"
);
typed_id!(
    /// Identifies a signed user action, so that it can be spent.
    UserActionId,
    "ua"
);

impl UserActionId {
    /// The one that is signed with that challenge.
    pub fn of(challenge: &ChallengeId) -> Self {
        let (_prefix, symbols) = challenge.0.split_once('-').unwrap_or_default();
        Self(format!("{}-{symbols}", Self::PREFIX))
    }
}

typed_id!(
    /// Identifies a credential code; it is not secret and says nothing about the code.
    CredentialCodeId,
    "cc"
);
typed_id!(
    /// Identifies a code request; it is not secret and says nothing about its codes.
    CodeRequestId,
    "cq"
);
typed_id!(
    /// Identifies an account code; it is not secret and says nothing about the code.
    AccountCodeId,
    "ac"
);
typed_id!(
    /// Identifies a message to a user.
    MessageId,
    "ms"
);
typed_id!(
    /// Identifies a security event that waits to be told.
    EventId,
    "ev"
);
typed_id!(
    /// Identifies a session code; it is not secret and says nothing about the code.
    SessionCodeId,
    "sc"
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_group_has_14_to_16_symbols() {
        for text in [
            "us-6b58p-r53sr-rlrd3l5cj3uc4o",
            "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
        ] {
            let id = text.parse::<UserId>().unwrap();
            assert_eq!((id.as_str(), id.to_string()), (text, text.to_owned()));
        }
    }

    #[test]
    fn every_kind_has_a_prefix_of_its_own() {
        let random = &[0xff; 32];
        let of_challenge = UserActionId::of(&ChallengeId::from_random(random));
        for (id, prefix) in [
            (InstallationId::from_random(random).to_string(), "in"),
            (OrganizationId::from_random(random).to_string(), "or"),
            (ApplicationId::from_random(random).to_string(), "ap"),
            (UserId::from_random(random).to_string(), "us"),
            (CredentialUuid::from_random(random).to_string(), "cr"),
            (TokenId::from_random(random).to_string(), "to"),
            (ChallengeId::from_random(random).to_string(), "ch"),
            (UserActionId::from_random(random).to_string(), "ua"),
            (CredentialCodeId::from_random(random).to_string(), "cc"),
            (CodeRequestId::from_random(random).to_string(), "cq"),
            (AccountCodeId::from_random(random).to_string(), "ac"),
            (MessageId::from_random(random).to_string(), "ms"),
            (EventId::from_random(random).to_string(), "ev"),
            (SessionCodeId::from_random(random).to_string(), "sc"),
            (of_challenge.to_string(), "ua"),
        ] {
            assert_eq!(id, format!("{prefix}-q99w0-35jmy-2iw7i6n43d37jtof"));
            assert_eq!(id.parse::<UserId>().is_ok(), prefix == "us");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            "us",
            "us-",
            "or-6b58p-r53sr-rlrd3l5cj3uc4ome",
            "us-6b58p-r53sr-RLRD3l5cj3uc4ome",
            "us-6b58p-r53sr-rlrd3l5cj3uc4ome-",
            "us-6b58p-r53sr-rlrd3l5cj3uc4",
            "us-6b58p-r53sr-rlrd3l5cj3uc4omeee",
            "us-6b58p-r53sr-rlrd3l5cj3uc4ömee",
            "us-6b58p-r53s-rrlrd3l5cj3uc4ome",
            " us-6b58p-r53sr-rlrd3l5cj3uc4ome",
        ] {
            assert_eq!(
                text.parse::<UserId>(),
                Err(IdError { prefix: "us" }),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn new_identifiers_parse_and_differ(one: [u8; 32], two: [u8; 32]) {
            let id = UserId::from_random(&one);
            prop_assert_eq!(id.as_str().parse::<UserId>(), Ok(id.clone()));
            if one != two {
                prop_assert_ne!(id, UserId::from_random(&two));
            }
        }

        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = text.parse::<UserId>();
        }
    }
}
