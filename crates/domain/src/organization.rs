//! Organizations: the tenants of an installation.

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
