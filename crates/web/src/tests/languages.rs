//! Every page in every language: what is in the catalogues, and who gets what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use axum::response::Response;

use super::*;
use crate::languages::{Language, markup};

mod script;

/// Every status that has a page of its own.
const REFUSALS: [u16; 6] = [400, 404, 421, 429, 500, 503];

/// The texts of a page.
fn texts_of(html: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let same = markup::translated(html, |text| {
        found.insert(text.to_owned());
        None
    });
    assert_eq!(same, html, "a page is not read as it is written");
    found
}

async fn body(answer: Response) -> String {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Opens an address as a browser does that is set to this language.
async fn open_in(language: &str, router: &Router, host: &str, path: &str) -> Answer {
    let headers = [
        ("host", host),
        ("accept", BROWSER),
        ("accept-language", language),
    ];
    ask(router, Method::GET, path, &headers).await
}

/// Every page that is put together here, in a language.
async fn told_in(language: &str) -> Vec<String> {
    let one = of(vec![organization(1)], vec![application("Acme")]);
    let none = of(vec![], vec![]);
    let mut pages = Vec::new();
    for (router, host) in [
        (&one, "auth.example"),
        (&one, "evil.example"),
        (&none, "auth.example"),
    ] {
        let answer = open_in(language, router, host, "/").await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
        pages.push(String::from_utf8(answer.body).unwrap());
    }
    let refusal = refusal(PagePrefix::default());
    let mut headers = accepting(BROWSER);
    headers.insert("accept-language", language.parse().unwrap());
    for status in REFUSALS {
        let status = StatusCode::from_u16(status).unwrap();
        pages.push(body(refusal(&headers, status, "12<34").unwrap()).await);
    }
    pages
}

/// Every text that people read, with where it is.
async fn every_text() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for page in told_in("en").await {
        for text in texts_of(&page) {
            found.insert(text, "a page that is put together".to_owned());
        }
    }
    for asset in all() {
        let source = str::from_utf8(asset.contents).unwrap();
        let texts = if asset.page().is_some() {
            texts_of(source)
        } else if is_script_of_ours(asset) {
            script::read(asset.path, source).texts
        } else {
            continue;
        };
        for text in texts {
            found.insert(text, asset.path.to_owned());
        }
    }
    assert!(found.len() > 200, "{}", found.len());
    found
}

/// Whether it says something. `language.js` only looks up what others say.
fn is_script_of_ours(asset: &Asset) -> bool {
    asset.path.starts_with("/assets/scripts/") && asset.path != "/assets/scripts/language.js"
}

#[tokio::test]
async fn every_text_is_in_every_catalogue_and_nothing_else_is() {
    let texts = every_text().await;
    let mut faults = String::new();
    for language in Language::others() {
        for (text, place) in &texts {
            if !language.texts.contains_key(text) {
                writeln!(faults, "{} has not, of {place}: {text:?}", language.tag).unwrap();
            }
        }
        for text in language.texts.keys() {
            if !texts.contains_key(text) {
                writeln!(faults, "{} has what is nowhere: {text:?}", language.tag).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn what_scripts_say_to_people_is_looked_up() {
    let scripts = all().filter(|asset| is_script_of_ours(asset));
    let loose: Vec<_> = scripts
        .flat_map(|asset| {
            let source = str::from_utf8(asset.contents).unwrap();
            let loose = script::read(asset.path, source).loose;
            loose.into_iter().map(move |text| (asset.path, text))
        })
        .collect();
    assert!(loose.is_empty(), "these stand outside of t(): {loose:#?}");
}

/// What stands in a text for something else: `{name}`, and the elements of a page.
fn places(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (begin, end) in [('{', '}'), ('<', '>')] {
        for part in text.split(begin).skip(1) {
            found.push(part.split_once(end).map_or("unfinished", |(name, _)| name));
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn a_translation_has_the_places_of_its_text_and_calls_things_as_they_are_called() {
    for language in Language::others() {
        let tag = language.tag;
        assert!(!language.texts.is_empty(), "{tag} cannot be read");
        for (english, text) in &language.texts {
            assert_eq!(places(english), places(text), "{tag}: {english}");
            assert!(
                !text.trim().is_empty() && text.trim() == text,
                "{tag}: {english}"
            );
            // It would be looked up as it is written, and written as it is read.
            assert!(!english.contains('&'), "{english}");
            let quoted = english.split('“').skip(1);
            for name in quoted.filter_map(|part| Some(part.split_once('”')?.0)) {
                if let Some(name) = language.texts.get(name) {
                    assert!(text.contains(name), "{tag}: {english} does not name {name}");
                }
            }
        }
    }
}

#[test]
fn every_catalogue_in_the_folder_is_a_language_and_is_sorted() {
    let mut found = Vec::new();
    files(&folder().join("languages"), &mut found);
    let mut tags: Vec<_> = found
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    tags.sort_unstable();
    let known: Vec<_> = Language::others().iter().map(|other| other.tag).collect();
    assert_eq!(tags, known);
    for path in &found {
        let source = fs::read_to_string(path).unwrap();
        let texts: BTreeMap<String, String> = serde_json::from_str(&source).unwrap();
        let sorted = serde_json::to_string_pretty(&texts).unwrap();
        // A key that comes twice would be here once.
        assert_eq!(source, format!("{sorted}\n"), "{}", path.display());
    }
}

#[tokio::test]
async fn every_page_is_in_the_language_that_is_asked_for() {
    let router = router();
    for language in Language::others() {
        let tag = language.tag;
        let is_english = |text: &String| {
            let translation = language.texts.get(text);
            translation.is_some_and(|translation| translation != text)
        };
        let asked = format!("{tag}-XX, {tag};q=0.9, en;q=0.8");
        for asset in all().filter(|asset| asset.page().is_some()) {
            let english = get(asset.path).await;
            assert_eq!(english.header("content-language"), "en");
            assert_eq!(english.header("vary"), "accept-language");
            let answer = open_in(&asked, &router, HOST, asset.path).await;
            assert_eq!(answer.header("content-language"), tag);
            assert_eq!(answer.header("vary"), "accept-language");
            assert_ne!(answer.header("etag"), english.header("etag"));
            let page = String::from_utf8(answer.body).unwrap();
            assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{page}");
            let left: Vec<_> = texts_of(&page).into_iter().filter(is_english).collect();
            assert!(left.is_empty(), "{tag} of {}: {left:?}", asset.path);
            // Its scripts find the catalogue, which is run before them.
            let catalogue = format!("<script defer src=\"./assets/languages/{tag}.js\">");
            let first = page.find(&catalogue).unwrap();
            assert!(first < page.find("<script type=\"module\"").unwrap());
        }
        for page in told_in(&asked).await {
            assert!(page.contains(&format!("<html lang=\"{tag}\">")), "{page}");
            let left: Vec<_> = texts_of(&page).into_iter().filter(is_english).collect();
            assert!(left.is_empty(), "{tag}: {left:?}");
        }
        let catalogue = get(&format!("/assets/languages/{tag}.js")).await;
        assert_eq!(catalogue.header("content-type"), assets::SCRIPT);
        let catalogue = String::from_utf8(catalogue.body).unwrap();
        let texts = catalogue
            .strip_prefix("globalThis.latchkeyTexts = ")
            .unwrap();
        let texts: BTreeMap<String, String> = serde_json::from_str(texts).unwrap();
        assert_eq!(texts.len(), language.texts.len());
    }
    let none = get("/assets/languages/en.js").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_browser_that_changes_its_language_gets_the_page_anew() {
    let router = router();
    let german = open_in("de", &router, HOST, "/enrol").await;
    let tag = german.header("etag").to_owned();
    for (language, status) in [
        ("de-AT", StatusCode::NOT_MODIFIED),
        ("fr", StatusCode::OK),
        ("", StatusCode::OK),
    ] {
        let headers = [
            ("host", HOST),
            ("accept-language", language),
            ("if-none-match", &tag),
        ];
        let answer = ask(&router, Method::GET, "/enrol", &headers).await;
        assert_eq!(answer.status, status, "{language}");
    }
}

#[tokio::test]
async fn what_is_put_together_says_its_language_and_translates_nothing_of_others() {
    let router = of(vec![organization(1)], vec![application("Sign in")]);
    let answer = open_in("de", &router, "auth.example", "/").await;
    assert_eq!(answer.header("content-language"), "de");
    assert_eq!(answer.header("vary"), "accept-language");
    assert_eq!(answer.header("cache-control"), "no-store");
    let page = String::from_utf8(answer.body).unwrap();
    for wanted in [
        "<h1>Anmelden ohne Passwort</h1>",
        "<h2 translate=\"no\">Sign in</h2>",
        "Anmelden<span class=\"unseen\"> bei <i translate=\"no\">Sign in</i></span>",
        "href=\"https://one.example/enrol\"",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in {page}");
    }
    let mut headers = accepting(BROWSER);
    headers.insert("accept-language", "de".parse().unwrap());
    let refusal = refusal(PagePrefix::default());
    let answer = refusal(&headers, StatusCode::SERVICE_UNAVAILABLE, "12<34").unwrap();
    assert_eq!(answer.headers()["content-language"], "de");
    let page = body(answer).await;
    assert!(page.contains("<h1>Gleich wieder da</h1>"), "{page}");
    assert!(page.contains("12&lt;34"), "{page}");
    assert!(page.contains("again.js"), "{page}");
    // The reference is for who writes programs, and English.
    let reference = open_in("de", &router, "auth.example", "/docs").await;
    let reference = String::from_utf8(reference.body).unwrap();
    assert!(reference.contains("<html lang=\"en\">"), "{reference}");
}
