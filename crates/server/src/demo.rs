//! The demonstration: an organization with two applications and a first user, to try the service with.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
};

use latchkey_domain::{
    application::{Origin, RelyingParty, RpId},
    text::{ApplicationName, OrganizationName, Username},
};
use latchkey_service::{
    administration::{Administration, Bootstrap, Bootstrapped},
    ports::administration_store::BootstrapError,
};

/// Where the service listens.
pub struct Place<'a> {
    /// The port, which the demonstration's origins have too.
    pub port: u16,
    /// Where clients reach the service.
    pub url: &'a str,
}

/// What to do next; its text is for people.
struct Instructions<'a> {
    place: &'a Place<'a>,
    made: Bootstrapped,
}

/// Makes the demonstration organization and writes to standard output what to do next. When another
/// process makes it at the same moment, that one says it.
///
/// # Errors
/// When the store or standard output fails.
pub async fn make(
    administration: &Administration,
    place: &Place<'_>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let bootstrap = Bootstrap {
        organization: OrganizationName::new("Demo")?,
        administrator: Username::new("demo@example.com")?,
        application: ApplicationName::new("One")?,
        relying_party: relying_party("one.localhost", place)?,
    };
    let made = match administration.bootstrap(bootstrap).await {
        Ok(made) => made,
        Err(BootstrapError::NameTaken) => return Ok(()),
        Err(BootstrapError::Store(error)) => return Err(error.into()),
    };
    administration
        .add_application(
            made.administrator.user.organization.clone(),
            ApplicationName::new("Two")?,
            relying_party("two.localhost", place)?,
        )
        .await?;
    Ok(write!(io::stdout(), "{}", Instructions { place, made })?)
}

fn relying_party(
    host: &str,
    place: &Place<'_>,
) -> Result<RelyingParty, Box<dyn Error + Send + Sync>> {
    let origin = Origin::new(format!("http://{host}:{}", place.port))?;
    Ok(RelyingParty::new(RpId::new(host)?, vec![origin])?)
}

impl fmt::Display for Instructions<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { port, url } = self.place;
        let user = &self.made.administrator.user;
        let (organization, username) = (&user.organization, &user.username);
        let code = self.made.administrator.code.reveal();
        write!(
            formatter,
            "
Latchkey serves at {url}. The database was empty, so there is now an organization to try it with:

  organization       {organization}
  applications       http://one.localhost:{port} and http://two.localhost:{port}
  first user         {username}
  registration code  {code}
  API description    {url}/openapi.json

Begin by registering the first user's first credential:

  curl {url}/auth/registration/init -H 'content-type: application/json' \\
    -d '{{\"orgId\":\"{organization}\",\"username\":\"{username}\",\"registrationCode\":\"{code}\"}}'

`latchkey user invite --org {organization} --email EMAIL` invites more users.

"
        )
    }
}
