//! Metrics: what this process counts and measures, told in the text format of Prometheus on a listener of its own.
//!
//! Names and buckets are those of OpenTelemetry's conventions where they have any. What a request counts is a few
//! atomic numbers, which are found without a lock or an allocation; only what was never counted before is made
//! first. No label is anything that a client wrote: methods, routes, events and reasons are from sets that the
//! service has.

mod grown;
mod scrape;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use latchkey_http::Meter;
use latchkey_service::{
    events::{Event, Reason},
    ports::observer::Observer,
    use_cases::UseCases,
};
use latchkey_storage::{
    store::{Pool, SqlStore},
    watch::Work,
};
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

use tokio::time::timeout;

use self::grown::Grown;
pub use self::scrape::Scraping;

/// How long the outbox may take to be counted.
const PATIENCE: Duration = Duration::from_secs(2);

/// The buckets of `http.server.request.duration`, in seconds.
const REQUEST_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The buckets of `db.client.operation.duration`, in seconds.
const DATABASE_BUCKETS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// What stands for every method or route that is not one of those there are.
const OTHER: &str = "_OTHER";

/// Every metric but those of the process, and what it tells.
const TOLD: [(&str, &str); 15] = [
    (
        "http_server_request_duration_seconds",
        "How long requests took, until their answer was ready",
    ),
    ("http_server_active_requests", "Requests that are under way"),
    ("latchkey_connections_open", "Connections that are served"),
    (
        "latchkey_connections_accepted_total",
        "Connections that found room",
    ),
    (
        "latchkey_connections_refused_total",
        "Connections that found no room, and were told so or cut",
    ),
    (
        "db_client_operation_duration_seconds",
        "How long statements took on their connection",
    ),
    (
        "latchkey_store_call_duration_seconds",
        "How long calls of the database took, with all that they waited for",
    ),
    (
        "db_client_connection_count",
        "Connections to the database, lent (used) and free (idle)",
    ),
    (
        "db_client_connection_max",
        "How many connections to the database can be lent at once",
    ),
    (
        "db_client_connection_pending_requests",
        "Callers that wait for a connection to the database",
    ),
    (
        "latchkey_outbox_messages",
        "Messages that are still to be sent, by any process on this database",
    ),
    (
        "latchkey_outbox_oldest_age_seconds",
        "How long the oldest of them has waited",
    ),
    (
        "latchkey_mail_degraded",
        "Whether this process cannot send messages at present",
    ),
    (
        "latchkey_security_events_total",
        "What somebody did, or why it was refused",
    ),
    ("latchkey_build_info", "Which release this is; always 1"),
];

/// What that metric tells.
fn help(name: &str) -> &'static str {
    let found = TOLD.iter().find(|(told, _)| *told == name);
    found.map_or("", |(_, help)| help)
}

/// Counts and measures what one process does. Clones of what it gives count the same.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    /// Those that have been counted, by route, and there by method and status.
    answered: Grown<String, Grown<(&'static str, u16), Histogram>>,
    active: IntGaugeVec,
    active_by_method: Grown<&'static str, IntGauge>,
    connections: Connections,
    events: IntCounterVec,
    /// Those that have been counted: a row for each event, with a place for its success and one for each reason.
    concluded: Vec<OnceLock<IntCounter>>,
    statements: HistogramVec,
    calls: HistogramVec,
    pools: Pools,
    outbox: OutboxGauges,
    store: OnceLock<SqlStore>,
}

/// Connections of clients.
struct Connections {
    open: IntGauge,
    accepted: IntCounter,
    refused: IntCounter,
}

/// Connections to the database.
struct Pools {
    connections: IntGaugeVec,
    most: IntGaugeVec,
    waiting: IntGaugeVec,
}

struct OutboxGauges {
    messages: Gauge,
    age: Gauge,
    is_degraded: IntGauge,
}

/// A connection of a client, until this is dropped.
pub(crate) struct OpenConnection(Arc<Metrics>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.open.dec();
    }
}

/// Makes metrics, each with the help that stands in the table.
struct Maker<'registry>(&'registry Registry);

impl Maker<'_> {
    /// Has it told from now on.
    fn register<M: Collector + Clone + 'static>(&self, metric: M) -> prometheus::Result<M> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn histogram(
        &self,
        name: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help(name)).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels)?)
    }

    fn gauges(&self, name: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.register(IntGaugeVec::new(Opts::new(name, help(name)), labels)?)
    }

    fn gauge(&self, name: &str) -> prometheus::Result<Gauge> {
        self.register(Gauge::new(name, help(name))?)
    }

    fn whole_gauge(&self, name: &str) -> prometheus::Result<IntGauge> {
        self.register(IntGauge::new(name, help(name))?)
    }

    fn counter(&self, name: &str) -> prometheus::Result<IntCounter> {
        self.register(IntCounter::new(name, help(name))?)
    }

    fn counters(&self, name: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.register(IntCounterVec::new(Opts::new(name, help(name)), labels)?)
    }
}

impl Metrics {
    /// Metrics with nothing counted yet.
    ///
    /// # Errors
    /// When the library does not take one of the names: never, as the tests show.
    pub fn new() -> prometheus::Result<Arc<Self>> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        let make = Maker(&registry);
        let build = make.gauges("latchkey_build_info", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let places = Event::ALL.len() * (Reason::ALL.len() + 1);
        let metrics = Self {
            requests: make.histogram(
                "http_server_request_duration_seconds",
                &REQUEST_BUCKETS,
                &[
                    "http_request_method",
                    "http_route",
                    "http_response_status_code",
                ],
            )?,
            answered: Grown::default(),
            active: make.gauges("http_server_active_requests", &["http_request_method"])?,
            active_by_method: Grown::default(),
            connections: Connections {
                open: make.whole_gauge("latchkey_connections_open")?,
                accepted: make.counter("latchkey_connections_accepted_total")?,
                refused: make.counter("latchkey_connections_refused_total")?,
            },
            events: make.counters(
                "latchkey_security_events_total",
                &["event", "outcome", "reason"],
            )?,
            concluded: std::iter::repeat_with(OnceLock::new).take(places).collect(),
            statements: make.histogram(
                "db_client_operation_duration_seconds",
                &DATABASE_BUCKETS,
                &["db_system_name"],
            )?,
            calls: make.histogram(
                "latchkey_store_call_duration_seconds",
                &DATABASE_BUCKETS,
                &["call"],
            )?,
            pools: Pools {
                connections: make.gauges(
                    "db_client_connection_count",
                    &[
                        "db_client_connection_pool_name",
                        "db_client_connection_state",
                    ],
                )?,
                most: make.gauges(
                    "db_client_connection_max",
                    &["db_client_connection_pool_name"],
                )?,
                waiting: make.gauges(
                    "db_client_connection_pending_requests",
                    &["db_client_connection_pool_name"],
                )?,
            },
            outbox: OutboxGauges {
                messages: make.gauge("latchkey_outbox_messages")?,
                age: make.gauge("latchkey_outbox_oldest_age_seconds")?,
                is_degraded: make.whole_gauge("latchkey_mail_degraded")?,
            },
            store: OnceLock::new(),
            registry,
        };
        // What never happened is told as 0, so that the first time is seen as a change.
        for event in Event::ALL {
            metrics.count(*event, None, 0);
        }
        // So is a refusal whose first time is one too many.
        for event in [Event::SignIn, Event::SignUserAction] {
            metrics.count(event, Some(Reason::CounterRegressed), 0);
        }
        Ok(Arc::new(metrics))
    }

    /// Measures what this store does from now on. One can be measured, the first.
    pub fn watch(&self, store: &SqlStore) {
        if self.store.set(store.clone()).is_err() {
            return;
        }
        let statements = self.statements.with_label_values(&[store.system()]);
        let reads = self.calls.with_label_values(&["read"]);
        let writes = self.calls.with_label_values(&["write"]);
        store.watch(move |work, took| {
            let measured = match work {
                Work::Statement => &statements,
                Work::Read => &reads,
                Work::Write => &writes,
            };
            measured.observe(took.as_secs_f64());
        });
    }

    /// Counts a connection that found room.
    pub(crate) fn open_connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.accepted.inc();
        self.connections.open.inc();
        OpenConnection(Arc::clone(self))
    }

    /// Counts a connection that found none.
    pub(crate) fn refuse_connection(&self) {
        self.connections.refused.inc();
    }

    /// Everything, as it is told. What is kept in the database is asked for now; when that is away, it is told as
    /// not a number.
    ///
    /// # Errors
    /// When the library cannot write it down.
    pub async fn text(&self, use_cases: &UseCases) -> prometheus::Result<String> {
        for pool in self.store.get().map(SqlStore::pools).unwrap_or_default() {
            self.pools.look_at(&pool);
        }
        let outbox = &use_cases.outbox;
        self.outbox
            .is_degraded
            .set(i64::from(outbox.is_in_trouble()));
        // Whoever asks gives up after ten seconds, and the other numbers say what is wrong.
        let (messages, age) = match timeout(PATIENCE, outbox.backlog()).await {
            Ok(Ok(backlog)) => (number(backlog.count), backlog.age.as_secs_f64()),
            Ok(Err(_)) | Err(_) => (f64::NAN, f64::NAN),
        };
        self.outbox.messages.set(messages);
        self.outbox.age.set(age);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Counts that so often an event had that outcome.
    fn count(&self, event: Event, refused: Option<Reason>, often: u64) {
        let row = Event::ALL.iter().position(|other| *other == event);
        let place =
            refused.and_then(|reason| Reason::ALL.iter().position(|other| *other == reason));
        let row = row.unwrap_or_default() * (Reason::ALL.len() + 1);
        let place = row + place.map_or(0, |place| place + 1);
        if let Some(counter) = self.concluded.get(place) {
            let counter = counter.get_or_init(|| {
                let reason = refused.map_or("", Reason::as_str);
                let labels = [event.as_str(), Reason::outcome(refused), reason];
                self.events.with_label_values(&labels)
            });
            counter.inc_by(often);
        }
    }

    fn active(&self, method: &'static str) -> &IntGauge {
        let make = || (method, self.active.with_label_values(&[label(method)]));
        self.active_by_method.of(&method, make)
    }
}

impl Observer for Metrics {
    fn observe(&self, event: Event, refused: Option<Reason>) {
        self.count(event, refused, 1);
    }
}

impl Meter for Metrics {
    fn begun(&self, method: &'static str) {
        self.active(method).inc();
    }

    fn answered(&self, method: &'static str, route: Option<&str>, status: u16, took: Duration) {
        let route = route.unwrap_or(OTHER);
        let of_route = self
            .answered
            .of(route, || (route.to_owned(), Grown::default()));
        let measured = of_route.of(&(method, status), || {
            let status_text = status.to_string();
            let labels = [label(method), route, &status_text];
            ((method, status), self.requests.with_label_values(&labels))
        });
        measured.observe(took.as_secs_f64());
    }

    fn over(&self, method: &'static str) {
        self.active(method).dec();
    }
}

impl Pools {
    fn look_at(&self, pool: &Pool) {
        for (state, count) in [("used", pool.lent), ("idle", pool.free)] {
            self.connections
                .with_label_values(&[pool.name, state])
                .set(whole(count));
        }
        let of_pool = [pool.name];
        self.most.with_label_values(&of_pool).set(whole(pool.most));
        self.waiting
            .with_label_values(&of_pool)
            .set(whole(pool.waiting));
    }
}

/// A method as a label.
fn label(method: &'static str) -> &'static str {
    if method == "other" { OTHER } else { method }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A number that is told as one that may also be none: beyond 2^32 it is told as that.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
