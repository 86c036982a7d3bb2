//! Limits on guessing, counted in bounded memory on each replica.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use latchkey_domain::{credential_code::CodeForm, policy::Limits, text::Username, time::Timestamp};

use crate::ports::clock::Clock;

const WINDOW: Duration = Duration::from_mins(1);

/// How many addresses, or users, one limit counts apart.
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

/// Counts tries in windows of one minute that begin with the first try.
pub(crate) struct Throttle {
    limits: Limits,
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

/// One table a limit, so that a flood against one of them does not use up the room of another.
#[derive(Default)]
struct Counts {
    codes_by_address: Windows<IpAddr>,
    codes_by_user: Windows<String>,
    codes_of_all: Windows<()>,
    logins_by_address: Windows<IpAddr>,
    login_completions_by_address: Windows<IpAddr>,
    mailed_by_address: Windows<IpAddr>,
    mailed_by_user: Windows<String>,
}

/// A try that was counted before its outcome is known. Unless it is given back it stays counted.
#[derive(Default)]
#[must_use = "a successful try is given back"]
pub(crate) struct Reservation {
    by_address: Option<Counted<IpAddr>>,
    by_user: Option<Counted<String>>,
    of_all: Option<Counted<()>>,
}

/// Somebody trying a code of any kind.
pub(crate) struct CodeTry<'a> {
    /// From where.
    pub(crate) address: IpAddr,
    /// The form of what was entered.
    pub(crate) form: CodeForm,
    /// The user the code is said to be of.
    pub(crate) username: Option<&'a Username>,
}

impl Throttle {
    /// A throttle with nothing counted yet.
    pub(crate) fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits,
            clock,
            counts: Mutex::default(),
        }
    }

    /// Counts a try of a code before it is looked up: every route that takes a code of any kind passes
    /// here. Over the limit of the installation only short codes without a username are refused, and
    /// when there is no room to count an address long codes pass uncounted, so that nobody can block
    /// all enrolment.
    ///
    /// # Errors
    /// [`Throttled`]; nothing is counted then.
    pub(crate) fn reserve_code(&self, attempt: &CodeTry<'_>) -> Result<Reservation, Throttled> {
        if !self.limits.enabled {
            return Ok(Reservation::default());
        }
        let now = self.clock.now();
        let mut counts = self.lock();
        let is_long = attempt.form == CodeForm::Long;
        let by_address = counts
            .codes_by_address
            .room_for(network(attempt.address), now)
            .or_shared(!is_long);
        let by_user = attempt.username.and_then(|user| {
            counts
                .codes_by_user
                .room_for(user.key(), now)
                .or_shared(true)
        });
        let of_all_limit = match (attempt.form, attempt.username) {
            (CodeForm::Short, None) => self.limits.wrong_codes_per_installation,
            (CodeForm::Short, Some(_)) | (CodeForm::Long, _) => u32::MAX,
        };
        counts.codes_by_address.admit(
            by_address.as_ref(),
            self.limits.wrong_codes_per_address,
            now,
        )?;
        counts
            .codes_by_user
            .admit(by_user.as_ref(), self.limits.wrong_codes_per_user, now)?;
        counts
            .codes_of_all
            .admit(Some(&Slot::Own(())), of_all_limit, now)?;
        Ok(Reservation {
            by_address: by_address.map(|slot| counts.codes_by_address.count(slot, now)),
            by_user: by_user.map(|slot| counts.codes_by_user.count(slot, now)),
            of_all: Some(counts.codes_of_all.count(Slot::Own(()), now)),
        })
    }

    /// Counts the beginning of a sign-in. When there is no room to count an address it passes: the
    /// limit makes finding out who is there slow, and must not lock anybody out.
    ///
    /// # Errors
    /// [`Throttled`].
    pub(crate) fn count_login(&self, address: IpAddr) -> Result<(), Throttled> {
        self.count_login_among(|counts| &mut counts.logins_by_address, address)
    }

    /// Counts the completion of a sign-in apart, by the same limit: each needs a beginning anyway.
    ///
    /// # Errors
    /// [`Throttled`].
    pub(crate) fn count_login_completion(&self, address: IpAddr) -> Result<(), Throttled> {
        self.count_login_among(|counts| &mut counts.login_completions_by_address, address)
    }

    fn count_login_among(
        &self,
        choose: fn(&mut Counts) -> &mut Windows<IpAddr>,
        address: IpAddr,
    ) -> Result<(), Throttled> {
        if !self.limits.enabled {
            return Ok(());
        }
        let now = self.clock.now();
        let mut counts = self.lock();
        let windows = choose(&mut counts);
        if let Some(slot) = windows.room_for(network(address), now).or_shared(false) {
            windows.admit(Some(&slot), self.limits.login_inits_per_address, now)?;
            windows.count(slot, now);
        }
        Ok(())
    }

    /// Counts a request that a user be mailed a code, whether there is such a user or not. When there is
    /// no room, newcomers are counted together: nobody is locked out for want of a mail.
    ///
    /// # Errors
    /// [`Throttled`]; nothing is counted then.
    pub(crate) fn count_mailed_code(
        &self,
        address: IpAddr,
        username: &Username,
    ) -> Result<(), Throttled> {
        if !self.limits.enabled {
            return Ok(());
        }
        let now = self.clock.now();
        let counts = &mut *self.lock();
        let by_address = counts.mailed_by_address.room_for(network(address), now);
        let by_user = counts.mailed_by_user.room_for(username.key(), now);
        counts.mailed_by_address.admit(
            Some(&by_address),
            self.limits.mailed_codes_per_address,
            now,
        )?;
        counts
            .mailed_by_user
            .admit(Some(&by_user), self.limits.mailed_codes_per_user, now)?;
        counts.mailed_by_address.count(by_address, now);
        counts.mailed_by_user.count(by_user, now);
        Ok(())
    }

    /// Takes a try back, because it was a success.
    pub(crate) fn give_back(&self, reservation: Reservation) {
        let mut counts = self.lock();
        counts.codes_by_address.give_back(reservation.by_address);
        counts.codes_by_user.give_back(reservation.by_user);
        counts.codes_of_all.give_back(reservation.of_all);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted as one address: an IPv4 address or an IPv6 /64. An IPv6 subscriber has a /64 at least, so
/// the lower half of the address tells nothing.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// Where a try is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Slot<K> {
    /// In a window of its own.
    Own(K),
    /// In the one window of all for whom there is no room.
    Shared,
}

impl<K> Slot<K> {
    /// This slot, unless it is the shared one and sharing is not wanted.
    fn or_shared(self, sharing: bool) -> Option<Self> {
        match self {
            Self::Own(key) => Some(Self::Own(key)),
            Self::Shared => sharing.then_some(Self::Shared),
        }
    }
}

/// A try that was counted, and in which window.
struct Counted<K> {
    slot: Slot<K>,
    end: Timestamp,
}

#[derive(Clone, Copy)]
struct Window {
    end: Timestamp,
    count: u32,
}

struct Windows<K> {
    windows: HashMap<Slot<K>, Window>,
    /// When ended windows may be looked for again: a full table must not cost a walk a request.
    next_purge: Option<Timestamp>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Self {
            windows: HashMap::new(),
            next_purge: None,
        }
    }
}

impl<K: Clone + Eq + Hash> Windows<K> {
    /// A slot of its own while there is room, else the shared one.
    fn room_for(&mut self, key: K, now: Timestamp) -> Slot<K> {
        let slot = Slot::Own(key);
        if self.windows.len() < MAXIMUM_KEYS || self.windows.contains_key(&slot) {
            return slot;
        }
        if self.next_purge.is_none_or(|next| next <= now) {
            self.windows.retain(|_, window| now < window.end);
            self.next_purge = Some(now.plus(PURGE_INTERVAL));
        }
        if self.windows.len() < MAXIMUM_KEYS {
            slot
        } else {
            Slot::Shared
        }
    }

    /// Refuses when the present window holds as many tries as the limit allows.
    fn admit(&self, slot: Option<&Slot<K>>, limit: u32, now: Timestamp) -> Result<(), Throttled> {
        let present = slot.and_then(|slot| self.windows.get(slot));
        match present.filter(|window| now < window.end && window.count >= limit) {
            Some(full) => {
                let seconds = full.end.since(now).as_secs().saturating_add(1);
                Err(Throttled {
                    retry_after: Duration::from_secs(seconds),
                })
            }
            None => Ok(()),
        }
    }

    fn count(&mut self, slot: Slot<K>, now: Timestamp) -> Counted<K> {
        let fresh = Window {
            end: now.plus(WINDOW),
            count: 0,
        };
        let window = self.windows.entry(slot.clone()).or_insert(fresh);
        if now >= window.end {
            *window = fresh;
        }
        window.count = window.count.saturating_add(1);
        Counted {
            slot,
            end: window.end,
        }
    }

    /// Takes a try back from the window it was counted in, while that is the present one.
    fn give_back(&mut self, counted: Option<Counted<K>>) {
        let Some(Counted { slot, end }) = counted else {
            return;
        };
        if let Some(window) = self
            .windows
            .get_mut(&slot)
            .filter(|window| window.end == end)
        {
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
        let next = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 3, 3, 4, 5, 1));
        assert_ne!(network(in_network(1)), network(next));
    }

    #[test]
    fn a_success_is_given_back_to_its_own_window_only() {
        let now = Arc::new(AtomicI64::new(START));
        let throttle = throttle_at(Limits::default(), Arc::clone(&now));
        let slow = throttle.reserve_code(&attempt(1, CodeForm::Short)).unwrap();
        now.store(START + 60_000, Ordering::Relaxed);
        for _ in 0..10 {
            assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_ok());
        }
        throttle.give_back(slow);
        assert!(throttle.reserve_code(&attempt(1, CodeForm::Short)).is_err());
    }

    #[test]
    fn memory_is_bounded_and_newcomers_are_counted_together() {
        let throttle = throttle();
        let from = |number: u32, form| CodeTry {
            address: IpAddr::V4(Ipv4Addr::from(number)),
            form,
            username: None,
        };
        for number in 0..70_000 {
            assert!(throttle.reserve_code(&from(number, CodeForm::Long)).is_ok());
            assert!(
                throttle
                    .count_login(from(number, CodeForm::Long).address)
                    .is_ok()
            );
        }
        {
            let counts = throttle.lock();
            assert_eq!(counts.codes_by_address.windows.len(), MAXIMUM_KEYS);
            assert_eq!(counts.logins_by_address.windows.len(), MAXIMUM_KEYS);
        }
        let username = Username::new("ada@example.com").unwrap();
        let shared = |number| {
            let attempt = CodeTry {
                username: Some(&username),
                ..from(number, CodeForm::Short)
            };
            throttle
                .reserve_code(&attempt)
                .map(|reservation| reservation.by_address.is_some())
        };
        for number in 80_000..80_005 {
            assert_eq!(shared(number), Ok(true));
        }
        assert!(throttle.reserve_code(&from(80_006, CodeForm::Long)).is_ok());
        assert_eq!(
            throttle.lock().codes_by_address.windows.len(),
            MAXIMUM_KEYS + 1
        );
    }

    #[test]
    fn mailed_codes_are_limited_by_user_and_by_address() {
        let throttle = throttle();
        let user = |number| Username::new(format!("user{number}@example.com")).unwrap();
        for number in [1, 2] {
            assert!(
                throttle
                    .count_mailed_code(address(number), &user(1))
                    .is_ok()
            );
        }
        assert!(throttle.count_mailed_code(address(3), &user(1)).is_err());
        for number in 10..20 {
            assert!(
                throttle
                    .count_mailed_code(address(4), &user(number))
                    .is_ok()
            );
        }
        assert!(throttle.count_mailed_code(address(4), &user(99)).is_err());
        assert!(throttle.count_mailed_code(address(5), &user(99)).is_ok());
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
