//! `latchkey session`: where a user is signed in.

use clap::Subcommand;
use latchkey_service::administration::Administration;
use serde::Serialize;

use super::{
    Failure,
    administer::{Administer, OneUser, found},
};

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// End every session, code and user action of a user, and a recovery that was begun; credentials stay.
    End(OneUser),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionAnswer {
    user_id: String,
    sessions_ended: bool,
}

impl Administer for SessionCommand {
    type Answer = SessionAnswer;

    async fn perform(self, administration: &Administration) -> Result<SessionAnswer, Failure> {
        let Self::End(OneUser { user }) = self;
        let ended = administration.end_sessions(&user).await?;
        Ok(SessionAnswer {
            sessions_ended: found(ended, "--user", "user", &user)?,
            user_id: user.to_string(),
        })
    }
}
