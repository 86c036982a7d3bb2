//! `[secrets]`: where the keys are kept.

use std::{fmt, path::PathBuf};

use zeroize::Zeroizing;

use super::reader::{Reader, must_be};

/// Where the keys are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The file; made by the first command that needs it.
    pub path: PathBuf,
    /// What would be in the file; when it is given there is no file.
    pub contents: Option<Zeroizing<String>>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data/secrets.toml"),
            contents: None,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Secrets")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Secrets {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let mut section = reader.section("secrets");
        let settings = Self {
            path: section.text("path", Self::default().path, |text| {
                if text.trim().is_empty() {
                    Err(must_be(
                        "the path of a file, such as data/secrets.toml",
                        text,
                    ))
                } else {
                    Ok(PathBuf::from(text))
                }
            }),
            contents: section.secret("contents", |text| Ok(Zeroizing::new(text.to_owned()))),
        };
        section.finish();
        settings
    }
}
