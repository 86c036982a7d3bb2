//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, header::ORIGIN, request::Parts},
};
use ipnet::IpNet;
use latchkey_service::directory::Caller;

use crate::{error::ApiError, state::AppState};

const APPLICATION: HeaderName = HeaderName::from_static("x-dfns-appid");

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from, as the use cases see it. Whoever serves the router puts the peer's
/// address into the request as `ConnectInfo<SocketAddr>`.
pub(crate) struct Client(pub(crate) Caller);

impl FromRequestParts<AppState> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let ConnectInfo(peer) = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .ok_or_else(|| ApiError::internal("the server does not tell the peer's address"))?;
        let trusted = state.settings.trusted_proxies.read();
        tell_of_forwarding(peer.ip(), &parts.headers, &trusted, state);
        Ok(Self(Caller {
            origin: origin(&parts.headers),
            application: application(&parts.headers),
            address: address(peer.ip(), &parts.headers, &trusted),
        }))
    }
}

/// Tells once, and again when others are trusted, that somebody forwards requests without being trusted. It may be
/// anybody, but if it is the proxy, all clients share what one address may do, which nobody would notice until it is
/// used up.
fn tell_of_forwarding(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet], state: &AppState) {
    let peer = peer.to_canonical();
    if headers.contains_key(FORWARDED_FOR)
        && !is_trusted(trusted, peer)
        && state.told_of_forwarding.read().as_deref() != Some(trusted)
    {
        state.told_of_forwarding.change(Some(trusted.to_vec()));
        tracing::warn!(
            %peer,
            "a request came with X-Forwarded-For from an address that http.trusted_proxies does not name: if it \
             is a proxy of yours, name it, since until then all its clients count as one"
        );
    }
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The `Origin` header as received. Several of them are one that nobody lists.
pub(crate) fn origin(headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(ORIGIN)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The application a legacy client names; a malformed name is as good as none.
fn application(headers: &HeaderMap) -> Option<latchkey_domain::id::ApplicationId> {
    headers.get(APPLICATION)?.to_str().ok()?.parse().ok()
}

/// The address of the client: the peer's, or, when the peer is a trusted proxy, the right-most
/// forwarded one that is not itself a trusted proxy. What stands left of it, anybody can write.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    // Each entry is read by itself: bytes that a client has put further left must not hide what the
    // proxy has added.
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let entries = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for entry in entries.rev() {
        if !is_trusted(trusted, nearest) {
            break;
        }
        let entry = std::str::from_utf8(entry).unwrap_or_default();
        let Some(forwarded) = parse_address(entry.trim()) else {
            break;
        };
        nearest = forwarded.to_canonical();
    }
    nearest
}

/// Some proxies add a port, and brackets around an IPv6 address.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    const PROXIES: &[&str] = &["10.0.0.0/8", "fd00::/8"];

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"], PROXIES), "192.0.2.1");
    }

    #[test]
    fn the_right_most_untrusted_entry_counts() {
        assert_eq!(
            seen(
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.7, 10.0.0.2"],
                PROXIES
            ),
            "198.51.100.7"
        );
        assert_eq!(
            seen("10.0.0.1", &["203.0.113.9", "198.51.100.7"], PROXIES),
            "198.51.100.7"
        );
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], PROXIES), "203.0.113.9");
    }

    #[test]
    fn when_all_are_trusted_the_left_most_counts() {
        assert_eq!(
            seen("10.0.0.1", &["10.0.0.3, 10.0.0.2"], PROXIES),
            "10.0.0.3"
        );
        assert_eq!(seen("10.0.0.1", &[], PROXIES), "10.0.0.1");
    }

    #[test]
    fn an_entry_that_cannot_be_read_ends_the_search() {
        assert_eq!(
            seen("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"], PROXIES),
            "10.0.0.2"
        );
        assert_eq!(seen("10.0.0.1", &["203.0.113.9,"], PROXIES), "10.0.0.1");
    }

    #[test]
    fn bytes_further_left_do_not_hide_what_the_proxy_added() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"\xff, 203.0.113.9").unwrap();
        headers.append(FORWARDED_FOR, value);
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let seen = address("10.0.0.1".parse().unwrap(), &headers, &trusted);
        assert_eq!(seen.to_string(), "203.0.113.9");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        for (entry, address) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(seen("10.0.0.1", &[entry], PROXIES), address);
        }
        assert_eq!(
            seen("::ffff:10.0.0.1", &["203.0.113.9"], PROXIES),
            "203.0.113.9"
        );
    }

    #[test]
    fn several_origins_are_one_that_nobody_lists() {
        let mut headers = HeaderMap::new();
        assert_eq!(origin(&headers), None);
        headers.append(ORIGIN, HeaderValue::from_static("https://a.example"));
        assert_eq!(origin(&headers).as_deref(), Some("https://a.example"));
        headers.append(ORIGIN, HeaderValue::from_static("https://b.example"));
        assert_eq!(
            origin(&headers).as_deref(),
            Some("https://a.example, https://b.example")
        );
    }

    #[test]
    fn a_malformed_application_id_is_ignored() {
        let mut headers = HeaderMap::new();
        for value in [&b"rubbish"[..], b"\xff"] {
            headers.insert(APPLICATION, HeaderValue::from_bytes(value).unwrap());
            assert_eq!(application(&headers), None);
        }
        let id = HeaderValue::from_static("ap-6b58p-r53sr-rlrd3l5cj3uc4ome");
        headers.insert(APPLICATION, id);
        assert!(application(&headers).is_some());
    }

    proptest! {
        #[test]
        fn any_header_is_answered(bytes in prop::collection::vec(0x20_u8..=0xff, 0..80)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.append(FORWARDED_FOR, value.clone());
                headers.append(ORIGIN, value.clone());
                headers.append(APPLICATION, value);
            }
            let trusted: Vec<IpNet> = vec!["0.0.0.0/0".parse().unwrap()];
            let _ = address("10.0.0.1".parse().unwrap(), &headers, &trusted);
            let _ = origin(&headers);
            let _ = application(&headers);
        }
    }
}
