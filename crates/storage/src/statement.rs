//! What statements have in common: how they run, and what is made of the rows they met.

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DeleteMany, EntityName as _,
    EntityTrait, Insert, QuerySelect as _, QueryTrait, Select, UpdateMany, sea_query::Expr,
};

use crate::column::Inconsistency;

/// A statement that changes rows of one table.
pub(crate) trait Change: QueryTrait + Sized {
    /// The table.
    type Table: EntityTrait;

    /// Carries it out, and tells how many rows it met.
    async fn count(self, transaction: &DatabaseTransaction) -> Result<u64, StoreError> {
        let result = transaction.execute(&self.into_query()).await;
        Ok(result.map_err(StoreError::new)?.rows_affected())
    }

    /// Carries out what is guarded to meet one row: `false` when the row was not in the expected state.
    /// A statement that names a key cannot meet several.
    async fn meets_one(self, transaction: &DatabaseTransaction) -> Result<bool, StoreError> {
        match self.count(transaction).await? {
            0 => Ok(false),
            1 => Ok(true),
            _ => {
                let table = Self::Table::default().table_name();
                Err(Inconsistency::new(table, "several", "one key has several rows").into())
            }
        }
    }
}

impl<A: ActiveModelTrait> Change for Insert<A> {
    type Table = A::Entity;
}

impl<E: EntityTrait> Change for UpdateMany<E> {
    type Table = E;
}

impl<E: EntityTrait> Change for DeleteMany<E> {
    type Table = E;
}

/// Whether there is any such row.
pub(crate) async fn any<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    rows: Select<E>,
) -> Result<bool, StoreError> {
    rows.select_only()
        .expr(Expr::cust("1"))
        .limit(1)
        .into_tuple::<i32>()
        .one(connection)
        .await
        .map(|found| found.is_some())
        .map_err(StoreError::new)
}
