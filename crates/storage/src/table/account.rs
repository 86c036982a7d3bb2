//! Accounts: a user and the user's credentials, of rows of both tables.

use latchkey_domain::credential::Credential;
use latchkey_service::ports::{account_store::Account, store::StoreError};
use sea_orm::{FromQueryResult as _, QueryResult};

use super::{credential, user};
use crate::column::Joined;

/// The user of whom there is a row for each credential, and these in the order in which they were made.
pub(crate) fn account_of(
    rows: &[QueryResult],
    prefix_of_user: &str,
    prefix_of_credential: &str,
) -> Result<Option<Account>, StoreError> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let user = user::Model::from_query_result(first, prefix_of_user);
    let mut credentials: Vec<Credential> = vec![];
    for row in rows {
        let held = Joined::from_query_result_optional(row, prefix_of_credential);
        if let Some(Joined::<credential::Model>(held)) = held.map_err(StoreError::new)? {
            credentials.push(held.try_into()?);
        }
    }
    credential::put_in_order(&mut credentials, |made| (made.created, &made.uuid));
    Ok(Some(Account {
        user: user.map_err(StoreError::new)?.into(),
        credentials,
    }))
}
