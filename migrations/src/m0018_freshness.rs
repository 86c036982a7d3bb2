//! For how long an organization's credentials that were made with a code are fresh.

use crate::{
    columns::AddedColumns,
    shape::{moment, optional},
};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0018_freshness",
    table: "organizations",
    // As moments, it is counted in milliseconds.
    columns: || vec![optional(moment("freshness"))],
};
