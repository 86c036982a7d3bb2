//! Organizations: the tenants of an installation.

use std::{fmt, str::FromStr};

use crate::{id::OrganizationId, text::OrganizationName, time::Timestamp};

/// Whether a credential that was made with a code waits until its owner approves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Approval {
    /// It can be used at once; this is the API contract as it is (§6.5).
    #[default]
    Never,
    /// It can be used once its owner has approved it.
    Always,
}

impl Approval {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that does not say when approval is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be never or always")]
pub struct ApprovalError;

impl FromStr for Approval {
    type Err = ApprovalError;

    fn from_str(text: &str) -> Result<Self, ApprovalError> {
        match text {
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            _ => Err(ApprovalError),
        }
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
    /// While it is not active nobody of it can sign in or complete a ceremony.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approval_is_written_in_one_way() {
        for approval in [Approval::Never, Approval::Always] {
            assert_eq!(approval.as_str().parse(), Ok(approval));
        }
        for text in ["", "Always", "sometimes"] {
            assert_eq!(text.parse::<Approval>(), Err(ApprovalError), "{text}");
        }
    }
}
