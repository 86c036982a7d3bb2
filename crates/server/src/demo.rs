//! The demonstration: an organization with two applications and a first user, to try the service with.

use std::{error::Error, fmt};

use latchkey_domain::{
    application::{Origin, RelyingParty, RpId},
    organization::Approval,
    text::{ApplicationName, OrganizationName, Username},
};
use latchkey_service::{
    administration::{Administration, Bootstrap, Bootstrapped},
    directory::Snapshot,
    ports::administration_store::BootstrapError,
};
use url::form_urlencoded;

/// Where the service listens.
pub(crate) struct Location<'a> {
    /// The port, which the demonstration's origins have too.
    pub(crate) port: u16,
    /// Where clients reach the service.
    pub(crate) url: &'a str,
    /// Whether it has pages.
    pub(crate) has_pages: bool,
}

/// What to do next; its text is for people.
pub(crate) struct Instructions<'a> {
    location: &'a Location<'a>,
    made: Bootstrapped,
}

/// The host of the first application.
const ONE: &str = "one.localhost";

/// Whether there is the demonstration organization, from this start or an earlier one.
pub(crate) fn is_there(snapshot: &Snapshot) -> bool {
    !snapshot.at_rp_id(ONE).is_empty()
}

/// Makes the demonstration organization and gives what to do next; nothing when there is one already,
/// because another process made it at the same moment.
///
/// # Errors
/// When the store fails.
pub(crate) async fn make<'a>(
    administration: &Administration,
    location: &'a Location<'a>,
) -> Result<Option<Instructions<'a>>, Box<dyn Error + Send + Sync>> {
    let bootstrap = Bootstrap {
        organization: OrganizationName::new("Demo")?,
        approval: Approval::default(),
        administrator: Username::new("demo@example.com")?,
        application: ApplicationName::new("One")?,
        relying_party: relying_party(ONE, location)?,
    };
    let made = match administration.bootstrap(bootstrap).await {
        Ok(made) => made,
        Err(BootstrapError::NameTaken) => return Ok(None),
        Err(BootstrapError::Store(error)) => return Err(error.into()),
    };
    administration
        .add_application(
            made.administrator.user.organization.clone(),
            ApplicationName::new("Two")?,
            relying_party("two.localhost", location)?,
        )
        .await?;
    Ok(Some(Instructions { location, made }))
}

fn relying_party(
    host: &str,
    location: &Location<'_>,
) -> Result<RelyingParty, Box<dyn Error + Send + Sync>> {
    let origin = Origin::new(format!("http://{host}:{}", location.port))?;
    Ok(RelyingParty::new(RpId::new(host)?, vec![origin])?)
}

impl Instructions<'_> {
    /// Opens the page where the first user registers. What is secret stands in the fragment, which
    /// browsers keep to themselves.
    fn link(&self) -> String {
        let user = &self.made.administrator.user;
        let fragment = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", self.made.administrator.code.reveal())
            .append_pair("username", user.username.as_str())
            .append_pair("orgId", &user.organization.to_string())
            .finish();
        let port = self.location.port;
        format!("http://{ONE}:{port}/register#{fragment}")
    }
}

impl fmt::Display for Instructions<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location {
            port,
            url,
            has_pages,
        } = self.location;
        let user = &self.made.administrator.user;
        let (organization, username) = (&user.organization, &user.username);
        let code = self.made.administrator.code.reveal();
        write!(
            formatter,
            "
Latchkey serves at {url}. The database was empty, so there is now an organization to try it with.
It is for this machine alone: requests that come through a proxy are refused until somebody has registered.
To serve others, set http.public_url and begin with an empty database.
"
        )?;
        if *has_pages {
            write!(
                formatter,
                "
Open this link in a browser, and follow the pages:

  {}
",
                self.link()
            )?;
        }
        write!(
            formatter,
            "
  organization       {organization}
  applications       http://one.localhost:{port} and http://two.localhost:{port}
  first user         {username}
  registration code  {code}
  API description    {url}/openapi.json

With curl, the first user's registration begins so:

  curl {url}/auth/registration/init -H 'content-type: application/json' \\
    -d '{{\"orgId\":\"{organization}\",\"username\":\"{username}\",\"registrationCode\":\"{code}\"}}'

`latchkey user invite --org {organization} --email EMAIL` invites more users.

"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{config::Settings, wiring::Adapters};

    /// The directory as another process sees it.
    async fn reopened(settings: &Settings) -> Arc<Snapshot> {
        let use_cases = Adapters::open(settings).await.unwrap().use_cases();
        use_cases.directory.snapshot().await.unwrap()
    }

    #[tokio::test]
    async fn the_demonstration_is_made_once_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        settings.secrets.path = folder.path().join("secrets.toml");
        let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
        let administration = &use_cases.administration;
        assert!(administration.is_empty().await.unwrap());
        assert!(!is_there(reopened(&settings).await.as_ref()));

        let location = Location {
            port: 4711,
            url: "http://127.0.0.1:4711",
            has_pages: true,
        };
        let instructions = make(administration, &location).await.unwrap().unwrap();
        let user = &instructions.made.administrator.user;
        let (organization, username) = (user.organization.to_string(), user.username.to_string());
        let text = instructions.to_string();
        let link = format!(
            "http://one.localhost:4711/register#code={}&username=demo%40example.com&orgId={organization}",
            instructions.made.administrator.code.reveal()
        );
        for part in [
            link.as_str(),
            organization.as_str(),
            username.as_str(),
            instructions.made.administrator.code.reveal(),
            "http://one.localhost:4711",
            "http://two.localhost:4711",
            "http://127.0.0.1:4711/openapi.json",
            "for this machine alone",
            "http.public_url",
        ] {
            assert!(text.contains(part), "{part}");
        }
        let without_pages = Instructions {
            location: &Location {
                has_pages: false,
                ..location
            },
            made: instructions.made,
        };
        assert!(!without_pages.to_string().contains("/register"));
        assert!(!administration.is_empty().await.unwrap());
        assert!(make(administration, &location).await.unwrap().is_none());
        let snapshot = reopened(&settings).await;
        assert!(is_there(&snapshot));
        assert!(snapshot.lists("http://one.localhost:4711"));
        assert!(snapshot.lists("http://two.localhost:4711"));
    }
}
