//! What credential codes are for: the application, the kinds and the name of what is made with them.

use crate::{
    columns::AddedColumns,
    shape::{optional, text},
};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0017_bound_codes",
    table: "credential_codes",
    columns: || {
        vec![
            optional(text("for_application")),
            optional(text("for_kinds")),
            optional(text("for_name")),
        ]
    },
};
