//! The service's own pages in a real browser, on the domains of the demonstration; the tests themselves
//! are in `node/pages`, `node/account` and `node/prefix`.

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation},
    node,
};

#[tokio::test]
async fn the_pages_do_what_they_say() -> Outcome {
    demonstrated("pages").await
}

/// What is done where somebody is signed in, and how pages look and speak: by itself, since half of the time is
/// spent at once.
#[tokio::test]
async fn the_account_does_what_it_says() -> Outcome {
    demonstrated("account").await
}

async fn demonstrated(folder: &str) -> Outcome {
    // Every device of these tests has the same address.
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("DEMO__ENABLED", "true")
        .with("LIMITS__ENABLED", "false");
    let server = installation.start().await?;
    let organization = server.line("organization").await?;
    node::run(folder, &installation, &server, &organization)
}

#[tokio::test]
async fn below_a_prefix_the_pages_do_what_they_say() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("DEMO__ENABLED", "true")
        .with("WEB__PREFIX", "/key");
    let server = installation.start().await?;
    let organization = server.line("organization").await?;
    assert!(server.log().contains("/key/register#"));
    node::run("prefix", &installation, &server, &organization)
}

#[tokio::test]
async fn without_pages_there_is_the_api_alone() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("DEMO__ENABLED", "true")
        .with("WEB__ENABLED", "false");
    let server = installation.start().await?;
    let host = format!("one.localhost:{}", server.address()?.port());
    let client = reqwest::Client::new();
    for (path, status) in [("/", 404), ("/enrol", 404), ("/auth/application", 200)] {
        let url = format!("{}{path}", server.url()?);
        let answer = client.get(url).header("host", &host).send().await?;
        assert_eq!(answer.status(), status, "{path}");
    }
    assert!(!server.log().contains("/register#"));
    Ok(())
}

#[tokio::test]
async fn a_request_for_a_page_is_logged_as_any_other() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("DEMO__ENABLED", "true");
    let server = installation.start().await?;
    let host = format!("one.localhost:{}", server.address()?.port());
    let client = reqwest::Client::new();
    let url = format!("{}/enrol", server.url()?);
    let page = client.get(&url).header("host", host).send().await?;
    assert_eq!(page.status(), 200);
    let id = page.headers()["x-request-id"].to_str()?.to_owned();
    let line = server
        .event(|event| event["request_id"] == id.as_str())
        .await?;
    assert_eq!(line["route"], "/enrol");
    assert_eq!(line["status"], 200);
    // By its address the service has no pages.
    let elsewhere = client.get(&url).send().await?;
    assert_eq!(elsewhere.status(), 404);
    assert_eq!(
        elsewhere.json::<serde_json::Value>().await?["error"]["code"],
        "not_found"
    );
    Ok(())
}

#[tokio::test]
async fn a_browser_gets_pages_where_a_program_gets_json() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("DEMO__ENABLED", "true");
    let server = installation.start().await?;
    let client = reqwest::Client::new();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (path, status, words) in [
        ("/", 200, "/enrol\""),
        ("/nowhere", 404, "There is nothing here"),
        ("/auth/login", 405, "for programs"),
        ("/auth/credentials", 401, "for programs"),
        ("/docs", 200, "beginCredentialWithCode"),
    ] {
        let url = format!("{}{path}", server.url()?);
        let page = client.get(&url).header("accept", browser).send().await?;
        assert_eq!(page.status(), status, "{path}");
        let headers = page.headers();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert!(headers.contains_key("content-security-policy"), "{path}");
        assert!(headers.contains_key("x-request-id"), "{path}");
        let text = page.text().await?;
        assert!(text.contains(words), "{path}: {text}");
        if path != "/docs" {
            let answer = client.get(&url).send().await?;
            assert!(answer.status().is_client_error(), "{path}");
            let body: serde_json::Value = answer.json().await?;
            assert!(body["error"]["code"].is_string(), "{path}: {body}");
            let tells = body["message"].to_string().contains("/docs");
            assert_eq!(tells, path == "/", "{path}: {body}");
        }
    }
    // The page at the address of the service leads to where the applications are.
    let landing = client.get(server.url()?).header("accept", browser);
    let landing = landing.send().await?.text().await?;
    let port = server.address()?.port();
    assert!(
        landing.contains(&format!("http://one.localhost:{port}/")),
        "{landing}"
    );
    Ok(())
}
