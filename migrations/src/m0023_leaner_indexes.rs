//! Indexes that hold no more than what is looked for. Those in whose place they are go with the next step.
//!
//! * Of all rows of a user, those of that id: PostgreSQL may prefer the index of the user to the one of the id while a
//!   table is small, and keeps to it when a user has many.
//! * Of all codes of a user, the newest.
//! * Codes that may be deleted one day, which the newest may not.
//! * Of all credentials, those that wait.

use crate::indexes::ChangedIndexes;

pub(crate) const STEP: ChangedIndexes = ChangedIndexes {
    step: "m0023_leaner_indexes",
    added: &[
        "ix_credentials_user_id_id ON credentials (user_id, id)",
        "ix_credentials_waiting ON credentials (waits_until) WHERE waits_until IS NOT NULL",
        "ix_credential_codes_user_id_id ON credential_codes (user_id, id)",
        "ix_credential_codes_newest ON credential_codes (user_id) WHERE is_newest",
        "ix_credential_codes_expires ON credential_codes (expires) WHERE NOT is_newest",
    ],
    dropped: &[],
};
