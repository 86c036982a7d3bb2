use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header::ACCEPT},
};
use http_body_util::BodyExt;
use latchkey_domain::{
    application::{
        Application, Origin, RelyingParty, RpId,
        look::Logo,
        native::NativeApplications,
        pages::{PagePrefix, Pages},
    },
    id::{ApplicationId, OrganizationId},
    organization::{Approval, CodeSignIn, Freshness, Organization, RequestsFrom},
    text::{ApplicationName, OrganizationName},
    time::Timestamp,
};
use latchkey_service::{
    directory::Directory,
    ports::{
        clock::MockClock,
        directory_store::{DirectoryEntries, DirectoryStore, MockDirectoryStore},
        store::StoreError,
    },
};
use tower::ServiceExt;

use crate::{
    About,
    assets::{self, Asset},
    everywhere, look, modules, pages, refusal,
};

mod errors;

mod languages;

mod looks;

mod places;

const HOST: &str = "one.example";

/// What browsers send when they open an address.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Every file.
fn all() -> impl Iterator<Item = &'static Asset> {
    assets::OF_APPLICATIONS.iter().chain(assets::EVERYWHERE)
}

/// What an English browser gets of it.
fn body_of(asset: &Asset) -> Vec<u8> {
    let page = asset.page().map(modules::preloaded_by);
    page.map_or_else(|| asset.contents.to_vec(), String::into_bytes)
}

fn organization(number: u8) -> Organization {
    Organization {
        id: OrganizationId::from_random(&[number; 32]),
        name: OrganizationName::new("Acme").unwrap(),
        approval: Approval::default(),
        freshness: Freshness::default(),
        code_sign_in: CodeSignIn::default(),
        requests_from: RequestsFrom::default(),
        is_active: true,
        created: Timestamp::from_unix_milliseconds(0),
    }
}

/// An application at https://one.example.
pub(crate) fn application(name: &str) -> Application {
    let origin = Origin::new(format!("https://{HOST}")).unwrap();
    Application {
        id: ApplicationId::from_random(&[1; 32]),
        organization: organization(1).id,
        name: ApplicationName::new(name).unwrap(),
        relying_party: RelyingParty::new(RpId::new(HOST).unwrap(), vec![origin]).unwrap(),
        native: NativeApplications::default(),
        pages: Pages::default(),
        is_active: true,
        created: Timestamp::from_unix_milliseconds(0),
    }
}

/// The pages of an installation with one application.
fn router() -> Router {
    of(vec![organization(1)], vec![application("One")])
}

fn of(organizations: Vec<Organization>, applications: Vec<Application>) -> Router {
    let mut store = MockDirectoryStore::new();
    store.expect_load().returning(move || {
        Ok(DirectoryEntries {
            organizations: organizations.clone(),
            applications: applications.clone(),
        })
    });
    with(store)
}

fn with(store: impl DirectoryStore + 'static) -> Router {
    below("", store)
}

/// The pages below a prefix.
fn below(prefix: &str, store: impl DirectoryStore + 'static) -> Router {
    let mut clock = MockClock::new();
    clock
        .expect_now()
        .return_const(Timestamp::from_unix_milliseconds(0));
    pages(About {
        directory: Arc::new(Directory::new(Arc::new(store), Arc::new(clock))),
        public_url: "https://auth.example".to_owned(),
        prefix: PagePrefix::new(prefix).unwrap(),
        description: "{\"info\":{\"description\":\"What it is.\"}}".to_owned(),
    })
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

/// The headers of who accepts that.
fn accepting(accept: &str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())])
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
    for asset in all() {
        let answer = get(asset.path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", asset.path);
        assert_eq!(answer.body, body_of(asset), "{}", asset.path);
    }
}

#[tokio::test]
async fn every_file_is_sent_with_the_headers_that_bound_it() {
    for asset in all() {
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
        for asset in assets::OF_APPLICATIONS {
            let answer = ask(&router, Method::GET, asset.path, &[("host", host)]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{host}{}", asset.path);
            assert!(answer.body.is_empty(), "{host}{}", asset.path);
        }
        // What there is everywhere can do nothing, but ask whether a page is back.
        for asset in assets::EVERYWHERE {
            assert!(!asset.media_type.contains("html"), "{}", asset.path);
            let is_script = asset.media_type.contains("script");
            assert_eq!(is_script, asset.path == "/assets/scripts/again.js");
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
    for asset in all() {
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
    // Catalogues become scripts (see `languages`).
    found.retain(|path| !path.starts_with(folder().join("languages")));
    let kept: BTreeSet<Vec<u8>> = found.iter().map(|path| fs::read(path).unwrap()).collect();
    let served: BTreeSet<Vec<u8>> = all().map(|asset| asset.contents.to_vec()).collect();
    assert_eq!(found.len(), all().count());
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
    let of_the_host = [look::LOGO, look::STYLE];
    let served = all().map(|asset| asset.path).chain(of_the_host);
    let served: BTreeSet<&str> = served.collect();
    let mut followed = 0;
    for asset in all() {
        let text = String::from_utf8_lossy(asset.contents);
        let base = asset.path.rsplit_once('/').unwrap().0;
        let html = ["src=", "href="]
            .into_iter()
            .flat_map(|word| quoted_after(&text, word, '"'))
            .filter(|reference| !reference.starts_with('#'));
        let modules = quoted_after(&text, "from ", '\'');
        let opened = quoted_after(&text, "location.assign(", '\'');
        for reference in html.chain(modules).chain(opened) {
            followed += 1;
            // From the file, and never from the root: pages may be below a prefix.
            let (base, name) = match reference.strip_prefix("../") {
                Some(name) => (base.rsplit_once('/').unwrap().0, name),
                None => (
                    base,
                    reference.strip_prefix("./").unwrap_or("an absolute one"),
                ),
            };
            // What a script opens is beside the page, and not beside the script.
            let base = if asset.path.contains("/scripts/") && !name.contains('.') {
                ""
            } else {
                base
            };
            let reference = format!("{base}/{name}");
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
    let html = all().filter(|asset| asset.media_type.starts_with("text/html"));
    for asset in html {
        let text = std::str::from_utf8(asset.contents).unwrap();
        require_form(asset.path, text);
        for never in ["http:", "https:"] {
            assert!(!text.contains(never), "{}: {never}", asset.path);
        }
    }
}

fn require_form(name: &str, text: &str) {
    for once in ["<main", "<h1", "<title>", "lang=\"en\""] {
        assert_eq!(text.matches(once).count(), 1, "{name}: {once}");
    }
    for never in ["<style", "style=\"", "<script>", "onclick"] {
        assert!(!text.contains(never), "{name}: {never}");
    }
}

/// Requires that a page which is put together here tells, and can do nothing: of files it has those that are
/// everywhere.
fn require_telling(name: &str, answer: &Answer) -> String {
    let text = String::from_utf8(answer.body.clone()).unwrap();
    require_form(name, &text);
    for never in ["<form", "<button", "<input"] {
        assert!(!text.contains(never), "{name}: {never}");
    }
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    let everywhere: BTreeSet<_> = assets::EVERYWHERE.iter().map(|asset| asset.path).collect();
    let files = ["href=", "src="]
        .into_iter()
        .flat_map(|word| quoted_after(&text, word, '"'))
        .filter(|reference| reference.starts_with("/assets/"));
    for file in files {
        assert!(everywhere.contains(file), "{name}: {file}");
    }
    text
}

async fn open(router: &Router, host: &str, path: &str) -> Answer {
    ask(
        router,
        Method::GET,
        path,
        &[("host", host), ("accept", BROWSER)],
    )
    .await
}

#[tokio::test]
async fn the_address_of_the_service_says_what_it_is_and_where_to_sign_in() {
    let router = of(
        vec![organization(1)],
        vec![application("<b>One</b> & only")],
    );
    let answer = open(&router, "Auth.example", "/").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = require_telling("/", &answer);
    for wanted in [
        "href=\"https://one.example/\"",
        "href=\"https://one.example/enrol\"",
        "&lt;b&gt;One&lt;/b&gt; &amp; only",
        "href=\"/docs\"",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    // Programs find the API alone, and the pages of an application stay where they are.
    for accept in ["*/*", "application/json"] {
        let headers = [("host", "auth.example"), ("accept", accept)];
        let answer = ask(&router, Method::GET, "/", &headers).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{accept}");
    }
    let page = open(&router, HOST, "/").await;
    assert_eq!(page.body, body_of(&assets::OF_APPLICATIONS[0]));
    let elsewhere = open(&router, "auth.example", "/enrol").await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nobody_is_named_where_several_share_the_service_or_under_another_name() {
    let two = of(
        vec![organization(1), organization(2)],
        vec![application("One")],
    );
    for (router, host) in [
        (&two, "auth.example"),
        (&router(), "127.0.0.1:8080"),
        (&router(), "evil.example"),
    ] {
        let answer = open(router, host, "/").await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
        let text = require_telling(host, &answer);
        assert!(!text.contains("one.example"), "{text}");
        assert!(text.contains("address of the application"), "{text}");
        let tells_address = text.contains("href=\"https://auth.example/\"");
        assert_eq!(tells_address, host != "auth.example", "{text}");
    }
    // Browsers and proxies write the same address otherwise.
    for host in ["auth.example:443", "Auth.Example."] {
        let text = require_telling(host, &open(&router(), host, "/").await);
        assert!(!text.contains("href=\"https://auth.example/\""), "{text}");
    }
    let nobody = of(vec![], vec![]);
    let text = require_telling("/", &open(&nobody, "auth.example", "/").await);
    assert!(text.contains("latchkey bootstrap"), "{text}");
}

#[tokio::test]
async fn the_reference_is_on_every_host_and_not_sent_again() {
    let router = router();
    for host in [HOST, "auth.example", "127.0.0.1:8080"] {
        let answer = ask(&router, Method::GET, "/docs", &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
        let text = require_telling("/docs", &answer);
        assert!(text.contains("What it is."), "{text}");
        let tag = answer.header("etag");
        let headers = [("host", host), ("if-none-match", tag)];
        let again = ask(&router, Method::GET, "/docs", &headers).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{host}");
    }
}

#[tokio::test]
async fn what_every_page_needs_is_on_every_host_and_asks_nobody() {
    for asset in assets::EVERYWHERE {
        let headers = [("host", "evil.example")];
        let router = everywhere(&PagePrefix::default());
        let answer = ask(&router, Method::GET, asset.path, &headers).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", asset.path);
        assert_eq!(answer.body, asset.contents, "{}", asset.path);
    }
}

/// A database that does not answer.
struct Away;

#[async_trait]
impl DirectoryStore for Away {
    async fn load(&self) -> Result<DirectoryEntries, StoreError> {
        std::future::pending().await
    }

    async fn logo(&self, _application: &ApplicationId) -> Result<Option<Logo>, StoreError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_waits_two_seconds_for_a_page_and_no_longer() {
    let began = tokio::time::Instant::now();
    let answer = open(&with(Away), HOST, "/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn a_refusal_is_a_page_for_people_and_nothing_for_programs() {
    for (status, words) in [
        (404, "There is nothing here"),
        (405, "This address is for programs"),
        (401, "This address is for programs"),
        (400, "This address is for programs"),
        (421, "This is a demonstration"),
        (429, "Too many attempts"),
        (500, "Something went wrong"),
        (503, "Back in a moment"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = refusal(PagePrefix::default());
        for accept in ["", "*/*", "application/json"] {
            let headers = accepting(accept);
            assert!(refusal(&headers, status, "1234").is_none(), "{accept}");
        }
        let page = refusal(&accepting(BROWSER), status, "12<34").unwrap();
        let (parts, body) = page.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        };
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("cache-control"), "no-store");
        let text = require_telling(words, &answer);
        assert!(text.contains(&format!("<h1>{words}</h1>")), "{text}");
        // The log has a cause for these, which is found by the id.
        assert_eq!(
            text.contains("12&lt;34"),
            status.is_server_error(),
            "{text}"
        );
        let asks_again = text.contains("<script");
        assert_eq!(asks_again, status == StatusCode::SERVICE_UNAVAILABLE);
    }
}
