//! Dates: ISO-8601 in UTC with milliseconds out; in, whatever clients send for a moment.

use std::fmt;

use latchkey_domain::time::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use time::{
    OffsetDateTime,
    format_description::{
        BorrowedFormatItem,
        well_known::{Iso8601, Rfc3339},
    },
    macros::format_description,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, schema::Type,
    },
};

const MILLISECONDS_UTC: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The date of a moment that lies outside the years 0000 to 9999.
const END_OF_DATES: &str = "9999-12-31T23:59:59.999Z";

/// The date of a moment, such as `2026-01-31T12:00:00.000Z`.
pub(crate) fn iso(moment: Timestamp) -> String {
    let nanoseconds = i128::from(moment.unix_milliseconds()) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .ok()
        .filter(|date| date.year() >= 0)
        .and_then(|date| date.format(MILLISECONDS_UTC).ok())
        .unwrap_or_else(|| END_OF_DATES.to_owned())
}

/// A moment that a client names: an ISO-8601 date with any offset, or an integer Unix time, in seconds
/// below 10^12 and in milliseconds from there on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl ToSchema for Moment {}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let date = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        OneOfBuilder::new().item(date).item(number).into()
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an ISO-8601 date with an offset or an integer Unix time")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Moment, E> {
        let milliseconds = if number < 1_000_000_000_000 {
            number.saturating_mul(1_000)
        } else {
            number
        };
        Ok(Moment(Timestamp::from_unix_milliseconds(milliseconds)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Moment, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        let date = OffsetDateTime::parse(text, &Rfc3339)
            .or_else(|_stricter| OffsetDateTime::parse(text, &Iso8601::PARSING))
            .map_err(|_malformed| {
                E::custom("must be an ISO-8601 date with an offset or an integer Unix time")
            })?;
        let milliseconds = date.unix_timestamp_nanos().div_euclid(1_000_000);
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        Ok(Moment(Timestamp::from_unix_milliseconds(milliseconds)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(json: &str) -> Option<i64> {
        serde_json::from_str::<Moment>(json)
            .ok()
            .map(|Moment(moment)| moment.unix_milliseconds())
    }

    #[test]
    fn dates_go_out_with_milliseconds_and_z() {
        let date = |milliseconds| iso(Timestamp::from_unix_milliseconds(milliseconds));
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(date(1_767_225_600_007), "2026-01-01T00:00:00.007Z");
        assert_eq!(date(i64::MAX), END_OF_DATES);
        assert_eq!(date(i64::MIN), END_OF_DATES);
    }

    #[test]
    fn dates_come_in_with_any_offset_and_any_fraction() {
        for text in [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00.000000+00:00",
            "2026-01-01T02:30:00+02:30",
            "2025-12-31T19:00:00.0-05:00",
            "2026-01-01T00:00Z",
            "20260101T000000Z",
            "2026-01-01T01:00:00+01",
        ] {
            assert_eq!(
                moment(&format!("\"{text}\"")),
                Some(1_767_225_600_000),
                "{text}"
            );
        }
        assert_eq!(
            moment("\"2026-01-01T00:00:00.0079Z\""),
            Some(1_767_225_600_007)
        );
    }

    #[test]
    fn integers_are_seconds_or_milliseconds() {
        assert_eq!(moment("1767225600"), Some(1_767_225_600_000));
        assert_eq!(moment("999999999999"), Some(999_999_999_999_000));
        assert_eq!(moment("1000000000000"), Some(1_000_000_000_000));
        assert_eq!(moment("1767225600007"), Some(1_767_225_600_007));
        assert_eq!(moment("-1"), Some(-1_000));
        assert_eq!(moment("18446744073709551615"), Some(i64::MAX));
        assert_eq!(moment("-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn nothing_else_is_a_moment() {
        for json in [
            "\"\"",
            "\"2026-01-01\"",
            "\"2026-01-01T00:00:00\"",
            "\"2026-13-01T00:00:00Z\"",
            "\"tomorrow\"",
            "\"1767225600\"",
            "1.5",
            "1767225600.0",
            "99999999999999999999999",
            "null",
            "true",
            "[]",
        ] {
            assert_eq!(moment(json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_date_that_went_out_comes_back(milliseconds in 0_i64..253_402_300_799_999) {
            let date = iso(Timestamp::from_unix_milliseconds(milliseconds));
            prop_assert_eq!(moment(&format!("\"{date}\"")), Some(milliseconds));
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = moment(&serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn any_number_is_answered(number in any::<i64>()) {
            prop_assert!(moment(&number.to_string()).is_some());
            let _ = iso(Timestamp::from_unix_milliseconds(number));
        }
    }
}
