//! The arrows between the layers.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{Package, packages};

/// Which layers each one may know. Tests may know more, see below.
const ARROWS: [(&str, &[&str]); 21] = [
    ("json", &[]),
    ("domain", &[]),
    ("service", &["domain"]),
    ("crypto", &["domain", "json", "service"]),
    ("storage", &["domain", "service"]),
    ("memory", &["domain", "service"]),
    ("store-contract", &["domain", "service"]),
    ("http", &["domain", "json", "service"]),
    ("web", &["domain", "service"]),
    ("mail", &["domain", "service"]),
    (
        "server",
        &[
            "crypto",
            "domain",
            "http",
            "mail",
            "migrations",
            "service",
            "storage",
            "web",
        ],
    ),
    ("migrations", &[]),
    ("test-postgres", &[]),
    (
        "testkit",
        &["domain", "migrations", "service", "test-postgres"],
    ),
    ("bank", &["json"]),
    ("own-mailer", &["server", "service"]),
    ("own-store", &["memory", "server", "service"]),
    ("embed", &["server", "service"]),
    (
        "without-http",
        &["crypto", "domain", "mail", "memory", "service", "testkit"],
    ),
    ("e2e", &["test-postgres", "testkit"]),
    ("xtask", &["test-postgres"]),
];

/// What the tests of each layer may know besides.
const ARROWS_OF_TESTS: [(&str, &[&str]); 13] = [
    ("bank", &["e2e", "testkit"]),
    ("crypto", &["testkit"]),
    ("embed", &["e2e", "testkit"]),
    ("http", &["crypto", "mail", "memory", "service", "testkit"]),
    ("mail", &["testkit"]),
    ("memory", &["store-contract"]),
    ("migrations", &["testkit"]),
    ("own-mailer", &["domain", "testkit"]),
    ("own-store", &["e2e", "testkit"]),
    ("server", &["service", "testkit"]),
    ("service", &["crypto", "mail", "memory"]),
    ("storage", &["migrations", "store-contract", "testkit"]),
    ("web", &["crypto", "memory", "service"]),
];

fn layers(package: &Package, of_tests: bool) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.is_for_tests == of_tests)
        .filter_map(|dependency| dependency.layer())
        .collect()
}

#[test]
fn every_arrow_is_in_the_plan_and_every_planned_arrow_exists() {
    let plan: BTreeMap<_, BTreeSet<_>> = ARROWS
        .into_iter()
        .map(|(layer, knows)| (layer, knows.iter().copied().collect()))
        .collect();
    let packages = packages();
    let found: BTreeMap<_, _> = packages
        .iter()
        .map(|package| (package.layer.as_str(), layers(package, false)))
        .collect();
    assert_eq!(found, plan);
}

#[test]
fn tests_know_no_more_than_the_plan_allows() {
    let plan: BTreeMap<_, _> = ARROWS_OF_TESTS.into_iter().collect();
    for package in packages() {
        let allowed = plan.get(package.layer.as_str()).copied().unwrap_or(&[]);
        for known in layers(&package, true) {
            assert!(
                allowed.contains(&known),
                "the tests of {} know {known}",
                package.layer
            );
        }
    }
}

/// Libraries that belong to certain layers, tests included.
const HOMES: [(&str, &[&str]); 9] = [
    ("sea-orm", &["migrations", "storage", "testkit"]),
    ("sea-orm-migration", &["migrations"]),
    (
        "axum",
        &["bank", "embed", "http", "own-mailer", "server", "web"],
    ),
    ("hyper", &["server"]),
    ("utoipa", &["http"]),
    ("config", &["server"]),
    ("jsonwebtoken", &["bank", "crypto"]),
    ("lettre", &["mail"]),
    ("webauthn-rs-core", &["crypto"]),
];

#[test]
fn libraries_stay_in_their_layers() {
    for package in packages() {
        for (library, homes) in HOMES {
            let uses = package
                .dependencies
                .iter()
                .any(|dependency| dependency.name == library);
            assert!(
                !uses || homes.contains(&package.layer.as_str()),
                "{} uses {library}",
                package.layer
            );
        }
    }
}

#[test]
fn the_domain_knows_no_input_output_async_or_serialization() {
    let packages = packages();
    let domain = packages
        .iter()
        .find(|package| package.layer == "domain")
        .unwrap();
    let known: BTreeSet<_> = domain
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_for_tests)
        .map(|dependency| dependency.name.as_str())
        .collect();
    for foreign in [
        "async-trait",
        "futures-util",
        "serde",
        "serde_json",
        "tokio",
        "tracing",
    ] {
        assert!(!known.contains(foreign), "the domain knows {foreign}");
    }
}
