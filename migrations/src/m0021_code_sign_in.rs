//! Whether making a credential with a code begins a session, per organization.

use crate::{columns::AddedColumns, shape::text};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0021_code_sign_in",
    table: "organizations",
    columns: || vec![text("code_sign_in").default("never").take()],
};
