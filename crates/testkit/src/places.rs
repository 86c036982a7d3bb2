//! Files that say where addresses are, in the form MaxMind DB (<https://maxmind.github.io/MaxMind-DB/>): as few bytes
//! of it as make one.

use std::net::IpAddr;

/// What such a file says of a network.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its first address.
    pub network: &'static str,
    /// How many bits of it are the network's.
    pub length: u32,
    /// The English name of a city.
    pub city: Option<&'static str>,
    /// The English name of a country.
    pub country: Option<&'static str>,
}

/// Where a node of the tree leads.
#[derive(Clone, Copy)]
enum Next {
    Nowhere,
    Node(usize),
    /// To data, by its offset.
    Data(usize),
}

/// A file that says these places, of networks none of which is in another one.
///
/// # Panics
/// When one has a network that is none, or a name of more than 28 bytes.
pub fn file_of(places: &[Place]) -> Vec<u8> {
    let mut nodes = vec![[Next::Nowhere; 2]];
    let mut data = Vec::new();
    for place in places {
        insert(&mut nodes, place, data.len());
        data.extend(record(place));
    }
    // Both records of a node have 24 bits; data is counted from behind the nodes, sixteen zeros included.
    let mut file = Vec::new();
    for next in nodes.iter().flatten() {
        let value = match *next {
            Next::Nowhere => nodes.len(),
            Next::Node(node) => node,
            Next::Data(offset) => nodes.len() + 16 + offset,
        };
        file.extend(number(value).to_be_bytes().iter().skip(1));
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        (
            "build_epoch",
            [vec![8, 2], 1_767_225_600_u64.to_be_bytes().to_vec()].concat(),
        ),
        ("database_type", text("Test-City")),
        ("description", map(&[("en", text("A test"))])),
        ("ip_version", short(6)),
        ("languages", [vec![1, 4], text("en")].concat()),
        (
            "node_count",
            [vec![0xc4], number(nodes.len()).to_be_bytes().to_vec()].concat(),
        ),
        ("record_size", short(24)),
    ]));
    file
}

/// Puts a network into the tree, where IPv4 is `::/96`.
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a case that names no network is wrong"
)]
fn insert(nodes: &mut Vec<[Next; 2]>, place: &Place, offset: usize) {
    let (bits, length) = match place.network.parse().unwrap() {
        IpAddr::V4(first) => (u128::from(first.to_bits()), 96 + place.length),
        IpAddr::V6(first) => (first.to_bits(), place.length),
    };
    let side = |depth: u32| usize::from((bits >> (128 - depth)) & 1 == 1);
    let mut node = 0;
    for depth in 1..length {
        node = if let Next::Node(next) = nodes[node][side(depth)] {
            next
        } else {
            let next = nodes.len();
            nodes.push([Next::Nowhere; 2]);
            nodes[node][side(depth)] = Next::Node(next);
            next
        };
    }
    nodes[node][side(length)] = Next::Data(offset);
}

/// What is said of a place, as GeoIP2 does.
fn record(place: &Place) -> Vec<u8> {
    let named = |name| map(&[("names", map(&[("en", text(name))]))]);
    let members = [("city", place.city), ("country", place.country)];
    let members: Vec<_> = members
        .into_iter()
        .filter_map(|(member, name)| Some((member, named(name?))))
        .collect();
    map(&members)
}

/// The first byte of a value has its type in three bits, and its length in five.
#[expect(clippy::expect_used, reason = "a case that says more is wrong")]
fn begin(kind: u8, length: usize) -> u8 {
    let length = u8::try_from(length).ok().filter(|length| *length < 29);
    (kind << 5) | length.expect("a length below 29")
}

fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![begin(7, members.len())];
    for (member, value) in members {
        bytes.extend(text(member));
        bytes.extend(value);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&[begin(2, text.len())], text.as_bytes()].concat()
}

fn short(value: u16) -> Vec<u8> {
    [&[begin(5, 2)][..], &value.to_be_bytes()].concat()
}

#[expect(clippy::expect_used, reason = "no case has so many")]
fn number(value: usize) -> u32 {
    u32::try_from(value).expect("a number of 32 bits")
}
