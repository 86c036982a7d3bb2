//! Hosts: the one that a request asks for, and whether a URL of the configuration hides its own.

use url::Host;

/// A `Host` header (RFC 9110 §7.2), understood as a URL would be: letter case, a final dot and the default
/// port do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHost {
    host: Host,
    port: Option<u16>,
}

impl RequestHost {
    /// Reads the header; none when it is not a host with or without a port.
    pub fn parse(text: &str) -> Option<Self> {
        // What a URL would take for a user, a path or an escape is none of it.
        let is_plain = |symbol: char| symbol.is_ascii_alphanumeric() || ".-_:[]".contains(symbol);
        if !text.chars().all(is_plain) {
            return None;
        }
        let (name, port) = match text.rsplit_once(':') {
            // An address in brackets has colons of its own.
            Some((name, port)) if !port.ends_with(']') => (name, port),
            Some(_) | None => (text, ""),
        };
        let port = match port {
            "" => None,
            port => Some(port.parse().ok()?),
        };
        let host = Host::parse(name.strip_suffix('.').unwrap_or(name)).ok()?;
        Some(Self { host, port })
    }

    /// The origin of this host with that scheme, `https` or `http`, in the form browsers send.
    pub fn origin(&self, scheme: &str) -> String {
        let default = if scheme == "https" { 443 } else { 80 };
        match self.port.filter(|port| *port != default) {
            Some(port) => format!("{scheme}://{}:{port}", self.host),
            None => format!("{scheme}://{}", self.host),
        }
    }

    /// The domain name; none for an address.
    pub fn domain(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// Whether it means the machine that asks, whichever it is: `localhost`, a name below it, or an address
    /// of the loopback interface.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.to_canonical().is_loopback(),
        }
    }
}

/// Whether a URL seems to have a user and a password with a character that ends them before the host: then an
/// `@` stands where no host begins, and what was to be part of the password would be taken for a host.
pub fn needs_encoding(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(ends);
    let (behind, fragment) = behind.split_once('#').unwrap_or((behind, ""));
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let ends_in_no_port = match host.rsplit_once(':') {
        // An address in brackets has colons of its own.
        Some((_, port)) => !port.ends_with(']') && port.parse::<u16>().is_err(),
        None => false,
    };
    // A value in a query may well be an address.
    let mut parameters = query.split('&');
    let is_in_a_name = parameters.any(|one| one.split('=').next().is_some_and(has_at));
    has_at(path) || has_at(fragment) || is_in_a_name || (ends_in_no_port && has_at(query))
}

fn has_at(part: &str) -> bool {
    part.contains('@')
}

/// What to do about a URL that [`needs_encoding`].
pub const ENCODING_ADVICE: &str = "has a user or password with a character that must be written in \
     %-encoding: / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origins(text: &str) -> Option<[String; 2]> {
        let host = RequestHost::parse(text)?;
        Some(["https", "http"].map(|scheme| host.origin(scheme)))
    }

    #[test]
    fn a_password_that_ends_before_the_host_is_seen() {
        for (url, needs) in [
            ("postgres://root:pa/ss@host/db", true),
            ("postgres://root:1/2@host/db", true),
            ("postgres://root:pa#ss@host/db", true),
            ("postgres://root:pa?ss@host/db", true),
            ("postgres://root:pa?s=s@host/db", true),
            ("postgres://root:1?2@host/db", true),
            ("postgres://ro/ot@host/db", true),
            ("smtps://root:pa/ss@mail.example.com", true),
            ("postgres://root:p@ss/word@host/db", true),
            ("smtp://root:p@ss#word@mail.example.com:25", true),
            ("smtps://root:p@ss?word@mail.example.com", true),
            ("smtps://root:p@ss?w&or=d&word@mail.example.com", true),
            ("smtps://root:p@ss:word?a=b@mail.example.com", true),
            ("smtp://root:pa@ss?a=b#word@mail.example.com", true),
            ("postgres://root:pa%2Fss@host/db", false),
            ("postgres://root:p@ss@host/db", false),
            ("postgres://root:ss@host/db?application_name=a@b", false),
            ("postgres://root:ss@host:5432?application_name=a@b", false),
            ("postgres://root:ss@[::1]?application_name=a@b", false),
            ("postgres://host:5432/db", false),
            ("postgres:///db?host=/run&user=a@b", false),
            ("postgres://host:5432/db?user=a@b", false),
            ("postgres://[::1]/db?user=a@b", false),
            ("sqlite://data/latchkey.db", false),
            ("no url", false),
        ] {
            assert_eq!(needs_encoding(url), needs, "{url}");
        }
    }

    #[test]
    fn case_final_dot_and_default_port_do_not_matter() {
        for (text, https, http) in [
            (
                "app.example.com",
                "https://app.example.com",
                "http://app.example.com",
            ),
            (
                "APP.example.COM.",
                "https://app.example.com",
                "http://app.example.com",
            ),
            (
                "app.example.com:443",
                "https://app.example.com",
                "http://app.example.com:443",
            ),
            (
                "app.example.com.:80",
                "https://app.example.com:80",
                "http://app.example.com",
            ),
            (
                "app.example.com:",
                "https://app.example.com",
                "http://app.example.com",
            ),
            (
                "a.localhost:8080",
                "https://a.localhost:8080",
                "http://a.localhost:8080",
            ),
            ("[::1]:8080", "https://[::1]:8080", "http://[::1]:8080"),
            ("[::1]", "https://[::1]", "http://[::1]"),
        ] {
            assert_eq!(
                origins(text),
                Some([https.to_owned(), http.to_owned()]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_none() {
        for text in [
            "",
            ":",
            ".",
            ":443",
            "a/b",
            "x@a.example",
            "a.example:x",
            "a.example:65536",
            " a.example",
            "a.example?",
            "%61.example",
            "[::1",
            "a\\b",
            "é.example",
        ] {
            assert_eq!(RequestHost::parse(text), None, "{text}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for (text, expected) in [
            ("localhost", true),
            ("one.LOCALHOST:8080", true),
            ("127.0.0.1:8080", true),
            ("127.9.9.9", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost.example.com", false),
            ("notlocalhost", false),
            ("10.0.0.1", false),
            ("[2001:db8::1]", false),
        ] {
            let host = RequestHost::parse(text).unwrap();
            assert_eq!(host.is_loopback(), expected, "{text}");
        }
        let host = RequestHost::parse("One.example:1").unwrap();
        assert_eq!(host.domain(), Some("one.example"));
        assert_eq!(RequestHost::parse("10.0.0.1").unwrap().domain(), None);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            if let Some(host) = RequestHost::parse(&text) {
                let _ = host.origin("https");
            }
        }
    }
}
