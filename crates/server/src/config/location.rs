//! `[location]`: what tells roughly where an address is.

use std::path::PathBuf;

use super::reader::{Reader, must_be};

/// What tells roughly where an address is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// A MaxMind DB file of cities or countries; nothing is told without one.
    pub path: Option<PathBuf>,
}

impl Location {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut section = reader.section("location");
        let settings = Self {
            path: section.optional_text("path", |text| {
                if text.trim().is_empty() {
                    Err(must_be(
                        "the path of a file, such as /var/lib/GeoIP/GeoLite2-City.mmdb",
                        text,
                    ))
                } else {
                    Ok(PathBuf::from(text))
                }
            }),
        };
        section.finish();
        settings
    }
}
