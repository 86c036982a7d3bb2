//! An index of the passkeys of each application: whoever changes or deletes one asks for them.

use crate::indexes::ChangedIndexes;

pub(crate) const STEP: ChangedIndexes = ChangedIndexes {
    step: "m0012_index_of_passkeys",
    added: &[
        "ix_credentials_application_id ON credentials (application_id) WHERE application_id IS NOT NULL",
    ],
    dropped: &[],
};
