//! The documents name only what exists.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::workspace::{files, packages, read, root};

/// What stands between backticks, outside of blocks of code.
fn quoted(document: &str) -> Vec<&str> {
    let mut is_code = false;
    let prose = document.lines().filter(|line| {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            return false;
        }
        !is_code
    });
    prose
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// The folders that paths begin with.
const TOP: [&str; 10] = [
    ".cargo",
    ".ci",
    ".github",
    "crates",
    "docs",
    "examples",
    "migrations",
    "packaging",
    "tests",
    "xtask",
];

/// Whether it is meant as a path from the root.
fn is_path(quoted: &str) -> bool {
    let mut parts = quoted.split('/');
    let first = parts.next().unwrap_or_default();
    TOP.contains(&first)
        && parts.next().is_some()
        && quoted
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter))
}

#[test]
fn paths_in_documents_exist() {
    let mut checked = 0;
    for document in files(".md").iter().filter(|path| !path.contains('/')) {
        let text = read(document);
        for path in quoted(&text).into_iter().filter(|quoted| is_path(quoted)) {
            checked += 1;
            assert!(root().join(path).exists(), "{document} names {path}");
        }
    }
    assert!(checked > 10);
}

/// The blocks of code in a document that name a file after their language, and the file.
fn quotations(document: &str) -> impl Iterator<Item = (&str, &str)> {
    let blocks = document.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| {
        let (heading, text) = block.split_once('\n')?;
        let (_language, path) = heading.split_once(' ')?;
        Some((path, text))
    })
}

#[test]
fn what_the_guides_quote_stands_in_the_file_they_name() {
    let guides = ["docs/extending.md", "docs/sign-in-to-your-application.md"].map(read);
    let mut quoted = BTreeSet::new();
    for (path, text) in guides.iter().flat_map(|guide| quotations(guide)) {
        quoted.insert(path.split('/').take(2).collect::<PathBuf>());
        assert!(read(path).contains(text), "{path} has no\n{text}");
    }
    for example in packages()
        .iter()
        .filter(|package| package.folder.starts_with("examples/"))
    {
        let folder = Path::new(&example.folder);
        assert!(quoted.contains(folder), "nobody explains {folder:?}");
    }
    assert!(quoted.len() > 3);
}

#[test]
fn every_library_crate_has_a_readme_that_shows_its_job() {
    let mut checked = 0;
    for package in packages() {
        let library = format!("{}/src/lib.rs", package.folder);
        if !root().join(&library).exists() {
            continue;
        }
        checked += 1;
        assert!(
            read(&library).starts_with("#![doc = include_str!(\"../README.md\")]\n"),
            "{library}"
        );
        let readme = read(&format!("{}/README.md", package.folder));
        assert!(readme.contains("\n```rust\n"), "{}", package.folder);
    }
    assert!(checked > 10);
}

#[test]
fn the_architecture_names_every_package() {
    let text = read("ARCHITECTURE.md");
    let quoted = quoted(&text);
    for package in packages() {
        assert!(
            quoted.contains(&package.folder.as_str()),
            "ARCHITECTURE.md does not name {}",
            package.folder
        );
    }
}

/// The targets of `[text](target)`.
fn links(document: &str) -> impl Iterator<Item = &str> {
    document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

#[test]
fn links_to_files_lead_somewhere() {
    let mut checked = 0;
    for document in files(".md") {
        let text = read(&document);
        let folder = Path::new(&document).parent().unwrap();
        for link in links(&text).filter(|link| !link.contains(':')) {
            let (path, _) = link.split_once('#').unwrap_or((link, ""));
            checked += 1;
            assert!(
                root().join(folder).join(path).exists(),
                "{document}: {link}"
            );
        }
    }
    assert!(checked > 3);
}

/// Whether it is meant as the name of a test.
fn is_test(quoted: &str) -> bool {
    let is_identifier = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    quoted.matches('_').count() >= 2
        && quoted
            .chars()
            .all(|letter| letter == '_' || is_identifier(letter))
}

#[test]
fn tests_that_stand_for_a_promise_exist() {
    let sources: Vec<String> = files(".rs").iter().map(|path| read(path)).collect();
    for (document, least) in [
        ("docs/security.md", 50),
        ("docs/compatibility.md", 30),
        ("docs/performance.md", 3),
    ] {
        let text = read(document);
        let mut checked = 0;
        for test in quoted(&text).into_iter().filter(|quoted| is_test(quoted)) {
            checked += 1;
            let function = format!("fn {test}(");
            assert!(
                sources.iter().any(|source| source.contains(&function)),
                "{document} names the test {test}"
            );
        }
        assert!(checked > least, "{document} names {checked} tests");
    }
}

/// The tests in JavaScript that a document names: the file, and a title when one follows it.
fn scripts(document: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    document.split("`tests/node/").skip(1).filter_map(|rest| {
        let (file, rest) = rest.split_once('`')?;
        let title = rest
            .strip_prefix(" › `")
            .and_then(|rest| rest.split_once('`'));
        Some((file, title.map(|(title, _)| title)))
    })
}

#[test]
fn tests_in_javascript_that_stand_for_a_promise_exist() {
    let text = read("docs/compatibility.md");
    let mut checked = 0;
    for (file, title) in scripts(&text) {
        let path = format!("tests/node/{file}");
        assert!(root().join(&path).exists(), "there is no {path}");
        if let Some(title) = title {
            checked += 1;
            let call = format!("test('{title}'");
            assert!(read(&path).contains(&call), "{path} has no test {title:?}");
        }
    }
    assert!(checked > 3);
}

#[test]
fn the_test_command_of_the_readme_is_the_one_that_is_run_before_a_change_lands() {
    let command = "cargo xtask test";
    assert!(read("README.md").lines().any(|line| line == command));
    assert_eq!(read(".ci/run").lines().last(), Some(command));
    let forge = read(".github/workflows/ci.yml");
    assert_eq!(forge.lines().last(), Some("      - run: .ci/run"));
}
