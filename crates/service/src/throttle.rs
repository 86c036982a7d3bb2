//! Limits on guessing and on what fills the database, counted in bounded memory on each replica.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use latchkey_domain::{
    account_code::AccountCodeKind,
    code_request,
    credential_code::{self, CodeDigest, CodeForm},
    id::{OrganizationId, SessionCodeId, UserId},
    policy::Limits,
    text::counted,
    time::Timestamp,
};
use tracing::warn;

use crate::{
    events::{Reason, Refusal},
    live::Live,
    network::shares,
    ports::clock::Clock,
};

/// How many addresses, or users, one limit counts apart.
const MAXIMUM_KEYS: usize = 65_536;

/// How many codes of a kind a user is mailed a day before they become rare.
const FREQUENT_MAILS: u32 = 30;

/// How often at most it is told that the whole installation is at its limit.
const TELLING: Duration = Duration::from_mins(1);

/// Too many tries; the same call may be made again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts; try again in {}", counted(retry_after.as_secs(), "second"))]
pub struct Throttled {
    /// After how long a try is counted anew, in whole seconds and at least one.
    pub retry_after: Duration,
}

/// Counts tries in windows that begin with the first try.
pub struct Throttle {
    limits: Live<Limits>,
    clock: Arc<dyn Clock>,
    /// What is counted is told by a hash that nobody else can compute, so that keys are of one size,
    /// whatever somebody calls himself, and cannot be made to collide.
    hasher: RandomState,
    counts: Mutex<Counts>,
}

/// One table a limit, so that a flood against one of them does not use up the room of another.
struct Counts {
    time: Monotonic,
    codes_by_address: Windows,
    codes_by_owner_and_address: Windows,
    codes_by_owner: Windows,
    codes_of_all: Windows,
    requests_by_address: Windows,
    requests_of_organization: Windows,
    /// The long codes of places, for as long as they may come to something.
    places: Windows,
    logins_by_address: Windows,
    login_completions_by_address: Windows,
    mails_by_address: Windows,
    mails_by_user: Windows,
    mails_by_user_and_day: Windows,
    actions_by_user: Windows,
    session_codes_by_user: Windows,
    uses_by_session_code: Windows,
    /// When it was last told that the whole installation is at its limit.
    told: Option<Duration>,
}

impl Default for Counts {
    fn default() -> Self {
        let minute = || Windows::of(Duration::from_mins(1));
        Self {
            time: Monotonic::default(),
            codes_by_address: minute(),
            codes_by_owner_and_address: minute(),
            codes_by_owner: minute(),
            codes_of_all: minute(),
            requests_by_address: minute(),
            requests_of_organization: minute(),
            places: Windows::of(
                code_request::LIFETIME.saturating_add(credential_code::MAXIMUM_LIFETIME),
            ),
            logins_by_address: minute(),
            login_completions_by_address: minute(),
            mails_by_address: minute(),
            mails_by_user: Windows::of(Duration::from_mins(10)),
            mails_by_user_and_day: Windows::of(Duration::from_hours(24)),
            actions_by_user: minute(),
            session_codes_by_user: minute(),
            uses_by_session_code: minute(),
            told: None,
        }
    }
}

/// One of the tables.
type Table = fn(&mut Counts) -> &mut Windows;

/// That so many are allowed in a window of that table, for whomever the key stands.
struct Rule {
    table: Table,
    key: u64,
    limit: u32,
}

/// What was counted before its outcome is known. Unless it is given back it stays counted.
#[derive(Default)]
#[must_use = "a successful try is given back"]
pub struct Reservation(Vec<Counted>);

/// Somebody trying a code that might be guessed.
pub struct CodeTry<'a> {
    /// From where.
    pub address: IpAddr,
    /// The form of what was entered.
    pub form: CodeForm,
    /// Of which kind it is, and whose it is said to be.
    pub owner: Owner<'a>,
}

/// Whose code somebody tries. Each kind of code is one of these, so that none is counted as another.
#[derive(Clone, Copy, Hash)]
pub enum Owner<'a> {
    /// Of an account code.
    Account(&'a OrganizationId, &'a str, AccountCodeKind),
    /// Of a credential code, which tells its organization only when it is right, and may be tried without a username.
    Credential(Option<&'a str>),
    /// Of a code request: the short one, which a user tries who is signed in.
    Request(&'a UserId),
    /// Of a code request: the long one, with which its place asks what has become of it.
    Place(&'a CodeDigest),
}

/// Which kind of code it is.
#[derive(Hash)]
enum Kind {
    Account(AccountCodeKind),
    Credential,
    Request,
    Place,
}

impl Owner<'_> {
    const fn kind(self) -> Kind {
        match self {
            Self::Account(_, _, kind) => Kind::Account(kind),
            Self::Credential(_) => Kind::Credential,
            Self::Request(_) => Kind::Request,
            Self::Place(_) => Kind::Place,
        }
    }
}

impl Throttle {
    /// A throttle with nothing counted yet.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits: limits.into(),
            clock,
            hasher: RandomState::new(),
            counts: Mutex::default(),
        }
    }

    /// Puts other limits into the place of these. What was counted stays counted.
    pub fn change_limits(&self, limits: Limits) {
        self.limits.change(limits);
    }

    /// Tries a code: it is counted before anybody asks whether it is right, and given back when it was, or when the
    /// service failed and nobody knows.
    ///
    /// # Errors
    /// [`Throttled`], and what `look_up` says.
    pub(crate) async fn try_code<T, E: Refusal + From<Throttled>>(
        &self,
        attempt: &CodeTry<'_>,
        look_up: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let reservation = self.reserve_code(attempt)?;
        let tried = look_up.await;
        let refused = tried.as_ref().err().map(Refusal::reason);
        if refused.is_none_or(Reason::is_failure) {
            self.give_back(reservation);
        }
        tried
    }

    /// Counts a try of a code before it is looked up: every route that has to ask the database whether a code is
    /// right passes here. (A session code is known to be ours without, and is counted by
    /// [`count_session_code_use`](Self::count_session_code_use) then.) Each kind of code is counted apart, so that
    /// who mistypes one can still use another. Codes that are too long to be guessed are counted by address alone;
    /// short ones by owner too, where one is named, else against the limit of the installation. What an owner is
    /// tried for at one address uses up nothing at another, up to a number that no address reaches alone. A place that
    /// is known is never refused, whatever others do who have its address.
    ///
    /// # Errors
    /// [`Throttled`]; nothing is counted then.
    pub fn reserve_code(&self, attempt: &CodeTry<'_>) -> Result<Reservation, Throttled> {
        if let Owner::Place(code) = attempt.owner
            && self.knows_place(code)
        {
            return Ok(Reservation::default());
        }
        let limits = self.limits.read();
        let mut rules = self.by_address(
            |counts| &mut counts.codes_by_address,
            attempt.owner.kind(),
            attempt.address,
            limits.wrong_codes_per_address,
            limits.wrong_codes_per_installation,
        );
        match (attempt.form, attempt.owner) {
            (CodeForm::Long, _) | (CodeForm::Short, Owner::Place(_)) => {}
            (CodeForm::Short, Owner::Credential(None)) => rules.push(Rule {
                table: |counts| &mut counts.codes_of_all,
                key: 0,
                limit: limits.wrong_codes_per_installation,
            }),
            (CodeForm::Short, owner) => {
                let anywhere = limits.wrong_codes_per_user_anywhere;
                rules.extend(self.by_address(
                    |counts| &mut counts.codes_by_owner_and_address,
                    owner,
                    attempt.address,
                    limits.wrong_codes_per_user,
                    anywhere,
                ));
                rules.push(Rule {
                    table: |counts| &mut counts.codes_by_owner,
                    key: self.key(owner),
                    limit: anywhere,
                });
            }
        }
        let reserved = self.reserve(rules);
        if reserved.is_err() {
            self.tell_if_nobody_may_try(limits.wrong_codes_per_installation);
        }
        reserved
    }

    /// Knows that this is the long code of a place, from when it was given or turned out to be right.
    pub(crate) fn know_place(&self, code: &CodeDigest) {
        let counts = &mut *self.lock();
        let now = counts.time.at(self.clock.now());
        counts.places.count(self.key(code), now);
    }

    fn knows_place(&self, code: &CodeDigest) -> bool {
        let counts = &mut *self.lock();
        let now = counts.time.at(self.clock.now());
        counts.places.count_of(self.key(code), now) > 0
    }

    /// Tells now and then that short codes without a username are refused wherever they come from.
    fn tell_if_nobody_may_try(&self, limit: u32) {
        let counts = &mut *self.lock();
        let now = counts.time.at(self.clock.now());
        let is_full = counts.codes_of_all.admit(0, limit, now).is_err();
        let told = counts.told;
        if is_full && told.is_none_or(|told| now.saturating_sub(told) >= TELLING) {
            counts.told = Some(now);
            warn!(
                limit,
                "the whole installation is at its limit of wrong short codes a minute \
                 (limits.wrong_codes_per_installation): somebody is guessing, and short codes without a \
                 username are refused to everybody until the minute is over"
            );
        }
    }

    /// Counts a request for a code that a place opens, since it fills the database: by address, and by organization
    /// from all addresses together.
    ///
    /// # Errors
    /// [`Throttled`]; nothing is counted then.
    pub fn count_code_request(
        &self,
        address: IpAddr,
        organization: &OrganizationId,
    ) -> Result<(), Throttled> {
        let limits = self.limits.read();
        let anywhere = limits.wrong_codes_per_user_anywhere;
        let mut rules = self.by_address(
            |counts| &mut counts.requests_by_address,
            (),
            address,
            limits.wrong_codes_per_address,
            anywhere,
        );
        rules.push(Rule {
            table: |counts| &mut counts.requests_of_organization,
            key: self.key(organization),
            limit: anywhere,
        });
        self.reserve(rules).map(|_counted| ())
    }

    /// Counts the beginning of a sign-in.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn count_login(&self, address: IpAddr) -> Result<(), Throttled> {
        self.count_login_in(|counts| &mut counts.logins_by_address, address)
    }

    /// Counts the completion of a sign-in apart, by the same limit: each needs a beginning anyway.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn count_login_completion(&self, address: IpAddr) -> Result<(), Throttled> {
        self.count_login_in(|counts| &mut counts.login_completions_by_address, address)
    }

    fn count_login_in(&self, table: Table, address: IpAddr) -> Result<(), Throttled> {
        let limit = self.limits.read().login_inits_per_address;
        let rules = self.by_address(table, (), address, limit, u32::MAX);
        self.reserve(rules).map(|_counted| ())
    }

    /// Counts a user action that a user signs, until it is [given back](Self::give_back).
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn reserve_action(&self, user: &UserId) -> Result<Reservation, Throttled> {
        self.reserve_action_within(user, self.limits.read().user_actions_per_user)
    }

    /// The same within the first half of what the user may sign.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn reserve_action_early(&self, user: &UserId) -> Result<Reservation, Throttled> {
        self.reserve_action_within(user, self.limits.read().user_actions_per_user / 2)
    }

    fn reserve_action_within(&self, user: &UserId, limit: u32) -> Result<Reservation, Throttled> {
        let rule = Rule {
            table: |counts| &mut counts.actions_by_user,
            key: self.key(user),
            limit,
        };
        self.reserve(vec![rule])
    }

    /// Counts a session code that a user's session is put into, by the limit of user actions and apart from them: a
    /// page hands over about as often as it has something signed.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn count_session_code(&self, user: &UserId) -> Result<(), Throttled> {
        let rule = Rule {
            table: |counts| &mut counts.session_codes_by_user,
            key: self.key(user),
            limit: self.limits.read().user_actions_per_user,
        };
        self.reserve(vec![rule]).map(|_counted| ())
    }

    /// Counts the use of a session code that is ours and answered by its verifier, before a database is asked. It is
    /// counted by the code, so that nobody uses up what somebody else has, wherever the call comes from.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn count_session_code_use(&self, code: &SessionCodeId) -> Result<(), Throttled> {
        let rule = Rule {
            table: |counts| &mut counts.uses_by_session_code,
            key: self.key(code),
            limit: self.limits.read().wrong_codes_per_address,
        };
        self.reserve(vec![rule]).map(|_counted| ())
    }

    /// Counts a code that is about to be mailed to a user who can use it; what comes to nothing is given
    /// back. Beyond thirty a day of a kind a user is mailed one in ten minutes.
    ///
    /// # Errors
    /// [`Throttled`]; nothing is counted then.
    pub fn reserve_mail(
        &self,
        address: IpAddr,
        user: &UserId,
        kind: AccountCodeKind,
    ) -> Result<Reservation, Throttled> {
        let limits = self.limits.read();
        let key = self.key((user, kind));
        let mailed = {
            let mut counts = self.lock();
            let now = counts.time.at(self.clock.now());
            counts.mails_by_user_and_day.count_of(key, now)
        };
        let mut rules = self.by_address(
            |counts| &mut counts.mails_by_address,
            (),
            address,
            limits.mailed_codes_per_address,
            u32::MAX,
        );
        rules.extend([
            Rule {
                table: |counts| &mut counts.mails_by_user,
                key,
                limit: match mailed {
                    ..FREQUENT_MAILS => limits.mailed_codes_per_user,
                    FREQUENT_MAILS.. => 1,
                },
            },
            Rule {
                table: |counts| &mut counts.mails_by_user_and_day,
                key,
                limit: u32::MAX,
            },
        ]);
        self.reserve(rules)
    }

    /// Takes back what was counted: a try that was a success, or a mail that was none.
    pub fn give_back(&self, reservation: Reservation) {
        let mut counts = self.lock();
        for counted in reservation.0 {
            (counted.table)(&mut counts).give_back(&counted);
        }
    }

    /// The rules for an address and the wider networks it is in, where one address is allowed `limit` of the `whole`
    /// that all together are; `counted` is what is counted apart at each.
    fn by_address(
        &self,
        table: Table,
        counted: impl Hash,
        address: IpAddr,
        limit: u32,
        whole: u32,
    ) -> Vec<Rule> {
        shares(address, limit, whole)
            .map(|(network, limit)| Rule {
                table,
                key: self.key((&counted, network)),
                limit,
            })
            .collect()
    }

    /// Counts where every rule admits it.
    fn reserve(&self, rules: Vec<Rule>) -> Result<Reservation, Throttled> {
        if !self.limits.read().enabled {
            return Ok(Reservation::default());
        }
        let counts = &mut *self.lock();
        let now = counts.time.at(self.clock.now());
        for Rule { table, key, limit } in &rules {
            table(counts).admit(*key, *limit, now)?;
        }
        let counted = rules.into_iter().map(|Rule { table, key, .. }| Counted {
            table,
            key,
            end: table(counts).count(key, now),
        });
        Ok(Reservation(counted.collect()))
    }

    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much time has passed. A clock that is set back makes it stand for a moment, and prolongs nothing.
#[derive(Default)]
struct Monotonic {
    last: Option<Timestamp>,
    passed: Duration,
}

impl Monotonic {
    fn at(&mut self, now: Timestamp) -> Duration {
        let last = self.last.replace(now).unwrap_or(now);
        self.passed = self.passed.saturating_add(now.since(last));
        self.passed
    }
}

/// What was counted, and in which window.
struct Counted {
    table: Table,
    key: u64,
    end: Duration,
}

#[derive(Clone, Copy)]
struct Window {
    end: Duration,
    count: u32,
}

/// Windows of one length. Whoever comes new has one of their own at any time: when there is no room, the
/// window goes that would end next, so who is crowded out is whoever came first, by as many others.
struct Windows {
    length: Duration,
    open: HashMap<u64, Window>,
    /// The keys of all windows as they began, which is as they end.
    order: VecDeque<u64>,
}

impl Windows {
    fn of(length: Duration) -> Self {
        Self {
            length,
            open: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Forgets the windows that have ended.
    fn forget(&mut self, now: Duration) {
        while let Some(key) = self.order.front()
            && self.open.get(key).is_none_or(|oldest| oldest.end <= now)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(key) = self.order.pop_front() {
            self.open.remove(&key);
        }
    }

    /// How much the present window holds.
    fn count_of(&mut self, key: u64, now: Duration) -> u32 {
        self.forget(now);
        self.open.get(&key).map_or(0, |window| window.count)
    }

    /// Refuses when the present window holds as much as the limit allows.
    fn admit(&mut self, key: u64, limit: u32, now: Duration) -> Result<(), Throttled> {
        self.forget(now);
        match self.open.get(&key).filter(|window| window.count >= limit) {
            Some(full) => {
                let seconds = full.end.saturating_sub(now).as_secs().saturating_add(1);
                Err(Throttled {
                    retry_after: Duration::from_secs(seconds),
                })
            }
            None => Ok(()),
        }
    }

    /// Counts one more, and gives the end of the window.
    fn count(&mut self, key: u64, now: Duration) -> Duration {
        if !self.open.contains_key(&key) {
            if self.open.len() >= MAXIMUM_KEYS {
                self.drop_oldest();
            }
            self.order.push_back(key);
        }
        let window = self.open.entry(key).or_insert(Window {
            end: now.saturating_add(self.length),
            count: 0,
        });
        window.count = window.count.saturating_add(1);
        window.end
    }

    /// Takes one back from the window it was counted in, while that is the present one.
    fn give_back(&mut self, counted: &Counted) {
        if let Some(window) = self
            .open
            .get_mut(&counted.key)
            .filter(|window| window.end == counted.end)
        {
            window.count = window.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests;
