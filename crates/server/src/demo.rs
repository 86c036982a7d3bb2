//! The demonstration: an organization with two applications and a first user, to try the service with.

use std::{error::Error, fmt};

use latchkey_domain::{
    application::{
        Application, Origin, RelyingParty, RpId,
        pages::{PagePrefix, Pages},
    },
    organization::Approval,
    text::{ApplicationName, OrganizationName, Username},
    user::UserKind,
};
use latchkey_service::{
    administration::{Administration, Bootstrap, Invite, Invited},
    directory::Snapshot,
    ports::administration_store::{
        ApplicationUpdate, BootstrapError, InviteError, UpdateApplicationError,
    },
};
use url::form_urlencoded;

/// Where the service listens.
pub(crate) struct Location<'a> {
    /// The port, which the demonstration's origins have too.
    pub(crate) port: u16,
    /// Where clients reach the service.
    pub(crate) url: &'a str,
    /// Below which path it has pages, if it does.
    pub(crate) pages: Option<&'a PagePrefix>,
    /// Whether who comes from elsewhere is refused until somebody has registered.
    pub(crate) this_machine_alone: bool,
}

/// What to do next; its text is for people.
pub(crate) struct Instructions<'a> {
    location: &'a Location<'a>,
    invited: Invited,
    /// Whether the demonstration was made just now.
    is_new: bool,
}

/// The hosts of the two applications.
const ONE: &str = "one.localhost";
const TWO: &str = "two.localhost";

/// What the first user is called.
const FIRST_USER: &str = "demo@example.com";

type Failure = Box<dyn Error + Send + Sync>;

/// Whether there is the demonstration organization, from this start or an earlier one.
pub(crate) fn is_there(snapshot: &Snapshot) -> bool {
    !snapshot.at_rp_id(ONE).is_empty()
}

/// Makes the demonstration organization where there is none at all, and gives what to do next; that is given
/// again, with another code, as long as nobody has registered.
///
/// # Errors
/// When the store fails.
pub(crate) async fn prepare<'a>(
    administration: &Administration,
    location: &'a Location<'a>,
) -> Result<Option<Instructions<'a>>, Failure> {
    if administration.is_empty().await? {
        return make(administration, location).await;
    }
    if administration.population().await?.has_registered {
        return Ok(None);
    }
    remind(administration, location).await
}

/// Nothing when there is an organization already, because another process made it at the same moment.
async fn make<'a>(
    administration: &Administration,
    location: &'a Location<'a>,
) -> Result<Option<Instructions<'a>>, Failure> {
    let bootstrap = Bootstrap {
        organization: OrganizationName::new("Demo")?,
        approval: Approval::default(),
        administrator: Username::new(FIRST_USER)?,
        application: ApplicationName::new("One")?,
        relying_party: relying_party(ONE, location)?,
    };
    let made = match administration.bootstrap(bootstrap).await {
        Ok(made) => made,
        Err(BootstrapError::NameTaken | BootstrapError::OriginTaken) => return Ok(None),
        Err(BootstrapError::Store(error)) => return Err(error.into()),
    };
    administration
        .add_application(
            made.administrator.user.organization.clone(),
            ApplicationName::new("Two")?,
            relying_party(TWO, location)?,
            Pages::default(),
            None,
        )
        .await?;
    Ok(Some(Instructions {
        location,
        invited: made.administrator,
        is_new: true,
    }))
}

/// Of a code only its digest is kept, so the first user gets another one. The applications follow the service to
/// the port where it listens now: nobody has a passkey that would have to stay. They are asked of the store, since
/// the directory goes on for a while with what it has read.
async fn remind<'a>(
    administration: &Administration,
    location: &'a Location<'a>,
) -> Result<Option<Instructions<'a>>, Failure> {
    let applications = administration.applications().await?.into_iter();
    let applications: Vec<_> = applications.map(|entry| entry.application).collect();
    let Some(one) = applications.iter().find(|known| is_for(known, ONE)) else {
        return Ok(None);
    };
    let organization = one.organization.clone();
    for application in &applications {
        if application.organization == organization {
            follow(administration, application, location).await?;
        }
    }
    let invited = administration.invite(Invite {
        organization,
        username: Username::new(FIRST_USER)?,
        kind: UserKind::CustomerEmployee,
        administrator: true,
        by_mail: false,
    });
    match invited.await {
        Ok(invited) => Ok(Some(Instructions {
            location,
            invited,
            is_new: false,
        })),
        // Somebody has changed the demonstration into something of their own.
        Err(InviteError::AlreadyRegistered | InviteError::UnknownOrganization) => Ok(None),
        Err(InviteError::Store(error)) => Err(error.into()),
    }
}

/// Lets an application run where the service listens now, if it is one of the demonstration's.
async fn follow(
    administration: &Administration,
    application: &Application,
    location: &Location<'_>,
) -> Result<(), Failure> {
    let Some(host) = [ONE, TWO]
        .into_iter()
        .find(|host| is_for(application, host))
    else {
        return Ok(());
    };
    let party = relying_party(host, location)?;
    if application.relying_party == party {
        return Ok(());
    }
    let update = ApplicationUpdate {
        origins: Some(party.origins().to_vec()),
        ..ApplicationUpdate::default()
    };
    let updated = administration.update_application(&application.id, update);
    match updated.await {
        Err(UpdateApplicationError::Store(error)) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn is_for(application: &Application, host: &str) -> bool {
    application.relying_party.rp_id().as_str() == host
}

fn relying_party(host: &str, location: &Location<'_>) -> Result<RelyingParty, Failure> {
    let origin = Origin::new(format!("http://{host}:{}", location.port))?;
    Ok(RelyingParty::new(RpId::new(host)?, vec![origin])?)
}

impl Instructions<'_> {
    /// Opens the page where the first user registers. What is secret stands in the fragment, which
    /// browsers keep to themselves.
    fn link(&self, prefix: &PagePrefix) -> String {
        let user = &self.invited.user;
        let fragment = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", self.invited.code.reveal())
            .append_pair("username", user.username.as_str())
            .append_pair("orgId", &user.organization.to_string())
            .finish();
        let port = self.location.port;
        format!("http://{ONE}:{port}{prefix}/register#{fragment}")
    }
}

impl fmt::Display for Instructions<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location {
            port,
            url,
            pages,
            this_machine_alone,
        } = self.location;
        let user = &self.invited.user;
        let (organization, username) = (&user.organization, &user.username);
        let code = self.invited.code.reveal();
        let why = if self.is_new {
            "The database was empty, so there is now an organization to try it with."
        } else {
            "Nobody has registered yet, so here is another link; earlier ones have ended."
        };
        let for_whom = if *this_machine_alone {
            "It is for this machine alone: requests that come through a proxy are refused until somebody has registered."
        } else {
            "demo.enabled asks for it, so requests from elsewhere are served too."
        };
        write!(
            formatter,
            "
Latchkey serves at {url}. {why}
{for_whom}
To serve others, set http.public_url and begin with an empty database, or make an organization of your own with
`latchkey bootstrap` and delete this one before anybody registers in it.
"
        )?;
        if let Some(prefix) = pages {
            write!(
                formatter,
                "
Open this link in a browser, and follow the pages:

  {}
",
                self.link(prefix)
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

        let (root, below) = (PagePrefix::default(), PagePrefix::new("/key").unwrap());
        let location = Location {
            port: 4711,
            url: "http://127.0.0.1:4711",
            pages: Some(&root),
            this_machine_alone: true,
        };
        let instructions = make(administration, &location).await.unwrap().unwrap();
        let user = &instructions.invited.user;
        let (organization, username) = (user.organization.to_string(), user.username.to_string());
        let text = instructions.to_string();
        let link = format!(
            "http://one.localhost:4711/register#code={}&username=demo%40example.com&orgId={organization}",
            instructions.invited.code.reveal()
        );
        for part in [
            link.as_str(),
            organization.as_str(),
            username.as_str(),
            instructions.invited.code.reveal(),
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
                pages: None,
                ..location
            },
            ..instructions
        };
        assert!(!without_pages.to_string().contains("/register"));
        assert!(!administration.is_empty().await.unwrap());
        assert!(make(administration, &location).await.unwrap().is_none());
        let snapshot = reopened(&settings).await;
        assert!(is_there(&snapshot));
        assert!(snapshot.lists("http://one.localhost:4711"));
        assert!(snapshot.lists("http://two.localhost:4711"));

        // Another start, at another port, before anybody has registered.
        let again = Adapters::open(&settings).await.unwrap().use_cases();
        let moved = Location {
            port: 4712,
            url: "http://127.0.0.1:4712",
            pages: Some(&below),
            this_machine_alone: false,
        };
        let reminded = prepare(&again.administration, &moved);
        let reminded = reminded.await.unwrap().unwrap();
        assert_eq!(reminded.invited.user.id, without_pages.invited.user.id);
        let code = reminded.invited.code.reveal();
        assert_ne!(code, without_pages.invited.code.reveal());
        let text = reminded.to_string();
        assert!(text.contains("Nobody has registered yet"), "{text}");
        // What is asked for is refused to nobody, and says so.
        assert!(text.contains("demo.enabled"), "{text}");
        assert!(!text.contains("for this machine alone"), "{text}");
        let link = format!("http://one.localhost:4712/key/register#code={code}&");
        assert!(text.contains(&link), "{text}");
        let snapshot = reopened(&settings).await;
        assert!(snapshot.lists("http://one.localhost:4712"));
        assert!(snapshot.lists("http://two.localhost:4712"));
        assert!(!snapshot.lists("http://one.localhost:4711"));
    }
}
