//! `latchkey code`: what a user has been given to enter somewhere.

use clap::Subcommand;
use latchkey_service::administration::Administration;
use serde::Serialize;

use super::{
    Failure,
    administer::{Administer, OneUser, found},
};

#[derive(Debug, Subcommand)]
pub(super) enum CodeCommand {
    /// End every open code of a user, invitations included, and refuse what waits for approval; sessions go on, and so
    /// does a recovery that was begun (latchkey session end ends it).
    Cancel(OneUser),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeAnswer {
    user_id: String,
    /// Whether there was any.
    codes_cancelled: bool,
}

impl Administer for CodeCommand {
    type Answer = CodeAnswer;

    async fn perform(self, administration: &Administration) -> Result<CodeAnswer, Failure> {
        let Self::Cancel(OneUser { user }) = self;
        let ended = administration.end_codes(&user).await?;
        Ok(CodeAnswer {
            codes_cancelled: found(ended, "--user", "user", &user)?,
            user_id: user.to_string(),
        })
    }
}
