//! `[web]`: whether this service serves pages.

use latchkey_domain::application::pages::PagePrefix;

use super::reader::Reader;

/// Whether this service serves pages, to which links in messages lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// Whether there are pages.
    pub enabled: bool,
}

impl Default for Web {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Web {
    /// Below which path pages are served, if they are.
    pub fn pages(&self) -> Option<PagePrefix> {
        self.enabled.then(PagePrefix::default)
    }

    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("web");
        let settings = Self {
            enabled: section.boolean("enabled").unwrap_or(default.enabled),
        };
        section.finish();
        settings
    }
}
