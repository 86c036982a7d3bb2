//! Who is connected, and who gives way when there is no room.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use latchkey_service::throttle::network;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::ConnectionLimits;

/// How often it is told that one and the same network is at its share.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Its client has begun the head of a request, or has just connected, as of this moment.
    Head(Instant),
    /// It was answered, and its client may ask again.
    Idle(Instant),
    /// A request is being answered.
    Busy,
    /// It is to end as soon as it has answered what it is asked.
    Leaving,
}

impl Pace {
    /// Since when no request is being answered.
    const fn waiting_since(self) -> Option<Instant> {
        match self {
            Self::Head(since) | Self::Idle(since) => Some(since),
            Self::Busy | Self::Leaving => None,
        }
    }
}

/// The places for connections.
pub(super) struct Places {
    limits: ConnectionLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By number, so the oldest comes first.
    taken: BTreeMap<u64, Taken>,
    next: u64,
    /// Those that have a share, while they have any connection.
    shares: HashMap<IpAddr, Share>,
}

struct Taken {
    /// Whose share it is part of; a trusted proxy has none.
    network: Option<IpAddr>,
    pace: watch::Sender<Pace>,
}

#[derive(Default)]
struct Share {
    connections: u32,
    /// When it was last told that the share is used up.
    told: Option<Instant>,
}

impl Places {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            table: Mutex::default(),
        })
    }

    /// A place for a connection of this peer; none when its share, or the whole, is used up by requests
    /// that are being answered. Before that, the connection that has waited longest gives way.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let network = self.has_share(peer).then(|| network(peer));
        let mut table = self.lock();
        if let Some(network) = network
            && !table.has_room_in_share(network, self.limits.maximum_per_address)
            && !table.make_room(|taken| taken.network == Some(network))
        {
            return None;
        }
        let is_full = u32::try_from(table.taken.len()).unwrap_or(u32::MAX) >= self.limits.maximum;
        if is_full && !table.make_room(|_any| true) {
            return None;
        }
        let number = table.next;
        table.next = number.wrapping_add(1);
        if let Some(network) = network {
            let share = table.shares.entry(network).or_default();
            share.connections = share.connections.saturating_add(1);
        }
        let pace = watch::Sender::new(Pace::Head(Instant::now()));
        let taken = Taken {
            network,
            pace: pace.clone(),
        };
        table.taken.insert(number, taken);
        Some(Place {
            number,
            pace,
            places: Arc::clone(self),
        })
    }

    /// Ends the connection that has waited longest, for when the system has no room for another.
    pub(super) fn make_room(&self) {
        self.lock().make_room(|_any| true);
    }

    /// All clients of a proxy come from one address.
    fn has_share(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let mut trusted = self.limits.trusted_proxies.iter();
        !trusted.any(|network| network.contains(&peer))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Whether the network has less than its share; if not, it is told now and then.
    fn has_room_in_share(&mut self, network: IpAddr, maximum: u32) -> bool {
        let Some(share) = self.shares.get_mut(&network) else {
            return true;
        };
        if share.connections < maximum {
            return true;
        }
        let now = Instant::now();
        if share
            .told
            .is_none_or(|told| now.duration_since(told) >= WARNING_INTERVAL)
        {
            share.told = Some(now);
            warn!(
                %network,
                connections = share.connections,
                "an address has its whole share of the connections \
                 (http.maximum_connections_per_address); if it is a reverse proxy, name it in \
                 http.trusted_proxies"
            );
        }
        false
    }

    /// Ends the one that has waited longest among those who `may_leave`. When none of them waits, the
    /// oldest is to end with its present answer, which makes room for whoever comes later.
    fn make_room(&mut self, may_leave: impl Fn(&Taken) -> bool) -> bool {
        let longest = self
            .taken
            .iter()
            .filter(|(_, taken)| may_leave(taken))
            .filter_map(|(number, taken)| Some((taken.pace.borrow().waiting_since()?, *number)))
            .min();
        if let Some((_, number)) = longest
            && let Some(taken) = self.taken.get(&number)
            && leave(&taken.pace, |pace| pace.waiting_since().is_some())
        {
            self.remove(number);
            return true;
        }
        let mut answering = self.taken.values().filter(|taken| may_leave(taken));
        answering.find(|taken| leave(&taken.pace, |pace| pace == Pace::Busy));
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

/// Tells a connection to end if it is as expected, and whether it is.
fn leave(pace: &watch::Sender<Pace>, expected: impl FnOnce(Pace) -> bool) -> bool {
    pace.send_if_modified(|pace| {
        let is_expected = expected(*pace);
        if is_expected {
            *pace = Pace::Leaving;
        }
        is_expected
    })
}

/// The place of one connection; it is free again when this is dropped.
pub(super) struct Place {
    number: u64,
    pace: watch::Sender<Pace>,
    places: Arc<Places>,
}

impl Place {
    /// Tells what the connection is doing.
    pub(super) fn pacer(&self) -> Pacer {
        Pacer(self.pace.clone())
    }

    /// Completes when the connection is to end: others need its place, or its client took too long.
    pub(super) async fn is_over(&self) {
        let mut changes = self.pace.subscribe();
        loop {
            let pace = *changes.borrow_and_update();
            let limits = &self.places.limits;
            let deadline = match pace {
                Pace::Head(since) => Some(since + limits.patience),
                Pace::Idle(since) => Some(since + limits.idle),
                Pace::Busy => None,
                Pace::Leaving => return,
            };
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
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(self.number);
    }
}

/// Tells what a connection is doing.
#[derive(Clone)]
pub(super) struct Pacer(watch::Sender<Pace>);

impl Pacer {
    /// Bytes have arrived: when none were expected, they begin a head.
    pub(super) fn hear(&self) {
        self.change(|pace| matches!(pace, Pace::Idle(_)).then(|| Pace::Head(Instant::now())));
    }

    /// A request is being answered until what is given is dropped.
    pub(super) fn begin(&self) -> Answering {
        self.change(|_| Some(Pace::Busy));
        Answering(self.clone())
    }

    /// Whoever is to leave stays so.
    fn change(&self, next: impl FnOnce(Pace) -> Option<Pace>) {
        self.0.send_if_modified(|pace| {
            if *pace == Pace::Leaving {
                return false;
            }
            let Some(next) = next(*pace) else {
                return false;
            };
            *pace = next;
            true
        });
    }
}

/// A request that is being answered.
pub(super) struct Answering(Pacer);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(|_| Some(Pace::Idle(Instant::now())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(maximum: u32, maximum_per_address: u32) -> Arc<Places> {
        Places::new(ConnectionLimits {
            maximum,
            maximum_per_address,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            drain: Duration::from_secs(30),
        })
    }

    fn take(places: &Arc<Places>, peer: &str) -> Option<Place> {
        places.take(peer.parse().unwrap())
    }

    /// Takes a place and has a request answered there.
    fn busy(places: &Arc<Places>, peer: &str) -> Option<(Place, Answering)> {
        let place = take(places, peer)?;
        let answering = place.pacer().begin();
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
    async fn who_waits_longest_gives_way_within_a_share_and_in_the_whole() {
        let places = places(3, 2);
        let first = take(&places, "192.0.2.1").unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = take(&places, "192.0.2.2").unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let third = take(&places, "192.0.2.2").unwrap();
        let fourth = take(&places, "192.0.2.2").unwrap();
        second.is_over().await;
        let _fifth = take(&places, "192.0.2.3").unwrap();
        first.is_over().await;
        for kept in [&third, &fourth] {
            assert!(kept.pace.borrow().waiting_since().is_some());
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
        drop(place.pacer().begin());
        assert_eq!(over_after().await, Duration::from_secs(75));
        drop(place.pacer().begin());
        place.pacer().hear();
        assert_eq!(over_after().await, Duration::from_secs(10));
        // While a request is answered, whatever arrives belongs to it, and other deadlines hold.
        let _answering = place.pacer().begin();
        place.pacer().hear();
        assert_eq!(*place.pace.borrow(), Pace::Busy);
        let an_hour = Duration::from_hours(1);
        assert!(
            tokio::time::timeout(an_hour, place.is_over())
                .await
                .is_err()
        );
    }
}
