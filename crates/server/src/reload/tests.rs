use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use latchkey_crypto::clock::SystemClock;
use latchkey_domain::time::Timestamp;
use latchkey_mail::kept::Kept;
use latchkey_service::ports::locator::Locator as _;
use latchkey_testkit::places::{Place, file_of};

use super::*;
use crate::config::log::Log;

/// A service whose configuration can be changed, and what of it may change.
struct Service {
    variables: Arc<Mutex<HashMap<String, String>>>,
    reload: Reload,
    parts: Parts,
    mailer: Live<Arc<dyn Mailer>>,
    levels: Arc<Mutex<Vec<String>>>,
}

fn service() -> Service {
    let variables = Arc::<Mutex<HashMap<String, String>>>::default();
    let levels = Arc::<Mutex<Vec<String>>>::default();
    let settings = Settings::default();
    let mailer = Live::<Arc<dyn Mailer>>::new(Arc::new(Kept));
    let (read, told) = (Arc::clone(&variables), Arc::clone(&levels));
    let level = Level::of(move |filter| {
        locked(&told).push(filter.to_string());
        Ok(())
    });
    let reload = Reload {
        mailer: Some(mailer.clone()),
        ..Reload::new(&settings, move || {
            Settings::load(None, locked(&read).clone())
        })
        .with_level(level)
    };
    let connections = ConnectionLimits {
        maximum: settings.http.maximum_connections,
        maximum_per_address: settings.http.maximum_connections_per_address,
        trusted_proxies: Vec::new(),
        patience: Duration::from_secs(1),
        idle: Duration::from_secs(2),
        linger: Duration::ZERO,
        drain: settings.http.drain,
        other_files: 0,
    };
    Service {
        variables,
        reload,
        parts: Parts {
            throttle: Arc::new(Throttle::new(Limits::default(), Arc::new(SystemClock))),
            trouble: Arc::default(),
            trusted_proxies: Live::default(),
            connections: connections.into(),
        },
        mailer,
        levels,
    }
}

fn locked<T>(kept: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    fn set(&self, key: &str, value: &str) {
        locked(&self.variables).insert(format!("LATCHKEY__{key}"), value.to_owned());
    }

    fn reload(&mut self) -> Result<Changes, String> {
        let (changes, filter) = self
            .reload
            .perform(&self.parts)
            .map_err(|error| error.to_string())?;
        self.reload.set_level(filter);
        Ok(changes)
    }
}

fn keys(changes: &Changes) -> Vec<&str> {
    changes.made.iter().map(|change| change.key).collect()
}

#[test]
fn what_can_change_changes_at_once_and_what_cannot_is_named() {
    let mut service = service();
    for (key, value) in [
        ("LOG__LEVEL", "debug"),
        ("LIMITS__LOGIN_INITS_PER_ADDRESS", "1"),
        ("HTTP__TRUSTED_PROXIES", "10.0.0.1"),
        ("HTTP__MAXIMUM_CONNECTIONS", "7"),
        ("MAIL__TRANSPORT", "smtp"),
        ("MAIL__SMTP_URL", "smtps://root:hunter2@mail.example.com"),
        ("HTTP__LISTEN", "127.0.0.1:1"),
        ("TOKENS__SESSION_SECONDS", "60"),
    ] {
        service.set(key, value);
    }
    let address = "192.0.2.1".parse().unwrap();
    assert!(!service.mailer.read().sends());
    let trouble = Arc::clone(&service.parts.trouble);
    let is_told = || {
        let now = Timestamp::from_unix_milliseconds(0);
        trouble.news("535", now).is_some()
    };
    assert_eq!([is_told(), is_told()], [true, false]);
    let changes = service.reload().unwrap();
    // Whoever has mended the wrong thing is told so.
    assert_eq!([is_told(), is_told()], [true, false]);
    assert_eq!(
        keys(&changes),
        [
            "http.trusted_proxies",
            "http.maximum_connections",
            "http.maximum_connections_per_address",
            "limits.login_inits_per_address",
            "log.level",
            "mail.transport",
            "mail.smtp_url",
        ]
    );
    assert_eq!(changes.wait, ["http.listen", "tokens.session_seconds"]);
    assert!(!format!("{changes:?}").contains("hunter2"), "{changes:?}");
    assert!(service.mailer.read().sends());
    let wanted = Log {
        level: "debug".to_owned(),
        ..Log::default()
    };
    let wanted = wanted.filter().unwrap().to_string();
    assert_eq!(*locked(&service.levels), [wanted]);
    assert_eq!(service.parts.trusted_proxies.read().len(), 1);
    let connections = service.parts.connections.read();
    assert_eq!((connections.maximum, connections.idle.as_secs()), (7, 2));
    assert_eq!(connections.maximum_per_address, 1);
    assert_eq!(connections.trusted_proxies.len(), 1);
    assert!(service.parts.throttle.count_login(address).is_ok());
    assert!(service.parts.throttle.count_login(address).is_err());
    drop(connections);

    // What waits for a restart is told each time, and what has changed once.
    let again = service.reload().unwrap();
    assert_eq!(keys(&again), Vec::<&str>::new());
    assert_eq!(again.wait, changes.wait);
}

#[test]
fn a_configuration_with_a_fault_changes_nothing() {
    let mut service = service();
    service.set("LIMITS__LOGIN_INITS_PER_ADDRESS", "1");
    service.set("LOG__LEVEL", "debug");
    service.set("HTTP__TRUSTED_PROXIES", "everybody");
    let error = service.reload().unwrap_err();
    assert!(error.contains("http.trusted_proxies"), "{error}");
    assert_eq!(service.reload.settings, Settings::default());
    assert!(locked(&service.levels).is_empty());
    let address = "192.0.2.1".parse().unwrap();
    for _ in 0..2 {
        assert!(service.parts.throttle.count_login(address).is_ok());
    }
}

#[test]
fn a_password_that_changes_is_a_change_and_is_not_shown() {
    let mut service = service();
    service.set("MAIL__TRANSPORT", "smtp");
    service.set("MAIL__SMTP_URL", "smtps://root:hunter2@mail.example.com");
    service.reload().unwrap();
    service.set("MAIL__SMTP_URL", "smtps://root:hunter3@mail.example.com");
    let changes = service.reload().unwrap();
    assert_eq!(keys(&changes), ["mail.smtp_url"]);
    assert!(!format!("{changes:?}").contains("hunter"), "{changes:?}");
}

#[test]
fn what_weakens_from_now_on_is_told_and_what_did_before_is_not() {
    let mut service = service();
    service.set("LIMITS__ENABLED", "false");
    let weaknesses = service.reload().unwrap().weaknesses;
    assert_eq!(weaknesses.len(), 1, "{weaknesses:?}");
    assert!(weaknesses[0].starts_with("limits.enabled"));
    service.set("LIMITS__LOGIN_INITS_PER_ADDRESS", "1");
    assert_eq!(service.reload().unwrap().weaknesses, Vec::<String>::new());
}

#[test]
fn a_mailer_and_a_log_of_somebody_elses_need_a_restart() {
    let mut service = service();
    service.reload.mailer = None;
    service.reload.level = None;
    service.set("MAIL__FROM", "a@example.com");
    service.set("LOG__LEVEL", "debug");
    let changes = service.reload().unwrap();
    assert_eq!(keys(&changes), Vec::<&str>::new());
    assert_eq!(changes.wait, ["log.level", "mail.from"]);
}

#[test]
fn the_file_that_tells_where_addresses_are_is_read_anew_if_one_was_configured() {
    let mut service = service();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    let write = |country| {
        let file = file_of(&[Place {
            network: "203.0.113.0",
            length: 24,
            city: None,
            country: Some(country),
        }]);
        std::fs::write(&path, file).unwrap();
    };
    service.set("LOCATION__PATH", path.to_str().unwrap());
    assert_eq!(service.reload().unwrap().wait, ["location.path"]);

    let live = Live::new(None);
    service.reload.atlas = Some(live.clone());
    let found = || live.locate("203.0.113.9".parse().unwrap());
    let error = service.reload().unwrap_err();
    assert!(error.starts_with("location.path: "), "{error}");
    write("Germany");
    assert_eq!(keys(&service.reload().unwrap()), ["location.path"]);
    assert_eq!(found().as_deref(), Some("Germany"));
    write("France");
    assert_eq!(keys(&service.reload().unwrap()), Vec::<&str>::new());
    assert_eq!(found().as_deref(), Some("France"));
    std::fs::write(&path, "").unwrap();
    service.reload().unwrap_err();
    assert_eq!(found().as_deref(), Some("France"));
}
