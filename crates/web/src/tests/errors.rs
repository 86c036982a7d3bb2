//! What people read when the service refuses: every code has words, or no page meets it.

use super::*;

/// What no page meets, and why.
const NOT_MET: [(&str, &str); 16] = [
    ("invalid_path", "pages name paths of the service alone"),
    ("invalid_host", "browsers name one host"),
    ("invalid_body", "pages send one JSON object"),
    ("organization_required", "pages name the organization"),
    (
        "not_authorized",
        "the session has ended, and the first page says so",
    ),
    ("not_found", "pages name paths of the service alone"),
    ("user_not_found", "for administration, which has no page"),
    (
        "method_not_allowed",
        "pages use the methods of the description",
    ),
    ("body_timeout", "what pages send is a few kilobytes"),
    ("user_exists", "for administration, which has no page"),
    ("external_id_taken", "for administration, which has no page"),
    (
        "last_administrator",
        "for administration, which has no page",
    ),
    ("body_too_large", "what pages send is a few kilobytes"),
    ("unsupported_media_type", "pages send JSON"),
    ("this_machine_alone", "the page itself is refused with it"),
    (
        "too_many_attempts",
        "has a text with the time to wait, outside of the tables",
    ),
];

/// The codes of `docs/errors.md`.
fn codes() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let page = fs::read_to_string(path).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.to_owned())
        .collect()
}

/// Whether a table of texts has a row of that name.
fn has_text(code: &str) -> bool {
    let mut scripts = all().filter(|asset| asset.path.starts_with("/assets/scripts/"));
    scripts.any(|asset| {
        let source = str::from_utf8(asset.contents).unwrap();
        let mut rows = source.lines().filter_map(|line| line.strip_prefix("  "));
        rows.any(|row| {
            row.strip_prefix(code)
                .is_some_and(|text| text.starts_with(':'))
        })
    })
}

#[test]
fn every_refusal_is_told_in_words_or_met_by_no_page() {
    let codes = codes();
    assert!(codes.len() > 40, "{}", codes.len());
    let faults: Vec<_> = codes
        .iter()
        .filter(|code| has_text(code) == NOT_MET.iter().any(|(other, _)| other == code))
        .collect();
    assert!(
        faults.is_empty(),
        "without a text, or with one that nobody reads: {faults:?}"
    );
    for (code, reason) in NOT_MET {
        assert!(codes.contains(code), "{code} is gone: {reason}");
    }
}
