//! Who is connected, and who gives way when there is no room.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use latchkey_service::{live::Live, network::shares};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::ConnectionLimits;

/// How often it is told that a network is at its share, that there is no room at all, or that no connection can be
/// accepted.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// How many connections give way to one that comes, at most, where limits were lowered: to look for each takes a
/// moment in which nobody else is let in.
const SURPLUS: u32 = 32;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Its client has begun the head of a request, or has just connected, as of this moment.
    Head(Instant),
    /// Its client owes the body of a request whose head began at this moment; whoever takes the body bounds
    /// the time for it.
    Body(Instant),
    /// The service works on a request.
    Busy,
    /// Its answer is being sent.
    Sending,
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
            Self::Busy | Self::Sending => None,
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

impl State {
    /// Whether the connection waits for its client.
    const fn waits(self) -> bool {
        self.pace.waiting_since().is_some()
    }
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
    /// How many connections those have that have a share, while they have any.
    shares: HashMap<IpNet, u32>,
    /// When it was last told that a network has its whole share.
    told_of_share: Option<Instant>,
    /// When it was last told that there is no room at all.
    told: Option<Instant>,
    /// When it was last told that the system accepts no connection.
    told_of_system: Option<Instant>,
}

struct Taken {
    /// Whose shares it is part of; a trusted proxy has none.
    networks: Vec<IpNet>,
    pacer: Pacer,
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
    /// that are being answered. Before that, the connection that has waited longest gives way, and as many more as are
    /// there beyond limits that were lowered.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let (maximum, shares) = self.within(|limits| {
            let ConnectionLimits {
                maximum,
                maximum_per_address,
                ..
            } = *limits;
            let mut of_peer = vec![];
            if has_share(&limits.trusted_proxies, peer) {
                of_peer.extend(shares(peer, maximum_per_address, maximum));
            }
            (maximum, of_peer)
        });
        let mut table = self.lock();
        for &(network, share) in &shares {
            for _surplus in 0..SURPLUS {
                if table.has_room_in_share(network, share) {
                    break;
                }
                if !self.is_for_turned_away {
                    table.tell_of_share(network);
                }
                if !table.make_room(|taken| taken.networks.contains(&network)) {
                    return None;
                }
            }
        }
        for _surplus in 0..SURPLUS {
            if table.has_room(maximum) {
                break;
            }
            if !table.make_room(|_any| true) {
                if !self.is_for_turned_away {
                    table.tell_of_no_room(maximum);
                }
                return None;
            }
        }
        let number = table.next;
        table.next = number.wrapping_add(1);
        let networks: Vec<_> = shares
            .into_iter()
            .map(|(network, _share)| network)
            .collect();
        for network in &networks {
            let connections = table.shares.entry(*network).or_default();
            *connections = connections.saturating_add(1);
        }
        let pacer = Pacer::new();
        let taken = Taken {
            networks,
            pacer: pacer.clone(),
        };
        table.taken.insert(number, taken);
        Some(Place {
            number,
            pacer,
            places: Arc::clone(self),
        })
    }

    /// The system accepts no connection, as when it has no room for another: ends the one that has waited longest.
    pub(super) fn none_is_accepted(&self, error: &io::Error) {
        let mut table = self.lock();
        table.tell_of_system(error);
        table.make_room(|_any| true);
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
    /// Whether there are fewer than may be.
    fn has_room(&self, maximum: u32) -> bool {
        u32::try_from(self.taken.len()).is_ok_and(|taken| taken < maximum)
    }

    /// Whether the network has less than its share.
    fn has_room_in_share(&self, network: IpNet, maximum: u32) -> bool {
        let connections = self.shares.get(&network);
        connections.is_none_or(|connections| *connections < maximum)
    }

    /// Tells now and then that a network has its whole share: one of them, however many come and go.
    fn tell_of_share(&mut self, network: IpNet) {
        let now = Instant::now();
        if is_due(self.told_of_share, now) {
            self.told_of_share = Some(now);
            warn!(
                %network,
                connections = self.shares.get(&network),
                "a network has its whole share of the connections \
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

    /// Tells now and then that the system accepts no connection; it is asked ten times a second.
    fn tell_of_system(&mut self, error: &io::Error) {
        let now = Instant::now();
        if is_due(self.told_of_system, now) {
            self.told_of_system = Some(now);
            warn!(%error, "no connection can be accepted");
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
        for network in taken.networks {
            if let Some(connections) = self.shares.get_mut(&network) {
                *connections = connections.saturating_sub(1);
                if *connections == 0 {
                    self.shares.remove(&network);
                }
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

    /// How long its connection is kept after the signal to stop.
    pub(super) fn linger(&self) -> Duration {
        self.places.within(|limits| limits.linger)
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
                Pace::Body(_) | Pace::Busy | Pace::Sending | Pace::Unread(_) => None,
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
        let is_lost = |state: &State| state.stay == Stay::GivenAway && state.waits();
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

    /// The client does not take what it is sent. While the service works on its next request, nobody else may have
    /// the place all the same.
    pub(super) fn stall(&self) {
        self.change(|pace| (pace == Pace::Sending).then(|| Pace::Unread(Instant::now())));
    }

    /// The client takes what it is sent.
    pub(super) fn go_on(&self) {
        self.change(|pace| matches!(pace, Pace::Unread(_)).then_some(Pace::Sending));
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
        self.restrict(Stay::GivenAway, State::waits)
    }

    /// Asks a connection that is being answered for its place; whether it was the first to.
    fn want(&self) -> bool {
        self.restrict(Stay::OneAnswer, |state| {
            !state.waits() && state.stay == Stay::Free
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

impl Answering {
    /// The service has given the answer, which is to be sent.
    pub(super) fn send(&self) {
        self.0.change(|_| Some(Pace::Sending));
    }
}

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
mod tests;
