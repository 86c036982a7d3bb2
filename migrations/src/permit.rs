//! What PostgreSQL says, and what a role of it may do.

use sea_orm_migration::sea_orm::{DbErr, RuntimeErr, sqlx::postgres::PgDatabaseError};

/// An error in PostgreSQL's words, without the line of its own source, and with what to do where a role may not change
/// the schema: since PostgreSQL 15 nobody may in a database that is somebody else's.
pub(crate) fn advised(error: DbErr) -> DbErr {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        &error
    else {
        return error;
    };
    let said = cause.as_database_error();
    let Some(said) = said.and_then(|said| said.try_downcast_ref::<PgDatabaseError>()) else {
        return error;
    };
    let message = said.message();
    DbErr::Custom(if said.code() == "42501" {
        format!(
            "{message}: let the role in database.url own the database (ALTER DATABASE … OWNER TO …), or make one that \
             it owns (CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0)"
        )
    } else {
        message.to_owned()
    })
}
