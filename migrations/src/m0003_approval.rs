//! Whether credentials made with a code wait for their owner, per organization.

use crate::{columns::AddedColumns, shape::text};

pub(crate) const STEP: AddedColumns = AddedColumns {
    step: "m0003_approval",
    table: "organizations",
    columns: || vec![text("approval").default("never").take()],
};
