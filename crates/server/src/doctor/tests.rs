use std::os::unix::fs::{FileExt as _, symlink};

use latchkey_crypto::entropy::SystemEntropy;
use latchkey_domain::{
    application::{Origin, RelyingParty, RpId},
    organization::Approval,
    text::{ApplicationName, OrganizationName, Username},
};
use latchkey_service::{administration::Bootstrap, use_cases::UseCases};
use latchkey_storage::connect::sqlite_file;
use latchkey_testkit::{
    database::TestDatabase,
    mail_server::{ALWAYS, At, MailServer},
};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinHandle};
use url::Url;

use super::*;
use crate::{
    serve::{Serving, serve},
    wiring::Adapters,
};

fn in_folder() -> (TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut settings = Settings::default();
    settings.database.url = format!("sqlite://{}/latchkey.db", data.display());
    settings.secrets.path = data.join("secrets.toml");
    (folder, settings)
}

/// With the host of the first origin as the RP id.
async fn bootstrap(use_cases: &UseCases, origins: &[&str]) {
    bootstrap_as(use_cases, "Acme", origins).await;
}

async fn bootstrap_as(use_cases: &UseCases, name: &str, origins: &[&str]) {
    let first = Url::parse(origins[0]).unwrap();
    let rp_id = RpId::new(first.host_str().unwrap()).unwrap();
    let origins = origins.iter().map(|origin| Origin::new(*origin).unwrap());
    let relying_party = RelyingParty::new(rp_id, origins.collect()).unwrap();
    let request = Bootstrap {
        organization: OrganizationName::new(name).unwrap(),
        approval: Approval::Never,
        administrator: Username::new("ada@example.com").unwrap(),
        application: ApplicationName::new("Shop").unwrap(),
        relying_party,
    };
    use_cases.administration.bootstrap(request).await.unwrap();
}

/// An installation that is served where its settings say that it is.
async fn served() -> (TempDir, Settings, JoinHandle<()>) {
    let (folder, mut settings) = in_folder();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    settings.http.public_url = Some(Url::parse(&url).unwrap());
    let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
    bootstrap(&use_cases, &[&url]).await;
    let serving = Serving::new(listener, &settings).unwrap();
    let server = tokio::spawn(async move {
        serve(use_cases, serving, std::future::pending())
            .await
            .unwrap();
    });
    (folder, settings, server)
}

fn of(findings: &[Finding], area: &str, state: State) -> Vec<String> {
    let found = findings.iter();
    let found = found.filter(|finding| finding.area == area && finding.state == state);
    found.map(|finding| finding.says.clone()).collect()
}

#[tokio::test]
async fn an_installation_as_it_should_be_has_no_warning_and_no_problem() {
    let (_folder, settings, _server) = served().await;
    let findings = examine(&settings, None).await;
    let bad: Vec<_> = findings
        .iter()
        .filter(|finding| finding.state != State::Ok)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    for (area, count) in [
        ("database", 2),
        ("secrets", 2),
        ("configuration", 1),
        ("mail", 1),
        ("public", 4),
    ] {
        let found = of(&findings, area, State::Ok);
        assert_eq!(found.len(), count, "{area}: {found:?}");
    }
}

#[tokio::test]
async fn a_database_that_refuses_what_requests_need_is_a_problem() {
    let database = TestDatabase::postgres().await.unwrap();
    let (_folder, mut settings) = in_folder();
    database.url().clone_into(&mut settings.database.url);
    let adapters = Adapters::open(&settings).await.unwrap();
    adapters.close().await.unwrap();
    let problems = of(&examine(&settings, None).await, "database", State::Problem);
    assert_eq!(problems, Vec::<String>::new());
    // As a table that is somebody else's.
    let mut url = Url::parse(database.url()).unwrap();
    let role = format!("guest_of{}", url.path().replace('/', "_"));
    let made = format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON installation, seaql_migrations TO {role}"
    );
    database.execute(&made).await.unwrap();
    url.set_username(&role).unwrap();
    settings.database.url = url.to_string();
    let problems = of(&examine(&settings, None).await, "database", State::Problem);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("permission denied"), "{problems:?}");
    let ended = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    database.execute(&ended).await.unwrap();
}

#[test]
fn a_link_to_a_file_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "").unwrap();
    symlink(&file, &link).unwrap();
    assert_eq!(target(&link), target(&file));
    let missing = folder.path().join("missing");
    assert_eq!(target(&missing), missing);
}

#[tokio::test]
async fn a_damaged_file_of_the_database_is_a_problem() {
    let (_folder, settings) = in_folder();
    let adapters = Adapters::open(&settings).await.unwrap();
    adapters.close().await.unwrap();
    let file = sqlite_file(&settings.database.url).unwrap().unwrap();
    let file = fs::OpenOptions::new().write(true).open(file).unwrap();
    let length = file.metadata().unwrap().len();
    // An index, which nobody has looked into.
    file.write_all_at(&[0xff; 4096], length - 4096).unwrap();
    let problems = of(&examine(&settings, None).await, "database", State::Problem);
    assert!(
        problems.iter().any(|says| says.contains("damaged")),
        "{problems:?}"
    );
}

#[tokio::test]
async fn where_a_start_could_make_nothing_is_a_problem() {
    let (folder, mut settings) = in_folder();
    // Nobody makes a folder below a file, not even who may write everywhere.
    let occupied = folder.path().join("occupied");
    fs::write(&occupied, "").unwrap();
    let path = occupied.join("latchkey.db");
    settings.database.url = format!("sqlite://{}", path.display());
    let problems = of(&examine(&settings, None).await, "database", State::Problem);
    let place = path.display().to_string();
    assert!(
        problems.iter().any(|says| says.contains(&place)),
        "{problems:?}"
    );
}

#[tokio::test]
async fn an_organization_where_nobody_registered_is_told_of_beside_others() {
    let (_folder, settings, _server) = served().await;
    let told = async || {
        let found = of(
            &examine(&settings, None).await,
            "applications",
            State::Warning,
        );
        let names = ["Acme", "Emca"];
        let is_told = |name: &&str| found.iter().any(|says| says.contains(&format!("{name:?}")));
        names.into_iter().filter(is_told).collect::<Vec<_>>()
    };
    assert!(told().await.is_empty());
    let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
    bootstrap_as(&use_cases, "Emca", &["http://shop.localhost:1"]).await;
    assert_eq!(told().await, ["Acme", "Emca"]);
    let listed = use_cases.administration.organizations().await.unwrap();
    let second = &listed[1].organization;
    let deleted = use_cases.administration.delete_organization(&second.id);
    deleted.await.unwrap();
    assert!(told().await.is_empty());
}

#[tokio::test]
async fn names_below_localhost_lead_to_this_machine_as_in_browsers() {
    let (_folder, mut settings) = in_folder();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://shop.localhost:{port}");
    settings.http.public_url = Some(Url::parse(&url).unwrap());
    let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
    bootstrap(&use_cases, &[&url]).await;
    let serving = Serving::new(listener, &settings).unwrap();
    let server = tokio::spawn(async move {
        serve(use_cases, serving, std::future::pending())
            .await
            .unwrap();
    });
    let findings = examine(&settings, None).await;
    let problems = of(&findings, "public", State::Problem);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(of(&findings, "public", State::Ok).len(), 4, "{findings:#?}");
    server.abort();
}

#[tokio::test]
async fn what_cannot_be_met_or_is_another_is_a_problem() {
    let (_folder, settings, server) = served().await;
    server.abort();
    let _aborted = server.await;
    let found = of(&examine(&settings, None).await, "public", State::Problem);
    assert!(
        found.len() == 1 && found[0].starts_with("nobody"),
        "{found:?}"
    );

    let (_other, others, _server) = served().await;
    let misled = Settings {
        http: others.http.clone(),
        ..settings
    };
    let found = of(&examine(&misled, None).await, "public", State::Problem);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("is not this installation"), "{found:?}");
}

#[tokio::test]
async fn a_process_that_does_not_know_a_key_is_a_problem() {
    let (_folder, settings, _server) = served().await;
    let problems = async || of(&examine(&settings, None).await, "public", State::Problem);
    assert_eq!(problems().await, Vec::<String>::new());
    secrets::change(&settings.secrets, &SystemEntropy, |secrets| {
        secrets.with_next_key(&SystemEntropy, SystemClock.now())
    })
    .unwrap();
    let facts = secrets::look(&settings.secrets)
        .unwrap()
        .signing_key_facts();
    let [known, next] = facts.as_slice() else {
        panic!("{facts:?}")
    };
    let found = problems().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(&next.kid) && !found[0].contains(&known.kid));
}

/// Each is answered only when all have been asked, so that one after another none would be in time.
#[tokio::test]
async fn hosts_are_asked_beside_each_other() {
    let (_folder, settings, _server) = served().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
    let origins = ["", "a.", "b."].map(|name| format!("http://{name}shop.localhost:{port}"));
    bootstrap_as(
        &use_cases,
        "Others",
        &origins.each_ref().map(String::as_str),
    )
    .await;
    tokio::spawn(async move {
        let mut asking = Vec::new();
        for _ in 0..3 {
            asking.push(listener.accept().await.unwrap().0);
        }
        for mut stream in asking {
            let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    let findings = examine(&settings, None).await;
    let said = of(&findings, "public", State::Warning);
    for (said, origin) in said.iter().zip(&origins) {
        assert!(said.contains(origin.as_str()), "{said}");
    }
    assert_eq!(said.len(), 3, "{findings:#?}");
}

#[tokio::test]
async fn who_has_deactivated_every_application_makes_no_first_one() {
    let (_folder, settings, _server) = served().await;
    let advice = |findings: Vec<Finding>| {
        let mut found = findings.into_iter();
        let found = found.find(|finding| finding.area == "applications");
        found.and_then(|finding| finding.advice).unwrap_or_default()
    };
    let use_cases = Adapters::open(&settings).await.unwrap().use_cases();
    let administration = &use_cases.administration;
    let all = administration.applications().await.unwrap();
    let id = &all[0].application.id;
    administration
        .set_application_active(id, false)
        .await
        .unwrap();
    let said = advice(examine(&settings, None).await);
    assert!(said.contains("latchkey application activate"), "{said}");

    let (_folder, settings) = in_folder();
    begin(&settings).await;
    let said = advice(examine(&settings, None).await);
    assert!(said.contains("latchkey bootstrap"), "{said}");
}

#[tokio::test]
async fn a_certificate_that_no_browser_trusts_is_a_problem() {
    let (_folder, mut settings, _server) = served().await;
    let secure = MailServer::with_tls("localhost").unwrap();
    let port = Url::parse(&secure.url()).unwrap().port().unwrap();
    settings.http.public_url = Some(Url::parse(&format!("https://localhost:{port}")).unwrap());
    let found = of(&examine(&settings, None).await, "public", State::Problem);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("TLS: invalid peer certificate"),
        "{found:?}"
    );
}

#[tokio::test]
async fn without_a_database_and_secrets_it_says_so_and_makes_none() {
    let (folder, settings) = in_folder();
    let findings = examine(&settings, None).await;
    for (area, says) in [
        ("database", "nothing is in the database /"),
        ("secrets", "there is no file /"),
    ] {
        let found = of(&findings, area, State::Warning);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(says), "{found:?}");
    }
    for area in ["applications", "public"] {
        let found = of(&findings, area, State::Warning);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("not looked at"), "{found:?}");
    }
    assert!(
        findings
            .iter()
            .all(|finding| finding.state != State::Problem)
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn secrets_that_are_lost_or_of_others_are_a_problem() {
    let (_folder, settings) = in_folder();
    Adapters::open(&settings)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let away = settings.secrets.path.with_extension("away");
    fs::rename(&settings.secrets.path, &away).unwrap();
    let found = of(&examine(&settings, None).await, "secrets", State::Problem);
    assert!(
        found.len() == 1 && found[0].contains("put their file back"),
        "{found:?}"
    );

    secrets::open(&settings.secrets, &SystemEntropy, &SystemClock).unwrap();
    let found = of(&examine(&settings, None).await, "secrets", State::Problem);
    assert!(
        found.len() == 1 && found[0].contains("other ones"),
        "{found:?}"
    );

    fs::write(&settings.secrets.path, "hunter2").unwrap();
    let found = of(&examine(&settings, None).await, "secrets", State::Problem);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].contains("hunter2"), "{found:?}");
}

#[tokio::test]
async fn the_mail_server_is_asked_and_sent_nothing() {
    let (_folder, mut settings) = in_folder();
    let server = MailServer::in_clear().unwrap();
    settings.mail.transport = Transport::Smtp;
    settings.mail.smtp_url = Some(server.url().into());
    settings.mail.from = "no-reply@example.com".to_owned();
    let findings = examine(&settings, Some("ada@example.com")).await;
    assert_eq!(of(&findings, "mail", State::Ok).len(), 1, "{findings:?}");
    for (answer, advice) in [
        ("550 no", "stays so"),
        ("530 5.7.0 sign in", "mail.smtp_url"),
        ("550 5.1.1 nobody", "ask for a mailbox"),
        ("450 4.7.1 strangers wait", "later"),
    ] {
        server.answers(At::Recipient, ALWAYS, answer);
        let findings = examine(&settings, Some("ada@example.com")).await;
        let found = of(&findings, "mail", State::Problem);
        assert!(
            found.len() == 1 && found[0].contains(&answer[..3]),
            "{found:?}"
        );
        let mail = findings.iter().find(|finding| finding.area == "mail");
        let given = mail.unwrap().advice.as_ref().unwrap();
        assert!(given.contains(advice), "{given}");
    }
    assert_eq!(server.mails(), Vec::<String>::new());
}

#[test]
fn clocks_that_differ_are_told_by_how_much() {
    let at = Timestamp::from_unix_milliseconds;
    for (theirs, state) in [
        (9_000, State::Ok),
        (12_500, State::Ok),
        (7_000, State::Warning),
        (14_000, State::Warning),
        (50_000, State::Problem),
        (-30_000, State::Problem),
    ] {
        let mut all = Vec::new();
        let mut found = Findings {
            area: "database",
            all: &mut all,
        };
        clock(at(10_000), at(theirs), at(11_000), &mut found);
        assert_eq!(all[0].state, state, "{theirs}");
    }
}

#[test]
fn keys_tell_when_it_is_time_to_rotate_them() {
    let (_folder, settings) = in_folder();
    let made = SystemClock.now();
    secrets::open(&settings.secrets, &SystemEntropy, &SystemClock).unwrap();
    let states = |later: Duration| {
        let secrets = secrets::look(&settings.secrets).unwrap();
        let mut all = Vec::new();
        let mut found = Findings {
            area: "secrets",
            all: &mut all,
        };
        keys(&secrets, made.plus(later), &mut found);
        all.into_iter()
            .map(|finding| finding.state)
            .collect::<Vec<_>>()
    };
    assert_eq!(states(Duration::ZERO), [State::Ok]);
    assert_eq!(states(Duration::from_hours(366 * 24)), [State::Warning]);
    secrets::change(&settings.secrets, &SystemEntropy, |secrets| {
        secrets.with_next_key(&SystemEntropy, made)
    })
    .unwrap();
    assert_eq!(states(Duration::ZERO), [State::Ok, State::Ok]);
    assert_eq!(states(Duration::from_hours(1)), [State::Ok, State::Warning]);
}

async fn begin(settings: &Settings) {
    let adapters = Adapters::open(settings).await.unwrap();
    adapters.close().await.unwrap();
}

async fn migrate(settings: &Settings) {
    let store = beginning::store(settings).await.unwrap();
    latchkey_migrations::up(store.connection()).await.unwrap();
    store.close().await.unwrap();
}

async fn take_step_back(settings: &Settings) {
    let store = beginning::store(settings).await.unwrap();
    let newest = latchkey_migrations::newest(store.connection()).await;
    let newest = newest.unwrap().unwrap();
    let more = latchkey_migrations::step_down(store.connection(), &newest).await;
    assert_eq!(more.unwrap(), None);
    store.close().await.unwrap();
}

/// In each of these it says beforehand what comes of a start, and changes nothing.
#[tokio::test]
async fn it_finds_a_problem_where_the_service_refuses_to_start_and_nowhere_else() {
    let file = |settings: &Settings| sqlite_file(&settings.database.url).unwrap().unwrap();
    for (case, starts) in [
        ("nothing", true),
        ("both", true),
        ("only a schema", true),
        ("an older schema", true),
        ("secrets and no database", false),
        ("secrets and an empty file", false),
        ("secrets and a database without tables", false),
        ("a database and no secrets", false),
        ("an older schema and no secrets", false),
    ] {
        let (folder, settings) = in_folder();
        match case {
            "nothing" => {}
            "only a schema" => migrate(&settings).await,
            "secrets and a database without tables" => {
                secrets::open(&settings.secrets, &SystemEntropy, &SystemClock).unwrap();
                let store = beginning::store(&settings).await.unwrap();
                store.close().await.unwrap();
            }
            _ => begin(&settings).await,
        }
        if case.starts_with("an older") {
            take_step_back(&settings).await;
        }
        if case.ends_with("no database") || case.ends_with("an empty file") {
            fs::remove_file(file(&settings)).unwrap();
        }
        if case.ends_with("an empty file") {
            fs::write(file(&settings), "").unwrap();
        }
        if case.ends_with("no secrets") {
            fs::remove_file(&settings.secrets.path).unwrap();
        }
        let state = || {
            let database = fs::read(file(&settings)).ok();
            (database, settings.secrets.path.exists())
        };
        let before = state();
        let findings = examine(&settings, None).await;
        let problems: Vec<_> = ["database", "secrets"]
            .into_iter()
            .flat_map(|area| of(&findings, area, State::Problem))
            .collect();
        assert_eq!(problems.is_empty(), starts, "{case}: {findings:#?}");
        assert!(state() == before, "{case}");
        let opened = Adapters::open(&settings).await;
        assert_eq!(opened.is_ok(), starts, "{case}");
        if let Some(error) = opened.err() {
            assert_eq!(problems, [chain(&error)], "{case}");
        }
        drop(folder);
    }
}

#[tokio::test]
async fn a_schema_that_is_not_whole_is_told() {
    let (_folder, settings) = in_folder();
    begin(&settings).await;
    take_step_back(&settings).await;
    let found = of(&examine(&settings, None).await, "database", State::Warning);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("still to be taken"), "{found:?}");
}

#[test]
fn days_are_counted() {
    let hours = |hours| days(Duration::from_hours(hours));
    assert_eq!(
        [hours(1), hours(25), hours(50)],
        ["0 days", "1 day", "2 days"]
    );
}
