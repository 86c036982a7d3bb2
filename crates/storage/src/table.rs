//! One module per table: its columns, its statements, how rows become domain values and back, and the
//! port that is about this table, where there is one.
//!
//! Functions that take a transaction change something or must see what it locked; those that take a
//! connection are reads of one statement.

#![expect(
    unreachable_pub,
    reason = "the derive makes public items, and they must be as visible as what it makes"
)]

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
