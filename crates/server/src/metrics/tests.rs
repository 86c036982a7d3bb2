use std::{collections::BTreeSet, fs, path::PathBuf};

use latchkey_domain::time::Timestamp;
use latchkey_service::{
    ports::{
        Ports, Stores,
        clock::MockClock,
        message_store::{MockMessageStore, Pending},
    },
    use_cases::ServiceSettings,
};
use latchkey_storage::connect::connect;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_700_000_000_000);

/// Use cases with that to send.
fn use_cases(pending: Pending) -> Arc<UseCases> {
    let mut clock = MockClock::new();
    clock.expect_now().return_const(NOW);
    let mut messages = MockMessageStore::new();
    messages.expect_pending().returning(move |_| Ok(pending));
    let ports = Ports {
        clock: Arc::new(clock),
        stores: Stores {
            messages: Arc::new(messages),
            ..Stores::mocks()
        },
        ..Ports::mocks()
    };
    Arc::new(UseCases::new(ports, ServiceSettings::default()))
}

async fn text(metrics: &Metrics, pending: Pending) -> String {
    metrics.text(&use_cases(pending)).await.unwrap()
}

/// The metrics of a process in which everything has happened.
async fn all() -> String {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/latchkey.db", folder.path().display());
    let store = connect(url.as_str()).await.unwrap();
    let metrics = Metrics::new().unwrap();
    metrics.watch(&store);
    latchkey_migrations::up(store.connection()).await.unwrap();
    let _connection = metrics.open_connection();
    metrics.begun("GET");
    metrics.answered("GET", Some("/health/live"), 200, Duration::from_millis(7));
    let told = text(&metrics, Pending::default()).await;
    store.close().await.unwrap();
    told
}

/// The names of what is told, as they are declared.
fn declared(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}

fn document(path: &str) -> String {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    fs::read_to_string(root.join(path)).unwrap()
}

/// Labels that begin like metrics.
const LABELS: [&str; 6] = [
    "http_request_method",
    "http_route",
    "http_response_status_code",
    "db_system_name",
    "db_client_connection_pool_name",
    "db_client_connection_state",
];

/// The metrics that a document names, without what stands for a part of a histogram.
fn named(document: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = document.split(|letter| !is_part(letter));
    let metrics = words.filter(|word| {
        let mut beginnings = ["http_", "db_", "latchkey_", "process_"].into_iter();
        beginnings.any(|beginning| word.starts_with(beginning)) && !LABELS.contains(word)
    });
    metrics
        .map(|metric| {
            let mut parts = ["_bucket", "_sum"].into_iter();
            let part = parts.find_map(|part| metric.strip_suffix(part));
            let count = metric.strip_suffix("_seconds_count");
            let length = count.map(|_| metric.len() - "_count".len());
            part.or_else(|| metric.get(..length?)).unwrap_or(metric)
        })
        .collect()
}

#[tokio::test]
async fn what_is_told_is_what_the_table_says_and_the_process() {
    let text = all().await;
    let (own, others): (BTreeSet<_>, BTreeSet<_>) = declared(&text)
        .into_iter()
        .partition(|name| !name.starts_with("process_"));
    let table = TOLD.iter().map(|(name, _)| *name);
    assert_eq!(own, table.collect());
    assert!(others.len() > 4, "{others:?}");
    for (name, help) in TOLD {
        assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}");
    }
}

#[tokio::test]
async fn the_dashboard_the_alerts_and_the_guide_name_what_is_told() {
    let text = all().await;
    let told = declared(&text);
    for path in [
        "docs/monitoring/dashboard.json",
        "docs/monitoring/alerts.yaml",
    ] {
        let document = document(path);
        let named = named(&document);
        assert!(named.len() > 4, "{path}: {named:?}");
        let unknown: Vec<_> = named.difference(&told).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    }
    let guide = document("docs/operating.md");
    for name in told {
        assert!(
            guide.contains(&format!("`{name}`")),
            "nobody describes {name}"
        );
    }
}

#[test]
fn every_panel_of_the_dashboard_asks_for_something() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&document("docs/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 8, "{}", panels.len());
    for panel in panels {
        let title = &panel["title"];
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            let asked = named(target["expr"].as_str().unwrap());
            assert!(!asked.is_empty(), "{title}");
        }
    }
}

/// Its form is that of Prometheus, one member a line.
#[test]
fn every_alert_asks_for_something_and_says_what_to_do() {
    let alerts = document("docs/monitoring/alerts.yaml");
    let members = |name: &str| {
        let lines = alerts.lines().map(str::trim_start);
        lines.filter(|line| line.starts_with(name)).count()
    };
    let alerts = members("- alert: ");
    assert!(alerts > 5, "{alerts}");
    for member in [
        "expr: ",
        "for: ",
        "severity: ",
        "summary: ",
        "description: ",
    ] {
        assert_eq!(members(member), alerts, "{member}");
    }
}

/// Other services tell metrics of the same names, where those are conventional.
#[test]
fn every_alert_is_about_this_job_alone() {
    let alerts = document("docs/monitoring/alerts.yaml");
    let lines = alerts.lines().map(str::trim_start);
    let asked = lines.filter(|line| line.starts_with("expr: "));
    let mut series = 0;
    for (asked, name) in
        asked.flat_map(|asked| named(asked).into_iter().map(move |name| (asked, name)))
    {
        for rest in asked.split(name).skip(1) {
            let (_part, labels) = rest.split_once('{').unwrap_or_default();
            assert!(labels.starts_with("job=\"latchkey\""), "{name} in {asked}");
            series += 1;
        }
    }
    assert!(series > 12, "{series}");
}

#[tokio::test]
async fn a_request_is_measured_by_method_route_and_status() {
    let metrics = Metrics::new().unwrap();
    let took = Duration::from_millis(60);
    for _ in 0..2 {
        metrics.begun("POST");
        metrics.answered("POST", Some("/auth/login"), 200, took);
        metrics.over("POST");
    }
    metrics.begun("other");
    metrics.answered("other", None, 404, took);
    let text = text(&metrics, Pending::default()).await;
    let name = "http_server_request_duration_seconds";
    let login =
        "http_request_method=\"POST\",http_response_status_code=\"200\",http_route=\"/auth/login\"";
    let nothing =
        "http_request_method=\"_OTHER\",http_response_status_code=\"404\",http_route=\"_OTHER\"";
    for line in [
        format!("{name}_count{{{login}}} 2"),
        format!("{name}_bucket{{{login},le=\"0.05\"}} 0"),
        format!("{name}_bucket{{{login},le=\"0.075\"}} 2"),
        format!("{name}_count{{{nothing}}} 1"),
        "http_server_active_requests{http_request_method=\"POST\"} 0".to_owned(),
        "http_server_active_requests{http_request_method=\"_OTHER\"} 1".to_owned(),
    ] {
        let mut lines = text.lines();
        assert!(lines.any(|told| told == line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn an_event_is_counted_by_its_outcome_and_what_never_happened_is_zero() {
    let metrics = Metrics::new().unwrap();
    metrics.observe(Event::SignIn, None);
    metrics.observe(Event::SignIn, Some(Reason::SignatureInvalid));
    metrics.observe(Event::SignIn, Some(Reason::SignatureInvalid));
    metrics.observe(Event::SetNativeApplications, Some(Reason::StoreFailed));
    let text = text(&metrics, Pending::default()).await;
    for (event, outcome, reason, count) in [
        ("sign_in", "succeeded", "", 1),
        ("sign_in", "refused", "signature_invalid", 2),
        ("set_native_applications", "failed", "store_failed", 1),
        ("begin_registration", "succeeded", "", 0),
        // An alert watches for the first of them, which is no change where there was no number before.
        ("sign_in", "refused", "counter_regressed", 0),
        ("sign_user_action", "refused", "counter_regressed", 0),
    ] {
        let line = format!(
            "latchkey_security_events_total{{event=\"{event}\",outcome=\"{outcome}\",reason=\"{reason}\"}} {count}"
        );
        let mut lines = text.lines();
        assert!(lines.any(|told| told == line), "no {line} in\n{text}");
    }
    // Nothing else is told of what was never refused.
    let refusals = text
        .lines()
        .filter(|line| line.contains("outcome=\"refused\"") && !line.ends_with(" 0"));
    assert_eq!(refusals.count(), 1);
}

#[tokio::test]
async fn the_outbox_is_told_with_its_oldest_message() {
    let metrics = Metrics::new().unwrap();
    let pending = Pending {
        count: 3,
        oldest: Some(NOW.minus(Duration::from_secs(90))),
    };
    let text = text(&metrics, pending).await;
    for line in [
        "latchkey_outbox_messages 3",
        "latchkey_outbox_oldest_age_seconds 90",
        "latchkey_mail_degraded 0",
    ] {
        let mut lines = text.lines();
        assert!(lines.any(|told| told == line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn a_connection_is_open_until_it_is_dropped() {
    let metrics = Metrics::new().unwrap();
    let (one, _other) = (metrics.open_connection(), metrics.open_connection());
    drop(one);
    metrics.refuse_connection();
    let text = text(&metrics, Pending::default()).await;
    for line in [
        "latchkey_connections_open 1",
        "latchkey_connections_accepted_total 2",
        "latchkey_connections_refused_total 1",
    ] {
        let mut lines = text.lines();
        assert!(lines.any(|told| told == line), "no {line} in\n{text}");
    }
}

async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_listener_tells_metrics_at_one_path_and_nothing_else() {
    let metrics = Metrics::new().unwrap();
    let local = "127.0.0.1:0".parse().unwrap();
    let scraping = Scraping::at(local, metrics).await.unwrap();
    let address = scraping.listener.local_addr().unwrap();
    let served = tokio::spawn(scraping.serve(use_cases(Pending::default())));
    let told = ask(address, "/metrics").await;
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("latchkey_build_info{version="), "{body}");
    for path in ["/", "/auth/login", "/health/live"] {
        let told = ask(address, path).await;
        assert!(told.starts_with("HTTP/1.1 404"), "{told}");
    }
    served.abort();
}
