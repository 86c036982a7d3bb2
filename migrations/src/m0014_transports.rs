//! How the authenticator of a passkey may be reached, as its client said.

use crate::{
    columns::AddedColumns,
    shape::{optional, text},
};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0014_transports",
    table: "credentials",
    columns: || vec![optional(text("transports"))],
};
