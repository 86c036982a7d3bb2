//! One module per table: its columns, its statements, how rows become domain values and back, and the
//! port that is about this table, where there is one.
//!
//! Functions that take a transaction change something or must see what it locked; those that take a
//! connection are reads of one statement.

#![expect(
    unreachable_pub,
    reason = "the derive makes public items, and they must be as visible as what it makes"
)]

use sea_orm::{
    EntityTrait, QueryFilter as _, QueryTrait as _,
    sea_query::{Expr, SelectStatement},
};

/// What the rows of a table refer to, by the column that holds the other's id.
macro_rules! refers_to {
    ($($column:ident => $name:ident of $table:ident),*) => {
        #[derive(Clone, Copy, Debug, EnumIter)]
        pub enum Relation {
            $($name,)*
        }

        impl RelationTrait for Relation {
            fn def(&self) -> RelationDef {
                match *self {
                    $(Self::$name => Entity::belongs_to($table::Entity)
                        .from(Column::$column)
                        .to($table::Column::Id)
                        .into(),)*
                }
            }
        }

        $(impl Related<$table::Entity> for Entity {
            fn to() -> RelationDef {
                Relation::$name.def()
            }
        })*

        impl ActiveModelBehavior for ActiveModel {}
    };
}

pub(crate) mod account;
pub(crate) mod account_code;
pub(crate) mod application;
pub(crate) mod application_logo;
pub(crate) mod application_origin;
pub(crate) mod code_request;
pub(crate) mod credential;
pub(crate) mod credential_code;
pub(crate) mod event;
pub(crate) mod installation;
pub(crate) mod message;
pub(crate) mod organization;
pub(crate) mod spent;
pub(crate) mod user;
pub(crate) mod user_action;

/// Queries of no rows that name every column of every table: whoever asks them is refused where any is missing.
pub(crate) fn every_column() -> [SelectStatement; 14] {
    [
        no_rows::<account_code::Entity>(),
        no_rows::<application::Entity>(),
        no_rows::<application_logo::Entity>(),
        no_rows::<application_origin::Entity>(),
        no_rows::<code_request::Entity>(),
        no_rows::<credential::Entity>(),
        no_rows::<credential_code::Entity>(),
        no_rows::<event::Entity>(),
        no_rows::<installation::Entity>(),
        no_rows::<message::Entity>(),
        no_rows::<organization::Entity>(),
        no_rows::<spent::Entity>(),
        no_rows::<user::Entity>(),
        no_rows::<user_action::Entity>(),
    ]
}

fn no_rows<E: EntityTrait>() -> SelectStatement {
    // No parameter, so that no plan is made for one that is true.
    E::find().filter(Expr::cust("FALSE")).into_query()
}
