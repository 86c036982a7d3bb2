//! Organizations: the tenants of an installation.

use std::{fmt, str::FromStr, time::Duration};

use crate::{id::OrganizationId, names::named, text::OrganizationName, time::Timestamp};

named! {
    /// Whether a credential that was made with a code waits until its owner approves it.
    #[derive(Default)]
    Approval {
        /// It can be used at once; this is the API contract as it is (§6.5).
        #[default]
        Never => "never",
        /// It can be used once its owner has approved it.
        Always => "always",
    }
    /// A text that does not say when approval is asked for.
    ApprovalError => "must be never or always"
}

named! {
    /// Whether whoever makes a credential with a code is signed in with it at once, in the place that asks for it.
    #[derive(Default)]
    CodeSignIn {
        /// The credential signs in when it is used; this is the API contract as it is (§6.5).
        #[default]
        Never => "never",
        /// Making it begins a session, unless it waits for approval.
        AtOnce => "at-once",
    }
    /// A text that does not say when a credential signs in.
    CodeSignInError => "must be never or at-once"
}

named! {
    /// From where a place may ask for a code that a user of the organization is to grant.
    #[derive(Default)]
    RequestsFrom {
        /// No place asks: codes go from the signed-in place to the new one, and not the other way.
        #[default]
        Nowhere => "nowhere",
        /// From the network of whoever grants it, as far as its address tells.
        SameNetwork => "same-network",
        /// From anywhere.
        Anywhere => "anywhere",
    }
    /// A text that does not say from where places may ask.
    RequestsFromError => "must be nowhere, same-network or anywhere"
}

/// For how long a credential that was made with a code is fresh: it signs in, but takes no other credential
/// away, and makes neither codes nor credentials, so that whoever was tricked has time to notice. For no time at
/// all where nobody has set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness(Duration);

/// A time for which no credential can be fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be off, or a number of hours from 1h to 720h")]
pub struct FreshnessError;

const HOUR: Duration = Duration::from_hours(1);

impl Freshness {
    /// The longest: thirty days.
    pub const MAXIMUM: Duration = Duration::from_hours(720);

    /// That long, in whole milliseconds.
    ///
    /// # Errors
    /// [`FreshnessError`] beyond [`MAXIMUM`](Self::MAXIMUM).
    pub fn new(duration: Duration) -> Result<Self, FreshnessError> {
        if duration > Self::MAXIMUM {
            return Err(FreshnessError);
        }
        Ok(Self(duration))
    }

    /// How long.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whether what was made at that moment is fresh at another.
    pub fn covers(self, made: Timestamp, at: Timestamp) -> bool {
        !self.0.is_zero() && at < made.plus(self.0)
    }
}

impl fmt::Display for Freshness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            formatter.write_str("off")
        } else {
            write!(formatter, "{}h", self.0.as_secs() / HOUR.as_secs())
        }
    }
}

impl FromStr for Freshness {
    type Err = FreshnessError;

    fn from_str(text: &str) -> Result<Self, FreshnessError> {
        if text == "off" {
            return Ok(Self::default());
        }
        let hours = text.strip_suffix('h').ok_or(FreshnessError)?;
        let hours: u32 = hours.parse().map_err(|_no_number| FreshnessError)?;
        if hours == 0 {
            return Err(FreshnessError);
        }
        Self::new(HOUR.saturating_mul(hours))
    }
}

/// One of the things that an organization says about what is made with codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Whether credentials made with a code wait for their owner.
    Approval(Approval),
    /// Whether making a credential with a code begins a session.
    CodeSignIn(CodeSignIn),
    /// For how long credentials made with a code are fresh, from now on and those that there are.
    Freshness(Freshness),
    /// From where places may ask for codes. What was asked before stays, and is granted if it may be asked still.
    RequestsFrom(RequestsFrom),
}

impl From<Approval> for Setting {
    fn from(approval: Approval) -> Self {
        Self::Approval(approval)
    }
}

impl From<CodeSignIn> for Setting {
    fn from(code_sign_in: CodeSignIn) -> Self {
        Self::CodeSignIn(code_sign_in)
    }
}

impl From<Freshness> for Setting {
    fn from(freshness: Freshness) -> Self {
        Self::Freshness(freshness)
    }
}

impl From<RequestsFrom> for Setting {
    fn from(from: RequestsFrom) -> Self {
        Self::RequestsFrom(from)
    }
}

/// A tenant; it owns users, applications and their relying parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Identifies it.
    pub id: OrganizationId,
    /// Unique in the installation.
    pub name: OrganizationName,
    /// Whether credentials made with a code wait for their owner.
    pub approval: Approval,
    /// For how long credentials made with a code are fresh.
    pub freshness: Freshness,
    /// Whether making a credential with a code begins a session.
    pub code_sign_in: CodeSignIn,
    /// From where places may ask for codes.
    pub requests_from: RequestsFrom,
    /// While it is not active nobody of it can sign in or complete a ceremony.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::NOW;

    #[test]
    fn freshness_is_off_or_some_hours_up_to_thirty_days() {
        for text in ["off", "1h", "24h", "720h"] {
            assert_eq!(text.parse::<Freshness>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0h",
            "721h",
            "24",
            "1d",
            "-1h",
            "h",
            "Off",
            "99999999999h",
        ] {
            assert_eq!(text.parse::<Freshness>(), Err(FreshnessError), "{text}");
        }
        assert_eq!(Freshness::default().to_string(), "off");
    }

    #[test]
    fn what_was_made_is_fresh_until_the_time_is_over_and_never_where_it_is_off() {
        let day: Freshness = "24h".parse().unwrap();
        let over = NOW.plus(day.duration());
        assert!(day.covers(NOW, NOW));
        assert!(day.covers(NOW, over.minus(Duration::from_millis(1))));
        assert!(!day.covers(NOW, over));
        // Not even when clocks differ.
        assert!(!Freshness::default().covers(over, NOW));
    }
}
