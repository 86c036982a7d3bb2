//! `latchkey application`: where the users of an organization sign in.

use std::{fs::File, io::Read as _};

use clap::{
    Args, Subcommand,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use latchkey_domain::{
    application::{
        Application, ApplicationError, Origin, RelyingParty, RpId,
        look::{Accent, ColourError, Logo, Look},
        native::{AndroidPackage, AppleAppId, NativeApplications},
        pages::{EnrolUrl, EnrolUrlError, Pages},
        related,
    },
    id::{ApplicationId, OrganizationId},
    text::{ApplicationName, counted},
};
use latchkey_service::{
    administration::Administration,
    ports::administration_store::{
        AddApplicationError, ApplicationEntry, ApplicationUpdate, DeleteApplicationError, Loss,
        New, NewEnrolUrl, UpdateApplicationError,
    },
};
use serde::Serialize;
use tracing::warn;

use super::{
    Failure,
    administer::{Administer, application_id, confirmed, found, organization_id, require, unknown},
};

/// Where an application runs.
#[derive(Debug, Args)]
pub(super) struct Party {
    /// The RP id: the host name of at least one origin, or a parent domain of it that is no public suffix.
    #[arg(long, value_name = "ID", value_parser = |text: &str| RpId::new(text))]
    rp_id: RpId,
    /// An origin the application runs on; may be given several times.
    #[arg(long = "origin", value_name = "ORIGIN", required = true, value_parser = |text: &str| Origin::new(text))]
    origins: Vec<Origin>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ApplicationCommand {
    /// Add an application to an organization.
    Add {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// The application's name.
        #[arg(long, value_name = "NAME", value_parser = |text: &str| ApplicationName::new(text))]
        name: ApplicationName,
        #[command(flatten)]
        party: Party,
        /// Its own page where a code for a passkey is entered; it takes the code behind #.
        #[arg(long, value_name = "URL", value_parser = EnrolUrl::new)]
        enrol_url: Option<EnrolUrl>,
        /// Its hosts do not show the pages of this service: nobody is led there.
        #[arg(long)]
        no_pages: bool,
        /// The colour of its pages, any of #000000 to #ffffff; where it cannot be read, the nearest that can.
        #[arg(long, value_name = "COLOUR", value_parser = Accent::new)]
        accent: Option<Accent>,
        /// The logo on its pages: a PNG or SVG of 64 KiB at most.
        #[arg(long, value_name = "FILE", value_parser = logo)]
        logo: Option<Logo>,
    },
    /// List the applications of all organizations, or of one, oldest first.
    List {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: Option<OrganizationId>,
    },
    /// Change name, RP id, origins, pages or look of an application; what is left out stays.
    Update {
        /// The application.
        #[arg(long, value_name = "ID", value_parser = application_id)]
        application: ApplicationId,
        #[command(flatten)]
        update: Update,
    },
    /// Delete an application; its origins are free again.
    Delete {
        /// The application.
        #[arg(long, value_name = "ID", value_parser = application_id)]
        application: ApplicationId,
        /// Delete the passkeys for it too; who has nothing else to sign in with is locked out.
        #[arg(long)]
        delete_credentials: bool,
        /// Yes, delete the application that is called so.
        #[arg(long, value_name = "NAME")]
        yes: Option<String>,
    },
    /// Deactivate an application: no ceremony works with it any more.
    Deactivate {
        /// The application.
        #[arg(long, value_name = "ID", value_parser = application_id)]
        application: ApplicationId,
    },
    /// Activate an application again.
    Activate {
        /// The application.
        #[arg(long, value_name = "ID", value_parser = application_id)]
        application: ApplicationId,
    },
    /// Set which native applications use the RP id; what is left out is taken away.
    SetNative {
        /// The application.
        #[arg(long, value_name = "ID", value_parser = application_id)]
        application: ApplicationId,
        /// The one for Android; the certificates it is signed with are android: origins.
        #[arg(long, value_name = "PACKAGE", value_parser = |text: &str| AndroidPackage::new(text))]
        android_package: Option<AndroidPackage>,
        /// The one for Apple's devices: team and bundle identifier.
        #[arg(long, value_name = "APP_ID", value_parser = |text: &str| AppleAppId::new(text))]
        apple_app_id: Option<AppleAppId>,
    },
}

/// Reads yes or no, and what programs say instead.
fn yes_or_no() -> impl TypedValueParser<Value = bool> {
    let yes = PossibleValue::new("yes").alias("true");
    let no = PossibleValue::new("no").alias("false");
    PossibleValuesParser::new([yes, no]).map(|said| said == "yes" || said == "true")
}

/// What is to be different; the rest stays.
#[derive(Debug, Args)]
#[group(id = "something_new", required = true, multiple = true)]
pub(super) struct Update {
    /// What it is to be called.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| ApplicationName::new(text))]
    name: Option<ApplicationName>,
    /// The RP id; it stays while anybody has a passkey for it.
    #[arg(long, value_name = "ID", value_parser = |text: &str| RpId::new(text))]
    rp_id: Option<RpId>,
    /// An origin the application runs on, in place of all earlier ones; may be given several times.
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = |text: &str| Origin::new(text))]
    origins: Option<Vec<Origin>>,
    /// Its own page where a code for a passkey is entered, which takes the code behind #; or none.
    #[arg(long, value_name = "URL|none", value_parser = new_enrol_url)]
    enrol_url: Option<NewEnrolUrl>,
    /// Whether its hosts show the pages of this service; where they do not, nobody is led there.
    #[arg(long, value_name = "WHETHER", value_parser = yes_or_no())]
    pages: Option<bool>,
    /// The colour of its pages, any of #000000 to #ffffff; where it cannot be read, the nearest that can; or none.
    #[arg(long, value_name = "COLOUR|none", value_parser = new_accent)]
    accent: Option<New<Accent>>,
    /// The logo on its pages: a PNG or SVG of 64 KiB at most; or none.
    #[arg(long, value_name = "FILE|none", value_parser = new_logo)]
    logo: Option<New<Logo>>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum ApplicationAnswer {
    One(ApplicationRow),
    Listed(Vec<ApplicationRow>),
    Deleted(DeletedApplication),
    Changed {
        app_id: String,
        is_active: bool,
        changed: bool,
    },
    Native {
        app_id: String,
        changed: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        android_package: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        apple_app_id: Option<String>,
    },
}

/// An application in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationRow {
    app_id: String,
    name: String,
    rp_id: String,
    has_pages: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrol_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accent: Option<String>,
    /// Which logo it has: the SHA-256 digest of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo: Option<String>,
    is_active: bool,
    /// How many there are for it; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkeys: Option<u64>,
    /// Whether it was different before; absent where nothing was to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
    origins: Vec<String>,
    org_id: String,
}

impl From<&Application> for ApplicationRow {
    fn from(application: &Application) -> Self {
        let party = &application.relying_party;
        let look = &application.pages.look;
        Self {
            app_id: application.id.to_string(),
            name: application.name.to_string(),
            rp_id: party.rp_id().to_string(),
            has_pages: application.pages.ours,
            enrol_url: application
                .pages
                .enrol_url
                .as_ref()
                .map(ToString::to_string),
            accent: look.accent.as_ref().map(ToString::to_string),
            logo: look.logo.as_ref().map(ToString::to_string),
            is_active: application.is_active,
            passkeys: None,
            changed: None,
            origins: party.origins().iter().map(ToString::to_string).collect(),
            org_id: application.organization.to_string(),
        }
    }
}

/// What went with an application.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeletedApplication {
    app_id: String,
    deleted_passkeys: u64,
    users: u64,
    locked_out_users: u64,
}

impl Administer for ApplicationCommand {
    const LISTS: &'static str = "applications";

    type Answer = ApplicationAnswer;

    fn tells(done: &ApplicationAnswer) -> bool {
        matches!(done, ApplicationAnswer::Deleted(deleted) if deleted.deleted_passkeys > 0)
    }

    async fn perform(self, administration: &Administration) -> Result<ApplicationAnswer, Failure> {
        let (application, is_active) = match self {
            Self::Add {
                organization,
                name,
                party,
                enrol_url,
                no_pages,
                accent,
                logo,
            } => {
                let pages = Pages {
                    ours: !no_pages,
                    enrol_url,
                    look: Look { accent, logo: None },
                };
                let party = party.checked()?;
                let addition =
                    administration.add_application(organization.clone(), name, party, pages, logo);
                let added = addition.await.map_err(|error| match error {
                    AddApplicationError::UnknownOrganization => {
                        unknown("--org", "organization", &organization)
                    }
                    AddApplicationError::Invalid(error) => format!("--enrol-url: {error}").into(),
                    AddApplicationError::OriginTaken => origin_taken(),
                    AddApplicationError::Store(error) => error.into(),
                })?;
                warn_of_namesakes(administration, &added).await;
                return Ok(ApplicationAnswer::One(ApplicationRow::from(&added)));
            }
            Self::List { organization } => {
                let rows = list(administration, organization.as_ref()).await?;
                return Ok(ApplicationAnswer::Listed(rows));
            }
            Self::Update {
                application,
                update: wanted,
            } => {
                let row = update(administration, &application, wanted).await?;
                return Ok(ApplicationAnswer::One(row));
            }
            Self::Delete {
                application,
                delete_credentials,
                yes,
            } => {
                let yes = yes.as_deref();
                let deleted = delete(administration, &application, delete_credentials, yes);
                return Ok(ApplicationAnswer::Deleted(deleted.await?));
            }
            Self::Deactivate { application } => (application, false),
            Self::Activate { application } => (application, true),
            Self::SetNative {
                application,
                android_package,
                apple_app_id,
            } => {
                let native = NativeApplications {
                    android: android_package,
                    apple: apple_app_id,
                };
                return set_native(administration, &application, &native).await;
            }
        };
        let set = administration.set_application_active(&application, is_active);
        Ok(ApplicationAnswer::Changed {
            changed: found(set.await?, "--application", "application", &application)?,
            app_id: application.to_string(),
            is_active,
        })
    }
}

async fn set_native(
    administration: &Administration,
    application: &ApplicationId,
    native: &NativeApplications,
) -> Result<ApplicationAnswer, Failure> {
    let set = administration.set_native(application, native).await?;
    Ok(ApplicationAnswer::Native {
        changed: found(set, "--application", "application", application)?,
        app_id: application.to_string(),
        android_package: native.android.as_ref().map(ToString::to_string),
        apple_app_id: native.apple.as_ref().map(ToString::to_string),
    })
}

async fn list(
    administration: &Administration,
    organization: Option<&OrganizationId>,
) -> Result<Vec<ApplicationRow>, Failure> {
    require(administration, organization).await?;
    let entries = administration.applications().await?;
    let of_it = entries.iter().filter(|entry| {
        organization.is_none_or(|organization| entry.application.organization == *organization)
    });
    let row = |entry: &ApplicationEntry| ApplicationRow {
        passkeys: Some(entry.passkeys),
        ..ApplicationRow::from(&entry.application)
    };
    Ok(of_it.map(row).collect())
}

async fn update(
    administration: &Administration,
    application: &ApplicationId,
    wanted: Update,
) -> Result<ApplicationRow, Failure> {
    let Update {
        name,
        rp_id,
        origins,
        enrol_url,
        pages,
        accent,
        logo,
    } = wanted;
    let update = ApplicationUpdate {
        name,
        rp_id,
        origins,
        has_pages: pages,
        enrol_url,
        accent,
        logo,
    };
    change(administration, application, update).await
}

async fn change(
    administration: &Administration,
    application: &ApplicationId,
    update: ApplicationUpdate,
) -> Result<ApplicationRow, Failure> {
    let is_renamed = update.name.is_some();
    let updated = administration.update_application(application, update);
    let updated = updated.await.map_err(|error| match error {
        UpdateApplicationError::NotFound => unknown("--application", "application", application),
        UpdateApplicationError::Invalid(error @ ApplicationError::EnrolUrlElsewhere(_)) => {
            format!("--enrol-url and --origin: {error}").into()
        }
        UpdateApplicationError::Invalid(error) => format!("--rp-id and --origin: {error}").into(),
        UpdateApplicationError::HasPasskeys(passkeys) => format!(
            "--rp-id: it has {}, and a passkey works for no other RP id than its own; make another application for \
             the new one (latchkey application add)",
            counted(passkeys, "passkey"),
        )
        .into(),
        UpdateApplicationError::OriginTaken => origin_taken(),
        UpdateApplicationError::Store(error) => Failure::from(error),
    })?;
    let party = &updated.application.relying_party;
    if let Err(warning) = related::check_labels(party.rp_id(), party.origins()) {
        warn!("--origin: {warning}");
    }
    if is_renamed {
        warn_of_namesakes(administration, &updated.application).await;
    }
    Ok(ApplicationRow {
        changed: Some(updated.is_changed),
        ..ApplicationRow::from(&updated.application)
    })
}

/// Warns where people are shown two applications that they cannot tell apart. It is done by then, and stays.
async fn warn_of_namesakes(administration: &Administration, application: &Application) {
    if let Ok(entries) = administration.applications().await
        && let Some(other) = namesake(&entries, application)
    {
        warn!(
            "--name: application {other} of this organization is called {:?}, too, so people cannot tell them apart: \
             latchkey application update --application {} --name gives it another name",
            application.name.as_str(),
            application.id
        );
    }
}

/// Another application of the organization that is called the same.
fn namesake<'all>(
    entries: &'all [ApplicationEntry],
    application: &Application,
) -> Option<&'all ApplicationId> {
    let mut others = entries.iter().map(|entry| &entry.application);
    let other = others.find(|other| {
        other.id != application.id
            && other.organization == application.organization
            && other.name == application.name
    });
    other.map(|other| &other.id)
}

async fn delete(
    administration: &Administration,
    application: &ApplicationId,
    with_passkeys: bool,
    yes: Option<&str>,
) -> Result<DeletedApplication, Failure> {
    let entries = administration.applications().await?;
    let mut entries = entries.iter().map(|entry| &entry.application);
    let named = entries.find(|found| found.id == *application);
    let named = named.ok_or_else(|| unknown("--application", "application", application))?;
    confirmed(yes, named.name.as_str(), "the application, for good")?;
    let deleted = administration.delete_application(application, with_passkeys);
    let loss = deleted.await.map_err(|error| match error {
        DeleteApplicationError::NotFound => unknown("--application", "application", application),
        DeleteApplicationError::HasPasskeys(Loss {
            passkeys,
            users,
            locked_out,
        }) => format!(
            "it has {} of {}, of whom {locked_out} can sign in with nothing else: deactivate it (latchkey \
             application deactivate), or say --delete-credentials to delete the passkeys too",
            counted(passkeys, "passkey"),
            counted(users, "user"),
        )
        .into(),
        DeleteApplicationError::Store(error) => Failure::from(error),
    })?;
    Ok(DeletedApplication {
        app_id: application.to_string(),
        deleted_passkeys: loss.passkeys,
        users: loss.users,
        locked_out_users: loss.locked_out,
    })
}

/// An origin belongs to one application, whosever that is.
pub(super) fn origin_taken() -> Failure {
    "--origin: another application lists one of these origins already, and an origin belongs to one; latchkey \
     application list shows which"
        .into()
}

impl Party {
    /// Warns, on standard error like every warning, of more origins than browsers look at.
    pub(super) fn checked(self) -> Result<RelyingParty, Failure> {
        let party = RelyingParty::new(self.rp_id, self.origins)
            .map_err(|error| format!("--rp-id and --origin: {error}"))?;
        if let Err(warning) = related::check_labels(party.rp_id(), party.origins()) {
            warn!("--origin: {warning}");
        }
        Ok(party)
    }
}

fn new_enrol_url(text: &str) -> Result<NewEnrolUrl, EnrolUrlError> {
    match text {
        "none" => Ok(NewEnrolUrl::None),
        url => EnrolUrl::new(url).map(NewEnrolUrl::At),
    }
}

fn new_accent(text: &str) -> Result<New<Accent>, ColourError> {
    match text {
        "none" => Ok(New::None),
        colour => Accent::new(colour).map(New::At),
    }
}

fn new_logo(text: &str) -> Result<New<Logo>, Failure> {
    match text {
        "none" => Ok(New::None),
        path => logo(path).map(New::At),
    }
}

/// What a file has, of which no more is read than a logo may have.
fn logo(path: &str) -> Result<Logo, Failure> {
    let most = u64::try_from(Logo::MAXIMUM)?;
    let mut contents = Vec::new();
    let file = File::open(path)?;
    file.take(most + 1).read_to_end(&mut contents)?;
    Ok(Logo::new(contents)?)
}

#[cfg(test)]
mod tests {
    use latchkey_domain::time::Timestamp;

    use super::*;

    #[test]
    fn an_rp_id_that_does_not_fit_names_the_options() {
        for (rp_id, origin) in [
            ("app.example.com", "https://example.com"),
            ("co.uk", "https://example.co.uk"),
            ("internal", "https://a.internal"),
        ] {
            let party = Party {
                rp_id: RpId::new(rp_id).unwrap(),
                origins: vec![Origin::new(origin).unwrap()],
            };
            let error = party.checked().unwrap_err().to_string();
            let named = format!("--rp-id and --origin: the RP id {rp_id} ");
            assert!(error.starts_with(&named), "{error}");
        }
    }

    #[test]
    fn a_namesake_is_another_application_of_the_same_organization() {
        let application = |id: u8, organization: u8, name: &str| Application {
            id: ApplicationId::from_random(&[id; 32]),
            organization: OrganizationId::from_random(&[organization; 32]),
            name: ApplicationName::new(name).unwrap(),
            relying_party: RelyingParty::new(
                RpId::new("localhost").unwrap(),
                vec![Origin::new("http://localhost").unwrap()],
            )
            .unwrap(),
            native: NativeApplications::default(),
            pages: Pages {
                ours: true,
                enrol_url: None,
                look: Look::default(),
            },
            is_active: true,
            created: Timestamp::from_unix_milliseconds(0),
        };
        let own = application(1, 1, "Shop");
        let strangers = [
            own.clone(),
            application(2, 1, "Bank"),
            application(3, 2, "Shop"),
        ];
        let mut entries: Vec<_> = strangers
            .map(|application| ApplicationEntry {
                application,
                passkeys: 0,
            })
            .into();
        assert_eq!(namesake(&entries, &own), None);
        let twin = application(4, 1, "Shop");
        entries.push(ApplicationEntry {
            application: twin.clone(),
            passkeys: 0,
        });
        assert_eq!(namesake(&entries, &own), Some(&twin.id));
    }
}
