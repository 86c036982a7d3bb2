//! An index of administrators alone: the one that an organization keeps is found among all its users.

use crate::indexes::ChangedIndexes;

pub(crate) const STEP: ChangedIndexes = ChangedIndexes {
    step: "m0011_index_of_administrators",
    added: &["ix_users_administrators ON users (organization_id) WHERE is_administrator"],
    dropped: &[],
};
