//! `[web]`: whether this service serves pages, and where.

use latchkey_domain::application::pages::PagePrefix;

use super::reader::Reader;

/// Whether this service serves pages, to which links in messages lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Whether there are pages.
    pub enabled: bool,
    /// Below which path they are.
    pub prefix: PagePrefix,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            enabled: true,
            prefix: PagePrefix::default(),
        }
    }
}

impl Web {
    /// Below which path pages are served, if they are.
    pub fn pages(&self) -> Option<PagePrefix> {
        self.enabled.then(|| self.prefix.clone())
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("web");
        let settings = Self {
            enabled: section.boolean("enabled").unwrap_or(default.enabled),
            prefix: section.text("prefix", default.prefix, |text| {
                PagePrefix::new(text).map_err(|error| error.to_string())
            }),
        };
        section.finish();
        settings
    }
}
