//! What a client would rather have: a page or JSON, and in which language.

use axum::http::{
    HeaderMap,
    header::{ACCEPT, HeaderName},
};

/// The values of a header that is a list, which may be on several lines (RFC 9110 §5.3).
pub(crate) fn lines(headers: &HeaderMap, name: HeaderName) -> String {
    let lines = headers.get_all(name).iter();
    let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    lines.join(",")
}

/// Whether these headers prefer a page.
pub(crate) fn header_prefers_page(headers: &HeaderMap) -> bool {
    prefers_page(&lines(headers, ACCEPT))
}

/// Whether the value of `Accept` (RFC 9110 §12.5.1) prefers HTML to JSON. Browsers that open an address do;
/// who says nothing, or takes anything, is a program.
fn prefers_page(accept: &str) -> bool {
    quality(accept, "text", "html") > quality(accept, "application", "json")
}

/// The weight of a media type, between 0 and 1: that of the most specific range it is in.
fn quality(accept: &str, kind: &str, subtype: &str) -> f32 {
    let weights = accept.split(',').filter_map(|range| {
        let (range, weight) = weighted(range)?;
        let (of_kind, of_subtype) = range.split_once('/')?;
        let precision = match (of_kind, of_subtype) {
            ("*", "*") => 0,
            (name, "*") if name.eq_ignore_ascii_case(kind) => 1,
            (name, rest)
                if name.eq_ignore_ascii_case(kind) && rest.eq_ignore_ascii_case(subtype) =>
            {
                2
            }
            _ => return None,
        };
        Some((precision, weight))
    });
    weights
        .max_by(|(one, _), (other, _)| one.cmp(other))
        .map_or(0.0, |(_, weight)| weight)
}

/// What a member of such a list names, and its weight, between 0 and 1 (RFC 9110 §12.4.2).
pub(crate) fn weighted(member: &str) -> Option<(&str, f32)> {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next()?;
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    Some((name, weight.map_or(Some(1.0), weighed)?))
}

fn weighed(text: &str) -> Option<f32> {
    let weight: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&weight).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_that_opens_an_address_prefers_a_page() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,\
             */*;q=0.8,application/signed-exchange;v=b3;q=0.7",
            "text/html",
            "TEXT/HTML",
            "text/*",
            "*/*;q=0.1, text/html;q=0.2",
            "application/json;q=0.5, text/html;charset=utf-8",
            "application/json; q=0, */*",
        ] {
            assert!(prefers_page(accept), "{accept}");
        }
    }

    #[test]
    fn a_program_gets_json() {
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/*",
            "application/json, text/html",
            "application/json, text/plain, */*",
            "text/html;q=0.5, application/json",
            "text/html;q=0, */*",
            "text/html;q=0",
            "text/html;q=7",
            "text/html;q=x",
            "text/html;q=NaN",
            "text/plain",
            "html",
            ",;/",
        ] {
            assert!(!prefers_page(accept), "{accept}");
        }
    }
}
