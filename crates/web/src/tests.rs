use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use latchkey_domain::{
    application::{Application, Origin, RelyingParty, RpId, native::NativeApplications},
    id::{ApplicationId, OrganizationId},
    organization::{Approval, Organization},
    text::{ApplicationName, OrganizationName},
    time::Timestamp,
};
use latchkey_service::{
    directory::Directory,
    ports::{
        clock::MockClock,
        directory_store::{DirectoryEntries, MockDirectoryStore},
        store::StoreError,
    },
};
use tower::ServiceExt;

use crate::{assets, pages};

const HOST: &str = "one.example";

/// The pages of an installation with one application.
fn router() -> Router {
    let mut store = MockDirectoryStore::new();
    store.expect_load().returning(|| {
        let organization = Organization {
            id: OrganizationId::from_random(&[1; 32]),
            name: OrganizationName::new("Acme").unwrap(),
            approval: Approval::default(),
            is_active: true,
            created: Timestamp::from_unix_milliseconds(0),
        };
        let origin = Origin::new(format!("https://{HOST}")).unwrap();
        Ok(DirectoryEntries {
            organizations: vec![organization.clone()],
            applications: vec![Application {
                id: ApplicationId::from_random(&[1; 32]),
                organization: organization.id,
                name: ApplicationName::new("One").unwrap(),
                relying_party: RelyingParty::new(RpId::new(HOST).unwrap(), vec![origin]).unwrap(),
                native: NativeApplications::default(),
                is_active: true,
                created: Timestamp::from_unix_milliseconds(0),
            }],
        })
    });
    with(store)
}

fn with(store: MockDirectoryStore) -> Router {
    let mut clock = MockClock::new();
    clock
        .expect_now()
        .return_const(Timestamp::from_unix_milliseconds(0));
    pages(Arc::new(Directory::new(Arc::new(store), Arc::new(clock))))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(router: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

async fn get(path: &str) -> Answer {
    ask(&router(), Method::GET, path, &[("host", HOST)]).await
}

#[tokio::test]
async fn every_file_is_served_as_what_it_is() {
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/enrol", "text/html; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
        ("/assets/scripts/enrol.js", "text/javascript; charset=utf-8"),
    ] {
        assert_eq!(get(path).await.header("content-type"), media_type, "{path}");
    }
    for asset in assets::ALL {
        let answer = get(asset.path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", asset.path);
        assert_eq!(answer.body, asset.contents, "{}", asset.path);
    }
}

#[tokio::test]
async fn every_file_is_sent_with_the_headers_that_bound_it() {
    for asset in assets::ALL {
        let answer = get(asset.path).await;
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let permissions = answer.header("permissions-policy");
        for permitted in [
            "publickey-credentials-create=(self)",
            "publickey-credentials-get=(self)",
            "camera=()",
        ] {
            assert!(permissions.contains(permitted), "{permissions}");
        }
    }
}

#[tokio::test]
async fn there_is_nothing_on_other_hosts() {
    let router = router();
    for host in ["evil.example", "one.example:8443", "127.0.0.1", ""] {
        for asset in assets::ALL {
            let answer = ask(&router, Method::GET, asset.path, &[("host", host)]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{host}{}", asset.path);
            assert!(answer.body.is_empty(), "{host}{}", asset.path);
        }
        let answer = ask(&router, Method::POST, "/", &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{host}");
    }
    let answer = ask(&router, Method::GET, "/", &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_host_is_known_however_it_is_written() {
    let router = router();
    for host in [
        "one.example:443",
        "ONE.example",
        "one.example.",
        "One.Example.:443",
    ] {
        let answer = ask(&router, Method::GET, "/enrol", &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let router = router();
    let first = get("/enrol").await;
    let tag = first.header("etag").to_owned();
    let weak = format!("\"another\", W/{tag}");
    for had in [tag.as_str(), weak.as_str(), "*"] {
        let headers = [("host", HOST), ("if-none-match", had)];
        let answer = ask(&router, Method::GET, "/enrol", &headers).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{had}");
        assert!(answer.body.is_empty());
        assert_eq!(answer.header("etag"), tag);
    }
    let headers = [("host", HOST), ("if-none-match", "\"another\"")];
    let answer = ask(&router, Method::GET, "/enrol", &headers).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, first.body);
}

#[tokio::test]
async fn different_files_have_different_tags() {
    let mut tags = BTreeSet::new();
    for asset in assets::ALL {
        let tag = get(asset.path).await.header("etag").to_owned();
        assert!(tag.len() > 2 && tags.insert(tag), "{}", asset.path);
    }
}

#[tokio::test]
async fn a_file_may_be_asked_about_and_not_changed() {
    let router = router();
    let head = ask(&router, Method::HEAD, "/", &[("host", HOST)]).await;
    let whole = get("/").await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(head.body.is_empty());
    assert_eq!(head.header("etag"), whole.header("etag"));
    assert_eq!(
        head.header("content-length"),
        whole.body.len().to_string().as_str()
    );
    let post = ask(&router, Method::POST, "/", &[("host", HOST)]).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_shows_nothing() {
    let mut store = MockDirectoryStore::new();
    store
        .expect_load()
        .returning(|| Err(StoreError::new("the disk is full")));
    let answer = ask(&with(store), Method::GET, "/", &[("host", HOST)]).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.body.is_empty());
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_file_in_the_folder_is_in_the_table() {
    let mut found = Vec::new();
    files(&folder(), &mut found);
    let kept: BTreeSet<Vec<u8>> = found.iter().map(|path| fs::read(path).unwrap()).collect();
    let served: BTreeSet<Vec<u8>> = assets::ALL
        .iter()
        .map(|asset| asset.contents.to_vec())
        .collect();
    assert_eq!(found.len(), assets::ALL.len());
    assert!(kept == served, "a file is not served");
}

/// What stands in quotes after any of these words.
fn quoted_after<'text>(text: &'text str, word: &str, quote: char) -> Vec<&'text str> {
    text.split(&format!("{word}{quote}"))
        .skip(1)
        .filter_map(|rest| rest.split(quote).next())
        .collect()
}

#[test]
fn every_reference_leads_to_a_file_that_is_served() {
    let served: BTreeSet<&str> = assets::ALL.iter().map(|asset| asset.path).collect();
    let mut followed = 0;
    for asset in assets::ALL {
        let text = String::from_utf8_lossy(asset.contents);
        let base = asset.path.rsplit_once('/').unwrap().0;
        let html = ["src=", "href="]
            .into_iter()
            .flat_map(|word| quoted_after(&text, word, '"'))
            .filter(|reference| !reference.starts_with('#'))
            .map(str::to_owned);
        let modules = quoted_after(&text, "from ", '\'')
            .into_iter()
            .map(|module| match module.strip_prefix("./") {
                Some(name) => format!("{base}/{name}"),
                None => module.to_owned(),
            });
        for reference in html.chain(modules) {
            followed += 1;
            assert!(
                served.contains(reference.as_str()),
                "{}: {reference}",
                asset.path
            );
        }
    }
    assert!(followed > 30, "{followed}");
}

#[test]
fn pages_have_one_heading_one_main_part_and_nothing_inline() {
    let html = assets::ALL
        .iter()
        .filter(|asset| asset.media_type.starts_with("text/html"));
    for asset in html {
        let text = std::str::from_utf8(asset.contents).unwrap();
        for once in ["<main", "<h1", "<title>", "lang=\"en\""] {
            assert_eq!(text.matches(once).count(), 1, "{}: {once}", asset.path);
        }
        for never in [
            "<style", "style=\"", "<script>", "onclick", "http:", "https:",
        ] {
            assert!(!text.contains(never), "{}: {never}", asset.path);
        }
    }
}
