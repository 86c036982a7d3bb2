//! What a role of PostgreSQL may do.

use sea_orm_migration::sea_orm::{DbErr, RuntimeErr};

/// An error with what to do about it where a role may not change the schema: since PostgreSQL 15 nobody may in a
/// database that is somebody else's.
pub(crate) fn advised(error: DbErr) -> DbErr {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        &error
    else {
        return error;
    };
    let Some(said) = cause.as_database_error() else {
        return error;
    };
    if said.code().as_deref() != Some("42501") {
        return error;
    }
    DbErr::Custom(format!(
        "{}: let the role in database.url own the database (ALTER DATABASE … OWNER TO …), or make one that it owns \
         (CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0)",
        said.message()
    ))
}
