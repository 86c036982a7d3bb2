//! `latchkey bootstrap`: an organization with its first application and administrator.

use clap::Args;
use latchkey_domain::{
    organization::Approval,
    text::{ApplicationName, OrganizationName, Username},
};
use latchkey_service::{
    administration::{self, Administration},
    ports::administration_store::BootstrapError,
};

use super::{
    Failure,
    administer::Administer,
    application::{Party, origin_taken},
    user::{InvitedAnswer, email, invited},
};

#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    /// The organization's name; there must be none of that name yet.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| OrganizationName::new(text))]
    organization: OrganizationName,
    /// Whether credentials made with a code wait until their owner approves them: never or always.
    #[arg(long, value_name = "WHEN", default_value_t)]
    approval: Approval,
    #[command(flatten)]
    admin: Admin,
    /// The first application's name.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| ApplicationName::new(text))]
    application: ApplicationName,
    #[command(flatten)]
    party: Party,
}

/// What the first administrator signs in with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Admin {
    /// The first administrator's e-mail address: what the administrator signs in with, and where messages go.
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    admin: Option<Username>,
    /// What the first administrator signs in with, where that is no e-mail address: no message reaches the user.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Username::new(text))]
    username: Option<Username>,
}

impl Administer for Bootstrap {
    type Answer = InvitedAnswer;

    async fn perform(self, administration: &Administration) -> Result<InvitedAnswer, Failure> {
        let name = self.organization.clone();
        let Admin { admin, username } = self.admin;
        let administrator = admin.or(username);
        let made = administration
            .bootstrap(administration::Bootstrap {
                organization: self.organization,
                approval: self.approval,
                administrator: administrator.ok_or("--admin: who is the first administrator?")?,
                application: self.application,
                relying_party: self.party.checked()?,
            })
            .await
            .map_err(|error| match error {
                BootstrapError::NameTaken => format!(
                    "--organization: there is an organization named {name} already; nothing was changed"
                )
                .into(),
                BootstrapError::OriginTaken => origin_taken(),
                BootstrapError::Store(error) => Failure::from(error),
            })?;
        Ok(invited(made.administrator, Some(made.application)))
    }
}
