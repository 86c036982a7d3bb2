//! `latchkey application list | update | delete`.

use clap::Args;
use latchkey_domain::{
    application::{Application, Origin, RpId, related},
    id::{ApplicationId, OrganizationId},
    text::ApplicationName,
};
use latchkey_service::{
    administration::Administration,
    ports::administration_store::{
        ApplicationEntry, ApplicationUpdate, DeleteApplicationError, Loss, UpdateApplicationError,
    },
};
use serde::Serialize;
use tracing::warn;

use super::{
    Failure,
    administer::{rp_id, unknown},
    people::confirmed,
};

/// What is to be different; the rest stays.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Update {
    /// What it is to be called.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| ApplicationName::new(text))]
    name: Option<ApplicationName>,
    /// The RP id; it stays while anybody has a passkey for it.
    #[arg(long, value_name = "ID", value_parser = rp_id)]
    rp_id: Option<RpId>,
    /// An origin the application runs on, in place of all earlier ones; may be given several times.
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = |text: &str| Origin::new(text))]
    origins: Option<Vec<Origin>>,
}

/// An application in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationRow {
    app_id: String,
    org_id: String,
    name: String,
    rp_id: String,
    origins: Vec<String>,
    is_active: bool,
    /// How many there are for it; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkeys: Option<u64>,
}

impl From<&Application> for ApplicationRow {
    fn from(application: &Application) -> Self {
        let party = &application.relying_party;
        Self {
            app_id: application.id.to_string(),
            org_id: application.organization.to_string(),
            name: application.name.to_string(),
            rp_id: party.rp_id().to_string(),
            origins: party.origins().iter().map(ToString::to_string).collect(),
            is_active: application.is_active,
            passkeys: None,
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

pub(super) async fn list(
    administration: &Administration,
    organization: Option<&OrganizationId>,
) -> Result<Vec<ApplicationRow>, Failure> {
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

pub(super) async fn update(
    administration: &Administration,
    application: &ApplicationId,
    update: Update,
) -> Result<ApplicationRow, Failure> {
    let Update {
        name,
        rp_id,
        origins,
    } = update;
    let update = ApplicationUpdate {
        name,
        rp_id,
        origins,
    };
    let updated = administration.update_application(application, update);
    let updated = updated.await.map_err(|error| match error {
        UpdateApplicationError::NotFound => unknown("--application", "application", application),
        UpdateApplicationError::Invalid(error) => format!("--rp-id and --origin: {error}").into(),
        UpdateApplicationError::HasPasskeys(passkeys) => format!(
            "--rp-id: {passkeys} passkeys were made for the RP id as it is, and work for no other; make another \
             application for the new one (latchkey application add)"
        )
        .into(),
        UpdateApplicationError::OriginTaken => origin_taken(),
        UpdateApplicationError::Store(error) => Failure::from(error),
    })?;
    let party = &updated.relying_party;
    if let Err(warning) = related::check_labels(party.rp_id(), party.origins()) {
        warn!("--origin: {warning}");
    }
    Ok(ApplicationRow::from(&updated))
}

pub(super) async fn delete(
    administration: &Administration,
    application: &ApplicationId,
    with_passkeys: bool,
    yes: Option<&str>,
) -> Result<DeletedApplication, Failure> {
    let entries = administration.applications().await?;
    let mut entries = entries.iter().map(|entry| &entry.application);
    let found = entries.find(|found| found.id == *application);
    let found = found.ok_or_else(|| unknown("--application", "application", application))?;
    confirmed(yes, found.name.as_str(), "the application, for good")?;
    let deleted = administration.delete_application(application, with_passkeys);
    let loss = deleted.await.map_err(|error| match error {
        DeleteApplicationError::NotFound => unknown("--application", "application", application),
        DeleteApplicationError::HasPasskeys(Loss {
            passkeys,
            users,
            locked_out,
        }) => format!(
            "there are {passkeys} passkeys of {users} users for it, and {locked_out} users can sign in with nothing \
             else: deactivate it (latchkey application deactivate), or say --delete-credentials to delete the \
             passkeys too"
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
