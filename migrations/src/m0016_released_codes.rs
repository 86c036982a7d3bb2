//! When and why a credential code was given back by whoever had entered it.
//!
//! Such a code has the state of a cancelled one, so a process that does not know the columns takes it for that.

use crate::{
    columns::AddedColumns,
    shape::{moment, optional, text},
};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0016_released_codes",
    table: "credential_codes",
    columns: || {
        vec![
            optional(moment("released")),
            optional(text("release_reason")),
        ]
    },
};
