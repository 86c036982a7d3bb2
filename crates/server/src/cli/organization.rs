//! `latchkey organization`: whose users they are, and what it says about what is made with codes.

use clap::Subcommand;
use latchkey_domain::{
    id::OrganizationId,
    organization::{Approval, CodeSignIn, Freshness, RequestsFrom, Setting},
    text::{OrganizationName, counted},
};
use latchkey_service::{
    administration::Administration,
    ports::administration_store::{
        DeleteOrganizationError, OrganizationEntry, RenameOrganizationError,
    },
};
use serde::Serialize;

use super::{
    Failure,
    administer::{Administer, confirmed, found, organization_id, unknown},
    date::date,
};

#[derive(Debug, Subcommand)]
pub(super) enum OrganizationCommand {
    /// List all organizations, oldest first.
    List,
    /// Give an organization another name; messages that are written from then on say it.
    Update {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// What it is to be called.
        #[arg(long, value_name = "NAME", value_parser = |text: &str| OrganizationName::new(text))]
        name: OrganizationName,
    },
    /// Delete an organization where nobody has registered, with its applications and whoever was invited.
    Delete {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// Yes, delete the organization that is called so.
        #[arg(long, value_name = "NAME")]
        yes: Option<String>,
    },
    /// Set whether credentials made with a code wait until their owner approves them.
    SetApproval {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// never or always.
        #[arg(value_name = "WHEN")]
        approval: Approval,
    },
    /// Set whether whoever makes a credential with a code is signed in with it at once, where the page asks for that.
    SetCodeSignIn {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// never or at-once.
        #[arg(value_name = "WHEN")]
        code_sign_in: CodeSignIn,
    },
    /// Set for how long a credential that was made with a code is fresh: until then it signs in, but takes no
    /// other credential away, and makes neither codes nor credentials.
    SetFreshness {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// off, or hours from 1h to 720h.
        #[arg(value_name = "TIME")]
        freshness: Freshness,
    },
    /// Set from where a place where nobody is signed in may ask for a code, which a user of the organization grants
    /// who is signed in elsewhere.
    SetCodeRequests {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
        organization: OrganizationId,
        /// nowhere, same-network or anywhere.
        #[arg(value_name = "FROM")]
        from: RequestsFrom,
    },
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum OrganizationAnswer {
    Listed(Vec<OrganizationRow>),
    Deleted {
        org_id: String,
        deleted_applications: u64,
        deleted_users: u64,
    },
    Changed {
        org_id: String,
        #[serde(flatten)]
        said: Said,
        /// Whether it was different before; here and elsewhere.
        changed: bool,
    },
}

/// What an organization says, under the name that it has in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Said {
    Name(String),
    Approval(&'static str),
    CodeSignIn(&'static str),
    Freshness(String),
    CodeRequests(&'static str),
}

impl From<Setting> for Said {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Approval(approval) => Self::Approval(approval.as_str()),
            Setting::CodeSignIn(sign_in) => Self::CodeSignIn(sign_in.as_str()),
            Setting::Freshness(freshness) => Self::Freshness(freshness.to_string()),
            Setting::RequestsFrom(from) => Self::CodeRequests(from.as_str()),
        }
    }
}

/// An organization in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationRow {
    org_id: String,
    name: String,
    approval: &'static str,
    freshness: String,
    code_sign_in: &'static str,
    code_requests: &'static str,
    is_active: bool,
    users: u64,
    /// How many of them have registered.
    registered: u64,
    date_created: String,
}

impl From<&OrganizationEntry> for OrganizationRow {
    fn from(entry: &OrganizationEntry) -> Self {
        let organization = &entry.organization;
        Self {
            org_id: organization.id.to_string(),
            name: organization.name.to_string(),
            approval: organization.approval.as_str(),
            freshness: organization.freshness.to_string(),
            code_sign_in: organization.code_sign_in.as_str(),
            code_requests: organization.requests_from.as_str(),
            is_active: organization.is_active,
            users: entry.users,
            registered: entry.registered,
            date_created: date(organization.created),
        }
    }
}

impl Administer for OrganizationCommand {
    const LISTS: &'static str = "organizations";

    type Answer = OrganizationAnswer;

    async fn perform(self, administration: &Administration) -> Result<OrganizationAnswer, Failure> {
        let (organization, setting): (_, Setting) = match self {
            Self::List => {
                let entries = administration.organizations().await?;
                let rows = entries.iter().map(OrganizationRow::from);
                return Ok(OrganizationAnswer::Listed(rows.collect()));
            }
            Self::Update { organization, name } => {
                return rename(administration, &organization, &name).await;
            }
            Self::Delete { organization, yes } => {
                return delete(administration, &organization, yes.as_deref()).await;
            }
            Self::SetApproval {
                organization,
                approval,
            } => (organization, approval.into()),
            Self::SetCodeSignIn {
                organization,
                code_sign_in,
            } => (organization, code_sign_in.into()),
            Self::SetFreshness {
                organization,
                freshness,
            } => (organization, freshness.into()),
            Self::SetCodeRequests { organization, from } => (organization, from.into()),
        };
        let set = administration.set_organization(&organization, setting);
        Ok(OrganizationAnswer::Changed {
            changed: found(set.await?, "--org", "organization", &organization)?,
            org_id: organization.to_string(),
            said: setting.into(),
        })
    }
}

async fn rename(
    administration: &Administration,
    organization: &OrganizationId,
    name: &OrganizationName,
) -> Result<OrganizationAnswer, Failure> {
    let renamed = administration.rename_organization(organization, name);
    let renamed = renamed.await.map_err(|error| match error {
        RenameOrganizationError::NameTaken => {
            Failure::from("--name: another organization is called so already")
        }
        RenameOrganizationError::Store(error) => error.into(),
    })?;
    Ok(OrganizationAnswer::Changed {
        changed: found(renamed, "--org", "organization", organization)?,
        org_id: organization.to_string(),
        said: Said::Name(name.to_string()),
    })
}

async fn delete(
    administration: &Administration,
    organization: &OrganizationId,
    yes: Option<&str>,
) -> Result<OrganizationAnswer, Failure> {
    let unknown = || unknown("--org", "organization", organization);
    let entries = administration.organizations().await?;
    let mut entries = entries.iter().map(|entry| &entry.organization);
    let named = entries.find(|found| found.id == *organization);
    let named = named.ok_or_else(unknown)?;
    confirmed(yes, named.name.as_str(), "the organization, for good")?;
    let deleted = administration.delete_organization(organization);
    let vacancy = deleted.await.map_err(|error| match error {
        DeleteOrganizationError::NotFound => unknown(),
        DeleteOrganizationError::HasRegistered(users) => format!(
            "--org: {} registered there, and an organization is deleted only while nobody has; latchkey application \
             deactivate ends all sign-in at an application of it",
            counted(users, "user"),
        )
        .into(),
        DeleteOrganizationError::HasSigned => {
            "--org: users who are gone by now have signed actions there, which are kept as evidence, and so is the \
             organization; latchkey application deactivate ends all sign-in at an application of it"
                .into()
        }
        DeleteOrganizationError::Store(error) => Failure::from(error),
    })?;
    Ok(OrganizationAnswer::Deleted {
        org_id: organization.to_string(),
        deleted_applications: vacancy.applications,
        deleted_users: vacancy.users,
    })
}
