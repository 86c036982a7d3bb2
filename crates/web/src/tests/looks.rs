//! How pages look at an application.

use latchkey_domain::application::look::{Accent, Look};

use super::*;
use crate::look::{LOGO, STYLE};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

/// The pages of an application with this look, whose logo is read so many times.
fn looking(look: &Look, logo: Option<&Logo>, times: usize) -> Router {
    let shop = Application {
        pages: Pages {
            look: look.clone(),
            ..Pages::default()
        },
        ..application("One")
    };
    let mut store = MockDirectoryStore::new();
    store.expect_load().returning(move || {
        Ok(DirectoryEntries {
            organizations: vec![organization(1)],
            applications: vec![shop.clone()],
        })
    });
    let logo = logo.cloned();
    store
        .expect_logo()
        .times(times)
        .returning(move |_| Ok(logo.clone()));
    with(store)
}

async fn get_of(router: &Router, path: &str) -> Answer {
    ask(router, Method::GET, path, &[("host", HOST)]).await
}

#[tokio::test]
async fn an_application_without_a_look_has_ours() {
    let router = looking(&Look::default(), None, 0);
    let logo = get_of(&router, LOGO).await;
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(logo.body, assets::ICON.contents);
    let style = get_of(&router, STYLE).await;
    assert_eq!(style.status, StatusCode::OK);
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.body.is_empty());
}

#[tokio::test]
async fn a_logo_is_read_once_is_kept_by_browsers_and_can_do_nothing() {
    let png = Logo::new(b"\x89PNG\r\n\x1a\n".to_vec()).unwrap();
    for (logo, media_type) in [
        (png, "image/png"),
        (Logo::new(SVG.into()).unwrap(), "image/svg+xml"),
    ] {
        let look = Look {
            logo: Some(logo.tag()),
            ..Look::default()
        };
        let router = looking(&look, Some(&logo), 1);
        let answer = get_of(&router, LOGO).await;
        assert_eq!(answer.body, logo.contents());
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(
            policy.contains("; sandbox;") && !policy.contains("script"),
            "{policy}"
        );
        let headers = [("host", HOST), ("if-none-match", answer.header("etag"))];
        let again = ask(&router, Method::GET, LOGO, &headers).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn a_logo_that_was_changed_since_the_directory_was_read_is_shown_as_it_is() {
    let new = Logo::new(SVG.into()).unwrap();
    let before = Logo::new(format!("{SVG}\n").into()).unwrap();
    let look = Look {
        logo: Some(before.tag()),
        ..Look::default()
    };
    // Neither is read for every request until the directory is read again.
    let router = looking(&look, Some(&new), 1);
    let taken_away = looking(&look, None, 1);
    for _ in 0..2 {
        assert_eq!(get_of(&router, LOGO).await.body, new.contents());
        let answer = get_of(&taken_away, LOGO).await;
        assert_eq!(answer.body, assets::ICON.contents);
    }
}

#[tokio::test]
async fn a_colour_is_that_of_both_themes_and_pages_load_it_after_ours() {
    let look = Look {
        accent: Some(Accent::new("#ffcc00").unwrap()),
        ..Look::default()
    };
    let router = looking(&look, None, 0);
    let style = get_of(&router, STYLE).await;
    assert!(style.header("etag").len() > 2);
    let css = String::from_utf8(style.body).unwrap();
    // Yellow can be read on dark alone.
    let (light, dark) = css
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    assert!(dark.contains("--accent: #ffcc00;"), "{css}");
    assert!(!light.contains("#ffcc00"), "{css}");
    for (theme, on_accent) in [(light, "#ffffff"), (dark, "#131516")] {
        assert!(
            theme.contains(&format!("--on-accent: {on_accent};")),
            "{css}"
        );
        assert!(theme.contains("--accent-hover: #"), "{css}");
        assert!(theme.contains("--accent-soft: #"), "{css}");
    }
    for asset in all().filter(|asset| asset.page().is_some()) {
        let page = str::from_utf8(asset.contents).unwrap();
        let (ours, theirs) = (
            page.find("style.css").unwrap(),
            page.find("look.css").unwrap(),
        );
        assert!(ours < theirs, "{}", asset.path);
        assert_eq!(page.matches("./assets/logo\"").count(), 2, "{}", asset.path);
    }
}

#[tokio::test]
async fn where_there_are_no_pages_there_is_no_look() {
    let router = router();
    for path in [LOGO, STYLE] {
        let answer = ask(&router, Method::GET, path, &[("host", "evil.example")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// The colours of the themes are in the style sheet too, which nothing can compute with.
#[test]
fn the_themes_are_those_of_the_style_sheet() {
    use latchkey_domain::application::look::Theme;

    let css = include_str!("../../assets/style.css");
    let (light, dark) = css
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    for (theme, css) in [(Theme::LIGHT, light), (Theme::DARK, dark)] {
        for (name, colour) in [("paper", theme.paper), ("surface", theme.surface)] {
            let wanted = format!("  --{name}: {colour};");
            assert!(css.contains(&wanted), "{wanted}");
        }
    }
}

#[tokio::test]
async fn a_logo_that_cannot_be_read_is_told_as_what_it_is() {
    let look = Look {
        logo: Some(Logo::new(SVG.into()).unwrap().tag()),
        ..Look::default()
    };
    for (error, status) in [
        (
            StoreError::new("a defect"),
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        (
            StoreError::unavailable("it is away"),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ] {
        let shop = Application {
            pages: Pages {
                look: look.clone(),
                ..Pages::default()
            },
            ..application("One")
        };
        let mut store = MockDirectoryStore::new();
        store.expect_load().returning(move || {
            Ok(DirectoryEntries {
                organizations: vec![organization(1)],
                applications: vec![shop.clone()],
            })
        });
        store.expect_logo().returning(move |_| Err(error.clone()));
        let answer = get_of(&with(store), LOGO).await;
        assert_eq!(answer.status, status);
    }
}
