//! Dates, as they are told.

use latchkey_domain::time::Timestamp;
use time::{OffsetDateTime, macros::format_description};

/// A moment as the API writes it: ISO 8601, UTC, milliseconds.
pub(super) fn date(moment: Timestamp) -> String {
    let nanoseconds = i128::from(moment.unix_milliseconds()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .ok()
        .and_then(|moment| {
            moment
                .format(format_description!(
                    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
                ))
                .ok()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_milliseconds() {
        let moment = Timestamp::from_unix_milliseconds(1_700_000_000_007);
        assert_eq!(date(moment), "2023-11-14T22:13:20.007Z");
    }
}
