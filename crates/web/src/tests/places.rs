//! Where the pages are, and where an application has its own.

use latchkey_domain::application::pages::EnrolUrl;

use super::*;

#[tokio::test]
async fn below_a_prefix_is_everything_and_nothing_is_at_the_root() {
    let mut store = MockDirectoryStore::new();
    store.expect_load().returning(|| {
        Ok(DirectoryEntries {
            organizations: vec![organization(1)],
            applications: vec![application("One")],
        })
    });
    let router = below("/key", store);
    for asset in all() {
        let path = format!("/key{}", asset.path);
        let answer = ask(&router, Method::GET, &path, &[("host", HOST)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.body, body_of(asset), "{path}");
        let answer = ask(&router, Method::GET, asset.path, &[("host", HOST)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", asset.path);
    }
    for path in ["/", "/docs"] {
        let answer = open(&router, "auth.example", path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let first = open(&router, HOST, "/key").await;
    assert_eq!(first.header("location"), "/key/");
    assert_eq!(first.status, StatusCode::TEMPORARY_REDIRECT);
    let query = "?return_to=https%3A%2F%2Fone.example%2F&code_challenge=a_-&state=%26";
    let first = open(&router, HOST, &format!("/key{query}")).await;
    assert_eq!(first.header("location"), format!("/key/{query}"));

    // So do the links of what is put together here; the API stays where it is.
    let landing = open(&router, "auth.example", "/key/").await;
    let landing = String::from_utf8(landing.body).unwrap();
    let reference = open(&router, "auth.example", "/key/docs").await;
    let reference = String::from_utf8(reference.body).unwrap();
    let refused = refusal(PagePrefix::new("/key").unwrap());
    let browser = accepting(BROWSER);
    let refused = refused(&browser, StatusCode::METHOD_NOT_ALLOWED, "1").unwrap();
    let refused = refused.into_body().collect().await.unwrap().to_bytes();
    let refused = String::from_utf8(refused.to_vec()).unwrap();
    for link in ["https://one.example/key/", "https://one.example/key/enrol"] {
        assert!(landing.contains(&format!("href=\"{link}\"")), "{landing}");
    }
    let mut followed = 0;
    for text in [landing, reference, refused] {
        let links = ["href=", "src="].map(|word| quoted_after(&text, word, '"'));
        for link in links.concat() {
            let is_of_the_api = ["/openapi.json", "/.well-known/"]
                .iter()
                .any(|path| link.starts_with(path));
            followed += usize::from(link.starts_with("/key/"));
            let is_good = !link.starts_with('/') || is_of_the_api || link.starts_with("/key/");
            assert!(is_good, "{link}");
        }
    }
    assert!(followed > 12, "{followed}");
}

#[tokio::test]
async fn an_address_that_was_read_elsewhere_and_typed_leads_to_its_page() {
    for prefix in ["", "/key"] {
        let mut store = MockDirectoryStore::new();
        store.expect_load().returning(|| {
            Ok(DirectoryEntries {
                organizations: vec![organization(1)],
                applications: vec![application("One")],
            })
        });
        let router = below(prefix, store);
        for (typed, meant) in [
            ("/enrol/", "/enrol"),
            ("/Enrol", "/enrol"),
            ("/enroll", "/enrol"),
            ("/Enroll/", "/enrol"),
            ("/Recover/", "/recover"),
            ("/account/", "/account"),
            ("/register/", "/register"),
        ] {
            let answer = open(&router, HOST, &format!("{prefix}{typed}")).await;
            assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT, "{typed}");
            assert_eq!(answer.header("location"), format!("{prefix}{meant}"));
            let elsewhere = open(&router, "auth.example", &format!("{prefix}{typed}")).await;
            assert_eq!(elsewhere.status, StatusCode::NOT_FOUND, "{typed}");
        }
    }
}

#[tokio::test]
async fn an_application_leads_to_pages_of_its_own_and_shows_none_of_ours() {
    let theirs = |enrol_url: Option<&str>| Application {
        pages: Pages {
            ours: false,
            enrol_url: enrol_url.map(|url| EnrolUrl::new(url).unwrap()),
            ..Pages::default()
        },
        ..application("One")
    };
    let own = "https://one.example/new?a=b&c";
    for (enrol_url, shown) in [
        (
            Some(own),
            Some("href=\"https://one.example/new?a=b&amp;c\""),
        ),
        (None, None),
    ] {
        let router = of(vec![organization(1)], vec![theirs(enrol_url)]);
        let text = require_telling("/", &open(&router, "auth.example", "/").await);
        assert!(text.contains("href=\"https://one.example/\""), "{text}");
        assert_eq!(text.contains("I have a code"), shown.is_some(), "{text}");
        assert!(shown.is_none_or(|link| text.contains(link)), "{text}");
        for path in ["/enrol", "/account", "/assets/scripts/enrol.js"] {
            let answer = open(&router, HOST, path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
