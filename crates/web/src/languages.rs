//! The languages of the pages. What people read is written in English where it is used, and each other language is a
//! catalogue from the English text to its own, as gettext has it: `assets/languages`.

use std::{collections::HashMap, iter, sync::LazyLock};

use axum::http::{HeaderMap, header::ACCEPT_LANGUAGE};

use crate::accept;

pub(crate) mod markup;

/// Every language: its tag (BCP 47) and its catalogue. In English nothing has to be looked up.
const SOURCES: [(&str, &str); 4] = [
    ("en", "{}"),
    ("de", include_str!("../assets/languages/de.json")),
    ("es", include_str!("../assets/languages/es.json")),
    ("fr", include_str!("../assets/languages/fr.json")),
];

static ALL: LazyLock<[Language; SOURCES.len()]> = LazyLock::new(|| {
    SOURCES.map(|(tag, source)| Language {
        tag,
        source,
        // Tests read every catalogue; one that could not be read would leave the pages in English.
        texts: serde_json::from_str(source).unwrap_or_default(),
    })
});

/// A language that pages are in.
pub(crate) struct Language {
    /// How it is named in HTML and HTTP.
    pub(crate) tag: &'static str,
    source: &'static str,
    /// By the English text. What is not there stays English.
    pub(crate) texts: HashMap<String, String>,
}

impl Language {
    /// What the pages are written in.
    pub(crate) fn english() -> &'static Self {
        let [english, ..] = &*ALL;
        english
    }

    /// Every other language.
    pub(crate) fn others() -> &'static [Self] {
        let [_, others @ ..] = &*ALL;
        others
    }

    /// The language that the headers of a request prefer among those there are, or English.
    pub(crate) fn preferred(headers: &HeaderMap) -> &'static Self {
        of(&accept::lines(headers, ACCEPT_LANGUAGE))
    }

    /// A page in this language.
    pub(crate) fn page(&self, english: &str) -> String {
        let page = markup::translated(english, |text| self.texts.get(text).map(String::as_str));
        let lang = format!("<html lang=\"{}\"", self.tag);
        page.replacen("<html lang=\"en\"", &lang, 1)
    }

    /// A page in this language whose scripts find its catalogue: it is run before them.
    pub(crate) fn page_with_scripts(&self, english: &str) -> String {
        const MODULE: &str = "<script type=\"module\"";
        let page = self.page(english);
        if self.texts.is_empty() {
            return page;
        }
        let path = format!("./assets/languages/{}.js", self.tag);
        page.replacen(
            MODULE,
            &format!("<script defer src=\"{path}\"></script>\n    {MODULE}"),
            1,
        )
    }

    /// The catalogue as a script, which `scripts/language.js` takes it from.
    pub(crate) fn script(&self) -> String {
        format!("globalThis.latchkeyTexts = {}", self.source)
    }
}

/// The language for a value of `Accept-Language` (RFC 9110 §12.5.4): the first of those it gives the most weight.
fn of(accepted: &str) -> &'static Language {
    let wanted = accepted.split(',').filter_map(|range| {
        let (tag, weight) = accept::weighted(range)?;
        let language = named(tag)?;
        (weight > 0.0).then_some((weight, language))
    });
    wanted
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map_or_else(Language::english, |(_, language)| language)
}

/// The language of a tag, or of the less precise one that it begins with (RFC 4647 §3.4).
fn named(tag: &str) -> Option<&'static Language> {
    // A tag of a stranger has as many parts as a header has room for: nothing grows with them.
    let mut less_precise = iter::successors(Some(tag), |tag| Some(tag.rsplit_once('-')?.0));
    less_precise.find_map(|tag| {
        let mut languages = ALL.iter();
        languages.find(|language| language.tag.eq_ignore_ascii_case(tag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_browser_asks_for_it_gets_what_it_likes_most() {
        for (accepted, tag) in [
            ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "de"),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
            ("ES", "es"),
            ("es-419,es;q=0.9", "es"),
            ("de-Latn-CH-1996", "de"),
            ("pt-BR, pt;q=0.9, es;q=0.5, en;q=0.4", "es"),
            ("ja, ko;q=0.9", "en"),
            ("en-GB,en;q=0.9,de;q=0.8", "en"),
            ("en;q=0.5, de;q=0.6", "de"),
            ("en, de", "en"),
            ("de, en", "de"),
            ("de;q=0, fr;q=0.1", "fr"),
            ("de;q=0", "en"),
            ("de;q=7, fr;q=x", "en"),
            ("*", "en"),
            ("de , fr ; q=1", "de"),
            ("dehydrated", "en"),
            ("-,;,de-", "de"),
            ("", "en"),
        ] {
            assert_eq!(of(accepted).tag, tag, "{accepted}");
        }
    }

    #[test]
    fn a_tag_of_very_many_parts_is_read_to_its_end() {
        let parts = "-x".repeat(30 * 1024);
        for (language, tag) in [("de", "de"), ("ja", "en")] {
            assert_eq!(of(&format!("{language}{parts}")).tag, tag);
        }
        assert_eq!(of(&parts).tag, "en");
    }

    #[test]
    fn who_names_no_language_reads_english_and_several_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(Language::preferred(&headers).tag, "en");
        headers.append(ACCEPT_LANGUAGE, "ja".parse().unwrap());
        headers.append(ACCEPT_LANGUAGE, "fr;q=0.5".parse().unwrap());
        headers.append(ACCEPT_LANGUAGE, "de;q=0.6".parse().unwrap());
        assert_eq!(Language::preferred(&headers).tag, "de");
    }
}
