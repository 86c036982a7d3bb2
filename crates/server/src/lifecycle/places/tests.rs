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
        linger: Duration::ZERO,
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
fn who_has_many_addresses_of_one_network_takes_half_of_the_places_at_most() {
    let places = places(16, 4);
    let taken = |networks: [u16; 8]| {
        let peers = networks.map(|number| format!("2001:db8:0:{number:x}::1"));
        let each = peers.iter().flat_map(|peer| [peer; 4]);
        each.filter_map(|peer| busy(&places, peer))
            .collect::<Vec<_>>()
    };
    let of_56 = taken([0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(of_56.len(), 8);
    // Nor does any other /56 of the same /48 find room.
    assert_eq!(
        taken([1, 2, 3, 4, 5, 6, 7, 8].map(|number| number << 8)).len(),
        0
    );
    assert!(take(&places, "2001:db8:1::1").is_some());
    drop(of_56);
    assert!(places.lock().shares.is_empty());
}

#[test]
fn a_trusted_proxy_has_no_share_and_still_only_what_there_is() {
    let places = places(3, 1);
    let _kept: Vec<_> = (0..3).map(|_| busy(&places, "10.0.0.1").unwrap()).collect();
    assert!(take(&places, "10.0.0.1").is_none());
}

/// Whatever network it is, and although those that have no connection left are forgotten.
#[tokio::test(start_paused = true)]
async fn a_share_that_is_used_up_is_told_once_a_minute() {
    let places = places(100, 1);
    let use_up = |peer| {
        let _kept = busy(&places, peer).unwrap();
        assert!(take(&places, peer).is_none());
        places.lock().told_of_share.unwrap()
    };
    assert_eq!(places.lock().told_of_share, None);
    let first = use_up("192.0.2.1");
    tokio::time::advance(WARNING_INTERVAL / 2).await;
    for peer in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(use_up(peer), first);
    }
    tokio::time::advance(WARNING_INTERVAL / 2).await;
    assert_eq!(use_up("192.0.2.2"), Instant::now());
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

#[tokio::test(start_paused = true)]
async fn that_no_connection_can_be_accepted_is_told_once_a_minute_and_one_gives_way_each_time() {
    let places = places(8, 8);
    let fail = || places.none_is_accepted(&io::ErrorKind::OutOfMemory.into());
    let told = || places.lock().told_of_system;
    let waiting = [(); 3].map(|()| take(&places, "192.0.2.1").unwrap());
    fail();
    let first = told().unwrap();
    tokio::time::advance(WARNING_INTERVAL / 2).await;
    fail();
    assert_eq!(told(), Some(first));
    tokio::time::advance(WARNING_INTERVAL / 2).await;
    fail();
    assert_eq!(told(), Some(Instant::now()));
    for place in waiting {
        place.is_lost().await;
    }
}

#[tokio::test]
async fn what_is_beyond_limits_that_were_lowered_gives_way_to_whoever_comes_next() {
    for (maximum, of_network) in [(3, 8), (8, 3)] {
        let places = places(8, 8);
        let waiting: Vec<_> = (0..6)
            .map(|_| take(&places, "192.0.2.1").unwrap())
            .collect();
        let busy = busy(&places, "192.0.2.1").unwrap();
        places.limits.change(limits(maximum, of_network));
        let _next = take(&places, "192.0.2.1").unwrap();
        assert_eq!(places.lock().taken.len(), 3);
        for (number, place) in waiting.iter().enumerate() {
            assert_eq!(is_kept(place).await, number == 5);
        }
        assert!(is_kept(&busy.0).await);
    }
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
    // Nor does it lose the place for an earlier answer that it does not read.
    place.pacer().stall();
    assert!(take(&places, "192.0.2.2").is_none());
    // Who does not read what it is answered is waited for once more, wanted or not.
    answering.send();
    place.pacer().stall();
    assert!(is_kept(&place).await);
    assert!(take(&places, "192.0.2.2").is_some());
    place.is_lost().await;
    drop(answering);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_arrives_while_its_place_is_given_away_is_answered_unless_it_owes_a_body() {
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
