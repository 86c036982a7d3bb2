//! Pages that are put together here: one frame around what they say.

use axum::{
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};

use latchkey_domain::application::pages::PagePrefix;

use crate::{answer, languages::Language};

/// A page that only tells something.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    /// Below which path the pages are.
    pub(crate) prefix: &'a PagePrefix,
    pub(crate) title: &'a str,
    /// What it says, in HTML; what is not ours to translate is marked so.
    pub(crate) main: &'a str,
    /// The class of that: how wide it is, and what else it may need.
    pub(crate) class: &'a str,
    /// Whether it stands for another one that is away, and asks for that again.
    pub(crate) asks_again: bool,
}

impl<'a> Document<'a> {
    /// A page in one column.
    pub(crate) const fn new(prefix: &'a PagePrefix, title: &'a str, main: &'a str) -> Self {
        Self {
            prefix,
            title,
            main,
            class: "calm",
            asks_again: false,
        }
    }

    /// All of it.
    pub(crate) fn html(self) -> String {
        let Self {
            prefix,
            title,
            main,
            class,
            ..
        } = self;
        // A page that loads itself again and again would take the reader's place away each time.
        let script = if self.asks_again {
            format!(
                "\n    <script type=\"module\" src=\"{prefix}/assets/scripts/again.js\"></script>"
            )
        } else {
            String::new()
        };
        format!(
            r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{title}</title>
    <link rel="icon" href="{prefix}/assets/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="{prefix}/assets/style.css">
    <link rel="stylesheet" href="{prefix}/assets/reference.css">{script}
  </head>
  <body>
    <header>
      <a href="{prefix}/"><img src="{prefix}/assets/icon.svg" alt="" width="28" height="28"><span translate="no">Latchkey</span></a>
    </header>
    <main class="{class}">
{main}    </main>
  </body>
</html>
"#
        )
    }

    /// All of it as an answer that is for this moment, in that language.
    pub(crate) fn answer(self, status: StatusCode, language: &'static Language) -> Response {
        let mut headers = answer::page_headers(language);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (status, headers, language.page(&self.html())).into_response()
    }
}
