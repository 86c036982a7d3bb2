//! Who is counted as one, by address.

use std::{iter::once, net::IpAddr};

use ipnet::IpNet;

/// Wider networks of IPv6 by their prefixes, each of which one customer may have, and how many times as much as one
/// address each may have.
const WIDER: [(u8, u32); 2] = [(56, 3), (48, 6)];

/// What is counted as one address: an IPv4 address or an IPv6 /64. An IPv6 subscriber has a /64 at least, so
/// the lower half of the address tells nothing.
pub fn network(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address.into(),
        address @ IpAddr::V6(_) => IpNet::new_assert(address, 64).trunc(),
    }
}

/// The networks that an address counts for, and how much each may have, where one address may have `limit` of the
/// `whole` that there is for all. A wider network has more than an address, and half of the whole at most, so that
/// no customer alone shuts out all others.
pub fn shares(address: IpAddr, limit: u32, whole: u32) -> impl Iterator<Item = (IpNet, u32)> {
    let narrow = network(address);
    let most = limit.max(whole / 2);
    let wider: &[_] = match narrow {
        IpNet::V4(_) => &[],
        IpNet::V6(_) => &WIDER,
    };
    let wider = wider.iter().map(move |&(prefix, times)| {
        let network = IpNet::new_assert(narrow.addr(), prefix).trunc();
        (network, limit.saturating_mul(times).min(most))
    });
    once((narrow, limit)).chain(wider)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares_of(address: &str, limit: u32, whole: u32) -> Vec<(String, u32)> {
        let shares = shares(address.parse().unwrap(), limit, whole);
        let named = shares.map(|(network, share)| (network.to_string(), share));
        named.collect()
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one() {
        let network = |text: &str| network(text.parse().unwrap());
        let one = network("2001:db8:1:2:3:4:5:1");
        assert_eq!(one, network("2001:db8:1:2:3:4:5:2"));
        assert_ne!(one, network("2001:db8:1:3:3:4:5:1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }

    #[test]
    fn wider_networks_have_more_and_never_the_whole() {
        let of = |shares: [(&str, u32); 3]| shares.map(|(network, share)| (network.into(), share));
        let networks = [
            "2001:db8:1:1234::/64",
            "2001:db8:1:1200::/56",
            "2001:db8:1::/48",
        ];
        for (limit, whole, expected) in [
            (10, u32::MAX, [10, 30, 60]),
            (10, 300, [10, 30, 60]),
            (256, 1_024, [256, 512, 512]),
            // One address may have the whole where it is said so.
            (8, 8, [8, 8, 8]),
        ] {
            let expected: [_; 3] = std::array::from_fn(|index| (networks[index], expected[index]));
            assert_eq!(shares_of("2001:db8:1:1234::1", limit, whole), of(expected));
        }
        assert_eq!(
            shares_of("::ffff:192.0.2.1", 10, 300),
            [("192.0.2.1/32".into(), 10)]
        );
    }
}
