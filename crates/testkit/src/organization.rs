//! An organization to begin with.

use latchkey_domain::{
    application::{Origin, RelyingParty, RpId},
    organization::Approval,
    text::{ApplicationName, OrganizationName, Username},
};
use latchkey_service::administration::{Administration, Bootstrap, Bootstrapped};

/// Makes an organization with an application at `https://one.example` and an invited administrator.
///
/// # Panics
/// When the store does not take it, as when it was called before.
#[expect(clippy::unwrap_used, reason = "an error here is a failed test")]
pub async fn bootstrap(administration: &Administration, administrator: &str) -> Bootstrapped {
    let rp_id = RpId::new("one.example").unwrap();
    let origin = Origin::new("https://one.example").unwrap();
    let bootstrap = Bootstrap {
        organization: OrganizationName::new("acme").unwrap(),
        approval: Approval::Never,
        administrator: Username::new(administrator).unwrap(),
        application: ApplicationName::new("One").unwrap(),
        relying_party: RelyingParty::new(rp_id, vec![origin]).unwrap(),
    };
    administration.bootstrap(bootstrap).await.unwrap()
}
