//! Organizations: the tenants of an installation.

use crate::{id::OrganizationId, text::OrganizationName, time::Timestamp};

/// A tenant; it owns users, applications and their relying parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Identifies it.
    pub id: OrganizationId,
    /// Unique in the installation.
    pub name: OrganizationName,
    /// While it is not active nobody of it can sign in or complete a ceremony.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
}
