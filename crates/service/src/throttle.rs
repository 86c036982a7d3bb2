//! Limits on guessing, counted in bounded memory on each replica.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use latchkey_domain::{credential_code::CodeForm, policy::Limits, text::Username, time::Timestamp};

use crate::ports::clock::Clock;

const WINDOW: Duration = Duration::from_mins(1);

/// How many addresses and users are counted apart; beyond it, newcomers are counted together.
const MAXIMUM_KEYS: usize = 65_536;

/// How often a full table is searched for windows that have ended.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

/// Too many tries; the same call may be made again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; try again in {} seconds", retry_after.as_secs())]
pub struct Throttled {
    /// After how long a try is counted anew, in whole seconds and at least one.
    pub retry_after: Duration,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    CodesOf(IpAddr),
    CodesFor(String),
    CodesOfAll,
    LoginsOf(IpAddr),
    /// All that found no room of their own.
    Overflow,
}

/// Counts tries in windows of one minute that begin with the first try.
pub struct Throttle {
    limits: Limits,
    clock: Arc<dyn Clock>,
    windows: Mutex<Windows>,
}

/// A try that was counted before its outcome is known. Unless it is given back it stays counted.
#[must_use = "a successful try is given back"]
pub struct Reservation {
    keys: Vec<Key>,
}

/// Somebody trying a code of any kind.
pub struct CodeTry<'a> {
    /// From where.
    pub address: IpAddr,
    /// The form of what was entered.
    pub form: CodeForm,
    /// The user the code is said to be of.
    pub username: Option<&'a Username>,
}

impl Throttle {
    /// A throttle with nothing counted yet.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits,
            clock,
            windows: Mutex::new(Windows::default()),
        }
    }

    /// Counts a try of a code before it is looked up: every route that takes a code of any kind passes
    /// here. Over the limit of the installation only short codes without a username are refused, so
    /// that nobody can block all enrolment by guessing.
    ///
    /// # Errors
    /// [`Throttled`]; nothing is counted then.
    pub fn reserve_code(&self, attempt: &CodeTry<'_>) -> Result<Reservation, Throttled> {
        let by_address = (
            Key::CodesOf(network(attempt.address)),
            self.limits.wrong_codes_per_address,
        );
        let by_user = attempt.username.map(|username| {
            (
                Key::CodesFor(username.key()),
                self.limits.wrong_codes_per_user,
            )
        });
        let of_all = match (attempt.form, attempt.username) {
            (CodeForm::Short, None) => self.limits.wrong_codes_per_installation,
            (CodeForm::Short, Some(_)) | (CodeForm::Long, _) => u32::MAX,
        };
        self.reserve(
            [by_address]
                .into_iter()
                .chain(by_user)
                .chain([(Key::CodesOfAll, of_all)]),
        )
    }

    /// Counts the beginning of a sign-in.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn count_login(&self, address: IpAddr) -> Result<(), Throttled> {
        let limit = self.limits.login_inits_per_address;
        self.reserve([(Key::LoginsOf(network(address)), limit)])
            .map(|_counted| ())
    }

    /// Takes a try back, because it was a success.
    pub fn give_back(&self, reservation: Reservation) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for key in reservation.keys {
            windows.give_back(&key);
        }
    }

    fn reserve(
        &self,
        keys: impl IntoIterator<Item = (Key, u32)>,
    ) -> Result<Reservation, Throttled> {
        if !self.limits.enabled {
            return Ok(Reservation { keys: vec![] });
        }
        let now = self.clock.now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = keys
            .into_iter()
            .map(|(key, limit)| (windows.room_for(key, now), limit))
            .collect();
        for (key, limit) in &keys {
            if let Some(end) = windows.full(key, *limit, now) {
                let seconds = end.since(now).as_secs().saturating_add(1);
                return Err(Throttled {
                    retry_after: Duration::from_secs(seconds),
                });
            }
        }
        let keys: Vec<_> = keys.into_iter().map(|(key, _)| key).collect();
        for key in &keys {
            windows.count(key, now);
        }
        Ok(Reservation { keys })
    }
}

/// An IPv6 subscriber has a /64 at least, so the lower half of the address tells nothing.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[derive(Clone, Copy)]
struct Window {
    end: Timestamp,
    count: u32,
}

#[derive(Default)]
struct Windows {
    windows: HashMap<Key, Window>,
    /// When ended windows may be looked for again: a full table must not cost a walk a request.
    next_purge: Option<Timestamp>,
}

impl Windows {
    /// The key itself while there is room, else the one that all newcomers share. The count of the
    /// whole installation always has room.
    fn room_for(&mut self, key: Key, now: Timestamp) -> Key {
        if self.windows.len() < MAXIMUM_KEYS
            || self.windows.contains_key(&key)
            || key == Key::CodesOfAll
        {
            return key;
        }
        if self.next_purge.is_none_or(|next| next <= now) {
            self.windows.retain(|_, window| now < window.end);
            self.next_purge = Some(now.plus(PURGE_INTERVAL));
        }
        if self.windows.len() < MAXIMUM_KEYS {
            key
        } else {
            Key::Overflow
        }
    }

    /// When the present window ends, if it holds as many tries as the limit allows.
    fn full(&self, key: &Key, limit: u32, now: Timestamp) -> Option<Timestamp> {
        let window = self.windows.get(key).filter(|window| now < window.end)?;
        (window.count >= limit).then_some(window.end)
    }

    fn count(&mut self, key: &Key, now: Timestamp) {
        let fresh = Window {
            end: now.plus(WINDOW),
            count: 0,
        };
        let window = self.windows.entry(key.clone()).or_insert(fresh);
        if now >= window.end {
            *window = fresh;
        }
        window.count = window.count.saturating_add(1);
    }

    fn give_back(&mut self, key: &Key) {
        if let Some(window) = self.windows.get_mut(key) {
            window.count = window.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        sync::atomic::{AtomicI64, Ordering},
    };

    use super::*;
    use crate::ports::clock::MockClock;

    const START: i64 = 1_000_000;

    fn throttle_at(limits: Limits, now: Arc<AtomicI64>) -> Throttle {
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .returning(move || Timestamp::from_unix_milliseconds(now.load(Ordering::Relaxed)));
        Throttle::new(limits, Arc::new(clock))
    }

    fn throttle() -> Throttle {
        throttle_at(Limits::default(), Arc::new(AtomicI64::new(START)))
    }

    fn address(number: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, number, 1))
    }

    fn attempt(number: u8, form: CodeForm) -> CodeTry<'static> {
        CodeTry {
            address: address(number),
            form,
            username: None,
        }
    }

    #[test]
    fn the_eleventh_wrong_code_of_an_address_is_refused() {
        let throttle = throttle();
        for _ in 0..10 {
            assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_ok());
        }
        let refused = throttle
            .reserve_code(&attempt(1, CodeForm::Long))
            .err()
            .unwrap();
        assert_eq!(refused.retry_after, Duration::from_secs(61));
        assert!(throttle.reserve_code(&attempt(2, CodeForm::Short)).is_ok());
    }

    #[test]
    fn a_success_is_given_back() {
        let throttle = throttle();
        for _ in 0..1_000 {
            let reservation = throttle.reserve_code(&attempt(1, CodeForm::Short)).unwrap();
            throttle.give_back(reservation);
        }
        assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_ok());
    }

    #[test]
    fn a_window_ends_after_a_minute() {
        let now = Arc::new(AtomicI64::new(START));
        let throttle = throttle_at(Limits::default(), Arc::clone(&now));
        for _ in 0..10 {
            assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_ok());
        }
        now.store(START + 59_999, Ordering::Relaxed);
        assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_err());
        now.store(START + 60_000, Ordering::Relaxed);
        assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_ok());
    }

    #[test]
    fn over_the_installation_limit_only_short_codes_without_username_are_refused() {
        let throttle = throttle();
        for number in 0..30 {
            for _ in 0..10 {
                assert!(
                    throttle
                        .reserve_code(&attempt(number, CodeForm::Short))
                        .is_ok()
                );
            }
        }
        assert!(
            throttle
                .reserve_code(&attempt(99, CodeForm::Short))
                .is_err()
        );
        assert!(throttle.reserve_code(&attempt(99, CodeForm::Long)).is_ok());
        let username = Username::new("ada@example.com").unwrap();
        let known = CodeTry {
            username: Some(&username),
            ..attempt(98, CodeForm::Short)
        };
        for _ in 0..5 {
            assert!(throttle.reserve_code(&known).is_ok());
        }
        assert!(throttle.reserve_code(&known).is_err());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        let in_network = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, last));
        assert_eq!(network(in_network(1)), network(in_network(2)));
        assert_eq!(
            network("::ffff:10.0.0.1".parse().unwrap()),
            network("10.0.0.1".parse().unwrap())
        );
    }

    #[test]
    fn memory_is_bounded_and_newcomers_are_counted_together() {
        let throttle = throttle();
        for number in 0..70_000_u32 {
            let address = IpAddr::V4(Ipv4Addr::from(number));
            let _ = throttle.count_login(address);
        }
        assert!(throttle.windows.lock().unwrap().windows.len() <= MAXIMUM_KEYS + 2);
        assert!(
            throttle
                .count_login(IpAddr::V4(Ipv4Addr::from(80_000_u32)))
                .is_err()
        );
    }

    #[test]
    fn limits_can_be_switched_off() {
        let limits = Limits {
            enabled: false,
            ..Limits::default()
        };
        let throttle = throttle_at(limits, Arc::new(AtomicI64::new(START)));
        for _ in 0..100 {
            assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_ok());
        }
    }
}
