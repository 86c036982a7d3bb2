//! How a request names an organization.

use latchkey_domain::id::OrganizationId;

use super::text::Text;

/// `orgId`, or its newer name; the same thing, so the first counts when both are there.
pub(crate) fn named(
    organization: Option<Text<OrganizationId>>,
    tenant: Option<Text<OrganizationId>>,
) -> Option<OrganizationId> {
    organization
        .or(tenant)
        .map(|Text(organization)| organization)
}
