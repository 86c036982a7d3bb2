//! How many files the process may have open, each connection being one.

use tracing::warn;

use super::{ConnectionLimits, TURNED_AWAY};

/// Raises that as far as the system lets it, since what is usual serves a thousand connections and nothing
/// else; and warns when it is still less than these limits ask for.
pub(crate) fn raise_limit(limits: &ConnectionLimits) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(allowed) => {
            if let Some(shortage) = shortage(limits, allowed) {
                warn!("{shortage}");
            }
        }
        Err(error) => warn!(%error, "how many files may be open is not known"),
    }
}

/// What to tell when so many are too few.
fn shortage(limits: &ConnectionLimits, allowed: u64) -> Option<String> {
    let connections = limits.maximum;
    let needed = [connections, TURNED_AWAY, limits.other_files]
        .into_iter()
        .map(u64::from)
        .sum::<u64>();
    (allowed < needed).then(|| {
        format!(
            "http.maximum_connections is {connections}, which takes {needed} open files with those of the \
             database and others, and the system allows {allowed}: raise its limit (ulimit -n, \
             LimitNOFILE=), or lower http.maximum_connections"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_limit_below_what_connections_and_the_rest_need_is_told() {
        let limits = ConnectionLimits {
            maximum: 1000,
            maximum_per_address: 1000,
            trusted_proxies: Vec::new(),
            patience: Duration::ZERO,
            idle: Duration::ZERO,
            linger: Duration::ZERO,
            drain: Duration::ZERO,
            other_files: 36,
        };
        for allowed in [1100, u64::MAX] {
            assert_eq!(shortage(&limits, allowed), None);
        }
        for allowed in [0, 1024, 1099] {
            let said = shortage(&limits, allowed).unwrap();
            for part in [
                "http.maximum_connections is 1000",
                "1100",
                allowed.to_string().as_str(),
            ] {
                assert!(said.contains(part), "{said}");
            }
        }
    }
}
