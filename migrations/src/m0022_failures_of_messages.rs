//! Why a message could not be sent the last time.

use crate::{
    columns::AddedColumns,
    shape::{optional, text},
};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0022_failures_of_messages",
    table: "messages",
    columns: || vec![optional(text("failure"))],
};
