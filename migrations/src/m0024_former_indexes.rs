//! Indexes in whose place there are others since the step before.

use crate::indexes::ChangedIndexes;

pub(crate) const STEP: ChangedIndexes = ChangedIndexes {
    step: "m0024_former_indexes",
    added: &[],
    dropped: &[
        "ix_credentials_user_id ON credentials (user_id)",
        "ix_credentials_waits_until ON credentials (waits_until)",
        "ix_credential_codes_user_id ON credential_codes (user_id)",
        "ix_credential_codes_is_newest_expires ON credential_codes (is_newest, expires)",
    ],
};
