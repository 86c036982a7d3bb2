//! Who is connected, and who gives way when there is no room.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use latchkey_service::{live::Live, throttle::network};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::ConnectionLimits;

/// How often it is told that one and the same network is at its share, or that there is no room at all.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Its client has begun the head of a request, or has just connected, as of this moment.
    Head(Instant),
    /// Its client owes the body of a request whose head began at this moment; whoever takes the body bounds
    /// the time for it.
    Body(Instant),
    /// A request is being answered.
    Busy,
    /// Its client leaves an answer untouched, as of this moment; the stream bounds the time for it.
    Unread(Instant),
    /// It was answered, and its client may ask again.
    Idle(Instant),
}

impl Pace {
    /// Since when it waits for its client.
    const fn waiting_since(self) -> Option<Instant> {
        match self {
            Self::Head(since) | Self::Body(since) | Self::Unread(since) | Self::Idle(since) => {
                Some(since)
            }
            Self::Busy => None,
        }
    }
}

/// Whether a connection may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    /// As long as its client keeps the deadlines.
    Free,
    /// Until it has answered what it is asked: others want its place.
    OneAnswer,
    /// Until it waits for its client: others have its place.
    GivenAway,
}

#[derive(Clone, Copy, Debug)]
struct State {
    pace: Pace,
    stay: Stay,
}

/// The places for connections.
pub(super) struct Places {
    limits: Live<ConnectionLimits>,
    /// Whether they are for those who found no room, which was told there.
    is_for_turned_away: bool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By number, so the oldest comes first.
    taken: BTreeMap<u64, Taken>,
    next: u64,
    /// Those that have a share, while they have any connection.
    shares: HashMap<IpAddr, Share>,
    /// When it was last told that there is no room at all.
    told: Option<Instant>,
}

struct Taken {
    /// Whose share it is part of; a trusted proxy has none.
    network: Option<IpAddr>,
    pacer: Pacer,
}

#[derive(Default)]
struct Share {
    connections: u32,
    /// When it was last told that the share is used up.
    told: Option<Instant>,
}

impl Places {
    pub(super) fn new(limits: Live<ConnectionLimits>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            is_for_turned_away: false,
            table: Mutex::default(),
        })
    }

    /// The places of those who find no room by these limits, which was told there.
    pub(super) fn of_turned_away(limits: Live<ConnectionLimits>) -> Arc<Self> {
        Arc::new(Self {
            limits,
            is_for_turned_away: true,
            table: Mutex::default(),
        })
    }

    /// What holds at this moment.
    fn within<T>(&self, look: impl FnOnce(&ConnectionLimits) -> T) -> T {
        let limits = self.limits.read();
        if self.is_for_turned_away {
            look(&limits.of_turned_away())
        } else {
            look(&limits)
        }
    }

    /// A place for a connection of this peer; none when its share, or the whole, is used up by requests
    /// that are being answered. Before that, the connection that has waited longest gives way.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let (has_share, maximum, of_network) = self.within(|limits| {
            let has_share = has_share(&limits.trusted_proxies, peer);
            (has_share, limits.maximum, limits.maximum_per_address)
        });
        let network = has_share.then(|| network(peer));
        let mut table = self.lock();
        if let Some(network) = network
            && !table.has_room_in_share(network, of_network)
        {
            if !self.is_for_turned_away {
                table.tell_of_share(network);
            }
            if !table.make_room(|taken| taken.network == Some(network)) {
                return None;
            }
        }
        let is_full = u32::try_from(table.taken.len()).unwrap_or(u32::MAX) >= maximum;
        if is_full && !table.make_room(|_any| true) {
            if !self.is_for_turned_away {
                table.tell_of_no_room(maximum);
            }
            return None;
        }
        let number = table.next;
        table.next = number.wrapping_add(1);
        if let Some(network) = network {
            let share = table.shares.entry(network).or_default();
            share.connections = share.connections.saturating_add(1);
        }
        let pacer = Pacer::new();
        let taken = Taken {
            network,
            pacer: pacer.clone(),
        };
        table.taken.insert(number, taken);
        Some(Place {
            number,
            pacer,
            places: Arc::clone(self),
        })
    }

    /// Ends the connection that has waited longest, for when the system has no room for another.
    pub(super) fn make_room(&self) {
        self.lock().make_room(|_any| true);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All clients of a proxy come from one address.
fn has_share(trusted_proxies: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    let mut trusted = trusted_proxies.iter();
    !trusted.any(|network| network.contains(&peer))
}

/// Whether it is time to tell what was told then.
fn is_due(told: Option<Instant>, now: Instant) -> bool {
    told.is_none_or(|told| now.duration_since(told) >= WARNING_INTERVAL)
}

impl Table {
    /// Whether the network has less than its share.
    fn has_room_in_share(&self, network: IpAddr, maximum: u32) -> bool {
        let share = self.shares.get(&network);
        share.is_none_or(|share| share.connections < maximum)
    }

    /// Tells now and then that the network has its whole share.
    fn tell_of_share(&mut self, network: IpAddr) {
        let Some(share) = self.shares.get_mut(&network) else {
            return;
        };
        let now = Instant::now();
        if is_due(share.told, now) {
            share.told = Some(now);
            warn!(
                %network,
                connections = share.connections,
                "an address has its whole share of the connections \
                 (http.maximum_connections_per_address); if it is a reverse proxy, name it in \
                 http.trusted_proxies"
            );
        }
    }

    /// Tells now and then that all connections are being answered, so that nobody else finds room.
    fn tell_of_no_room(&mut self, maximum: u32) {
        let now = Instant::now();
        if is_due(self.told, now) {
            self.told = Some(now);
            warn!(
                maximum,
                "requests are being answered on all connections (http.maximum_connections), and further ones \
                 are refused with 503 until there is room"
            );
        }
    }

    /// Ends the one that has waited longest for its client among those who `may_leave`. When none of them
    /// waits, the oldest is to end with its present answer, which makes room for whoever comes later.
    fn make_room(&mut self, may_leave: impl Fn(&Taken) -> bool) -> bool {
        let longest = self
            .taken
            .iter()
            .filter(|(_, taken)| may_leave(taken))
            .filter_map(|(number, taken)| Some((taken.pacer.waiting_since()?, *number)))
            .min();
        if let Some((_, number)) = longest
            && let Some(taken) = self.taken.get(&number)
            && taken.pacer.give_away()
        {
            self.remove(number);
            return true;
        }
        let mut answering = self.taken.values().filter(|taken| may_leave(taken));
        answering.find(|taken| taken.pacer.want());
        false
    }

    fn remove(&mut self, number: u64) {
        let Some(taken) = self.taken.remove(&number) else {
            return;
        };
        let Some(network) = taken.network else {
            return;
        };
        if let Some(share) = self.shares.get_mut(&network) {
            share.connections = share.connections.saturating_sub(1);
            if share.connections == 0 {
                self.shares.remove(&network);
            }
        }
    }
}

/// The place of one connection; it is free again when this is dropped.
pub(super) struct Place {
    number: u64,
    pacer: Pacer,
    places: Arc<Places>,
}

impl Place {
    /// Tells what the connection is doing.
    pub(super) const fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// How long its client may take for the head of a request, and may leave an answer untouched.
    pub(super) fn patience(&self) -> Duration {
        self.places.within(|limits| limits.patience)
    }

    /// Completes when the connection is to end with what it is answering, if anything: others want its
    /// place, or its client took too long.
    pub(super) async fn is_over(&self) {
        let mut changes = self.pacer.0.subscribe();
        loop {
            let State { pace, stay } = *changes.borrow_and_update();
            if stay != Stay::Free {
                return;
            }
            let deadline = self.places.within(|limits| match pace {
                Pace::Head(since) => Some(since + limits.patience),
                Pace::Idle(since) => Some(since + limits.idle),
                Pace::Body(_) | Pace::Busy | Pace::Unread(_) => None,
            });
            let late = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // The sender is this place's own.
                _ = changes.changed() => {}
                () = late => return,
            }
        }
    }

    /// Completes when the connection is to be cut: it waits for its client, and others have its place.
    pub(super) async fn is_lost(&self) {
        let mut changes = self.pacer.0.subscribe();
        let is_lost = |state: &State| state.stay == Stay::GivenAway && state.pace != Pace::Busy;
        // The sender is this place's own.
        let _ = changes.wait_for(is_lost).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

/// Tells what a connection is doing.
#[derive(Clone)]
pub(super) struct Pacer(watch::Sender<State>);

impl Pacer {
    /// Of a client who has just connected.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State {
            pace: Pace::Head(Instant::now()),
            stay: Stay::Free,
        }))
    }

    /// Since when the connection waits for its client.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.0.borrow().pace.waiting_since()
    }

    /// Bytes have arrived: when none were expected, they begin a head.
    pub(super) fn hear(&self) {
        self.change(|pace| matches!(pace, Pace::Idle(_)).then(|| Pace::Head(Instant::now())));
    }

    /// The head of a request has arrived. It is being answered until the first is dropped; if it has a body,
    /// that is waited for, as long as the head was, until the second is dropped.
    pub(super) fn begin(&self, has_body: bool) -> (Answering, Option<Owed>) {
        self.change(|pace| {
            Some(if has_body {
                Pace::Body(pace.waiting_since().unwrap_or_else(Instant::now))
            } else {
                Pace::Busy
            })
        });
        let owed = has_body.then(|| Owed(self.clone()));
        (Answering(self.clone()), owed)
    }

    /// The client does not take what it is sent.
    pub(super) fn stall(&self) {
        self.change(|pace| (pace == Pace::Busy).then(|| Pace::Unread(Instant::now())));
    }

    /// The client takes what it is sent.
    pub(super) fn go_on(&self) {
        self.change(|pace| matches!(pace, Pace::Unread(_)).then_some(Pace::Busy));
    }

    fn change(&self, next: impl FnOnce(Pace) -> Option<Pace>) {
        self.0.send_if_modified(|state| {
            let next = next(state.pace);
            state.pace = next.unwrap_or(state.pace);
            next.is_some()
        });
    }

    /// Gives the place of a connection that waits for its client to another; whether it did.
    fn give_away(&self) -> bool {
        self.restrict(Stay::GivenAway, |state| state.pace != Pace::Busy)
    }

    /// Asks a connection that is being answered for its place; whether it was the first to.
    fn want(&self) -> bool {
        self.restrict(Stay::OneAnswer, |state| {
            state.pace == Pace::Busy && state.stay == Stay::Free
        })
    }

    fn restrict(&self, stay: Stay, may: impl FnOnce(State) -> bool) -> bool {
        self.0.send_if_modified(|state| {
            let may = may(*state);
            if may {
                state.stay = stay;
            }
            may
        })
    }
}

/// A request that is being answered.
pub(super) struct Answering(Pacer);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(|_| Some(Pace::Idle(Instant::now())));
    }
}

/// The body of a request, which has not arrived or is not wanted yet.
pub(super) struct Owed(Pacer);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0
            .change(|pace| matches!(pace, Pace::Body(_)).then_some(Pace::Busy));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::lifecycle::TURNED_AWAY_PER_ADDRESS;

    fn places(maximum: u32, maximum_per_address: u32) -> Arc<Places> {
        Places::new(limits(maximum, maximum_per_address).into())
    }

    fn limits(maximum: u32, maximum_per_address: u32) -> ConnectionLimits {
        ConnectionLimits {
            maximum,
            maximum_per_address,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            drain: Duration::from_secs(30),
            other_files: 0,
        }
    }

    fn take(places: &Arc<Places>, peer: &str) -> Option<Place> {
        places.take(peer.parse().unwrap())
    }

    /// Whether the connection is not to be cut at once.
    async fn is_kept(place: &Place) -> bool {
        timeout(Duration::ZERO, place.is_lost()).await.is_err()
    }

    /// Takes a place and has a request answered there.
    fn busy(places: &Arc<Places>, peer: &str) -> Option<(Place, Answering)> {
        let place = take(places, peer)?;
        let (answering, _no_body) = place.pacer().begin(false);
        Some((place, answering))
    }

    #[test]
    fn a_share_is_of_an_ipv4_address_or_an_ipv6_network() {
        let places = places(100, 2);
        let kept: Vec<_> = [
            "192.0.2.1",
            "::ffff:192.0.2.1",
            "2001:db8::1",
            "2001:db8::2",
        ]
        .map(|peer| busy(&places, peer).unwrap())
        .into();
        for (peer, has_room) in [
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8::3", false),
            ("2001:db8:0:1::3", true),
        ] {
            assert_eq!(take(&places, peer).is_some(), has_room, "{peer}");
        }
        drop(kept);
        assert!(take(&places, "192.0.2.1").is_some());
        assert!(places.lock().shares.is_empty());
        assert!(places.lock().taken.is_empty());
    }

    #[test]
    fn a_trusted_proxy_has_no_share_and_still_only_what_there_is() {
        let places = places(3, 1);
        let _kept: Vec<_> = (0..3).map(|_| busy(&places, "10.0.0.1").unwrap()).collect();
        assert!(take(&places, "10.0.0.1").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_that_is_used_up_is_told_once_a_minute() {
        let places = places(100, 1);
        let told = || {
            let network: IpAddr = "192.0.2.1".parse().unwrap();
            places
                .lock()
                .shares
                .get(&network)
                .and_then(|share| share.told)
        };
        let _kept = busy(&places, "192.0.2.1").unwrap();
        assert_eq!(told(), None);
        assert!(take(&places, "192.0.2.1").is_none());
        let first = told().unwrap();
        tokio::time::advance(WARNING_INTERVAL / 2).await;
        assert!(take(&places, "192.0.2.1").is_none());
        assert_eq!(told(), Some(first));
        tokio::time::advance(WARNING_INTERVAL / 2).await;
        assert!(take(&places, "192.0.2.1").is_none());
        assert_eq!(told(), Some(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_is_no_room_at_all_is_told_once_a_minute() {
        let places = places(1, 1);
        let told = || places.lock().told;
        let waiting = take(&places, "192.0.2.1").unwrap();
        let busy = busy(&places, "192.0.2.2").unwrap();
        assert_eq!(told(), None);
        assert!(take(&places, "192.0.2.3").is_none());
        let first = told().unwrap();
        tokio::time::advance(WARNING_INTERVAL / 2).await;
        assert!(take(&places, "192.0.2.3").is_none());
        assert_eq!(told(), Some(first));
        tokio::time::advance(WARNING_INTERVAL / 2).await;
        assert!(take(&places, "192.0.2.3").is_none());
        assert_eq!(told(), Some(Instant::now()));
        drop((waiting, busy));
    }

    #[test]
    fn limits_that_change_hold_for_whoever_comes_next() {
        let places = places(8, 1);
        let _kept = busy(&places, "192.0.2.1").unwrap();
        assert!(take(&places, "192.0.2.1").is_none());
        places.limits.change(limits(8, 2));
        let _further = busy(&places, "192.0.2.1").unwrap();
        assert!(take(&places, "192.0.2.1").is_none());
        places.limits.change(ConnectionLimits {
            trusted_proxies: vec!["192.0.2.0/24".parse().unwrap()],
            ..limits(8, 2)
        });
        assert!(take(&places, "192.0.2.1").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_longest_gives_way_within_a_share_and_in_the_whole() {
        let places = places(3, 2);
        let first = take(&places, "192.0.2.1").unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = take(&places, "192.0.2.2").unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let third = take(&places, "192.0.2.2").unwrap();
        let fourth = take(&places, "192.0.2.2").unwrap();
        second.is_lost().await;
        let _fifth = take(&places, "192.0.2.3").unwrap();
        first.is_lost().await;
        for kept in [&third, &fourth] {
            assert!(is_kept(kept).await);
        }
        assert_eq!(places.lock().taken.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_may_take_ten_seconds_and_an_idle_connection_is_kept_for_75() {
        let places = places(3, 3);
        let place = take(&places, "192.0.2.1").unwrap();
        let over_after = async || {
            let began = Instant::now();
            place.is_over().await;
            began.elapsed()
        };
        assert_eq!(over_after().await, Duration::from_secs(10));
        drop(place.pacer().begin(false));
        assert_eq!(over_after().await, Duration::from_secs(75));
        drop(place.pacer().begin(false));
        place.pacer().hear();
        assert_eq!(over_after().await, Duration::from_secs(10));
        // While a request is answered, or its body waited for, whatever arrives belongs to it, and other
        // deadlines hold.
        let (_answering, mut owed) = place.pacer().begin(true);
        for is_owed in [true, false] {
            place.pacer().hear();
            assert_eq!(place.pacer().waiting_since().is_some(), is_owed);
            let an_hour = Duration::from_hours(1);
            assert!(timeout(an_hour, place.is_over()).await.is_err());
            drop(owed.take());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_owes_a_body_gives_way_as_if_it_owed_the_head() {
        let places = places(3, 3);
        let mut kept = Vec::new();
        for _ in 0..3 {
            kept.push(take(&places, "192.0.2.1").unwrap());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        // The heads end in another order than they began.
        let bodies = [&kept[2], &kept[0]].map(|place| place.pacer().begin(true));
        let mut others = Vec::new();
        for (number, next) in [(0, "192.0.2.2"), (1, "192.0.2.3"), (2, "192.0.2.4")] {
            others.push(busy(&places, next).unwrap());
            kept[number].is_lost().await;
            for place in kept.iter().skip(number + 1) {
                assert!(is_kept(place).await);
            }
        }
        drop(bodies);
    }

    #[tokio::test(start_paused = true)]
    async fn whose_body_has_arrived_stays_until_it_is_answered() {
        let places = places(1, 1);
        let place = take(&places, "192.0.2.1").unwrap();
        let (answering, owed) = place.pacer().begin(true);
        drop(owed);
        assert!(take(&places, "192.0.2.2").is_none());
        place.is_over().await;
        assert!(is_kept(&place).await);
        // Who does not read what it is answered is waited for once more, wanted or not.
        place.pacer().stall();
        assert!(is_kept(&place).await);
        assert!(take(&places, "192.0.2.2").is_some());
        place.is_lost().await;
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_arrives_while_its_place_is_given_away_is_answered_unless_it_owes_a_body()
     {
        let places = places(2, 2);
        for has_body in [false, true] {
            let place = take(&places, "192.0.2.1").unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
            let _others = [(); 2].map(|()| busy(&places, "192.0.2.2").unwrap());
            let (answering, owed) = place.pacer().begin(has_body);
            place.is_over().await;
            assert_eq!(is_kept(&place).await, !has_body);
            drop((answering, owed));
            place.is_lost().await;
        }
    }

    #[test]
    fn one_network_does_not_keep_others_from_being_told_that_there_is_no_room() {
        let limits = limits(1, 1);
        let share = usize::try_from(TURNED_AWAY_PER_ADDRESS).unwrap();
        let turned_away = Places::of_turned_away(limits.into());
        let other = take(&turned_away, "192.0.2.1").unwrap();
        let silent: Vec<_> = (0..1000)
            .map(|_| take(&turned_away, "192.0.2.2").unwrap())
            .collect();
        assert_eq!(turned_away.lock().taken.len(), 1 + share);
        assert_eq!(other.pacer.0.borrow().stay, Stay::Free);
        drop(silent);
    }
}
