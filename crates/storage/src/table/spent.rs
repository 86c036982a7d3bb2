//! The ledger of things that may be used once.

use std::collections::HashSet;

use latchkey_domain::authority::Spend;
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DatabaseTransaction, QuerySelect as _, QueryTrait as _,
    entity::prelude::*,
    sea_query::{OnConflict, Query, SelectStatement},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "spent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub expires: i64,
}

refers_to!();

/// Writes everything into the ledger with one statement, and gives the first thing that was in it
/// already, if any; then the transaction must be rolled back. A key that another transaction has
/// just written is waited for, so of several callers exactly one finds nothing.
pub(crate) async fn insert<'a>(
    transaction: &DatabaseTransaction,
    spends: &'a [Spend],
) -> Result<Option<&'a Spend>, StoreError> {
    if spends.is_empty() {
        return Ok(None);
    }
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns([Column::Id, Column::Expires])
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .returning_col(Column::Id);
    for spend in spends {
        statement
            .values([
                spend.id.as_str().into(),
                spend.expires.unix_milliseconds().into(),
            ])
            .map_err(StoreError::new)?;
    }
    let written = transaction
        .query_all(&statement)
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get_by_index(0)).collect())
        .map_err(StoreError::new)?;
    let written: HashSet<String> = written;
    Ok(spends.iter().find(|spend| !written.contains(&spend.id)))
}

/// Selects the entry of that identifier, for the condition of another statement.
pub(crate) fn entry(id: &str) -> SelectStatement {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(id))
        .into_query()
}
