//! The ledger of things that may be used once.

use latchkey_domain::authority::Spend;
use sea_orm::{
    QuerySelect as _, QueryTrait as _, Value, entity::prelude::*, sea_query::SelectStatement,
};

use crate::statement::{Inputs, Insertion};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "spent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub expires: i64,
}

refers_to!();

/// Writes a thing into the ledger; meets none when it was in there already. A key that another transaction has just
/// written is waited for, so of several callers exactly one meets one.
pub(crate) fn insertion(inputs: &mut Inputs) -> Insertion {
    let values = [Column::Id, Column::Expires].map(|column| (column, Expr::val(inputs.take())));
    Insertion::of(Entity, values).unless_taken()
}

/// What [`insertion`] takes of a thing: its identifier, and until when it is remembered.
pub(crate) fn values(spend: &Spend) -> [Value; 2] {
    [
        spend.id.as_str().into(),
        spend.expires.unix_milliseconds().into(),
    ]
}

/// Selects the entry of that identifier, for the condition of another statement.
pub(crate) fn entry(id: impl Into<Value>) -> SelectStatement {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(id))
        .into_query()
}
