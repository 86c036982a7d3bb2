//! Where people are led at an application: to pages of this service, and to its own page for codes.

use crate::{
    columns::AddedColumns,
    shape::{boolean, optional, text},
};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0015_pages_of_applications",
    table: "applications",
    // An earlier release makes applications without them: then they are as before.
    columns: || {
        vec![
            boolean("has_pages").default(true).take(),
            optional(text("enrol_url")),
        ]
    },
};
