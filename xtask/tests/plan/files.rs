//! What all source files have in common.

use crate::workspace::{files, read};

/// The most lines a source file may have.
const MAXIMUM: usize = 600;

/// The most characters a line of a comment may have.
const WIDTH: usize = 120;

#[test]
fn no_file_is_too_long_to_read() {
    let sources = files(".rs");
    assert!(sources.len() > 100);
    for path in sources {
        let lines = read(&path).lines().count();
        assert!(lines <= MAXIMUM, "{path} has {lines} lines");
    }
}

/// The formatter leaves comments as they are.
#[test]
fn no_comment_is_too_wide_to_read() {
    let sources = files(".rs").into_iter().chain(files(".js"));
    for path in sources.filter(|path| !path.contains("/vendor/")) {
        for (index, line) in read(&path).lines().enumerate() {
            let words = line.trim_start();
            let is_comment = ["//", "/*", "* "]
                .iter()
                .any(|mark| words.starts_with(mark));
            let width = line.chars().count();
            let number = index + 1;
            assert!(
                !is_comment || width <= WIDTH,
                "{path}:{number} has {width} characters"
            );
        }
    }
}

#[test]
fn modules_are_files_named_after_them() {
    assert_eq!(files("/mod.rs"), Vec::<String>::new());
    assert!(!files(".rs").iter().any(|path| path.ends_with("/mod.rs")));
}

#[test]
fn no_test_is_skipped() {
    let attribute = ["#[", "ignore"].concat();
    for path in files(".rs") {
        assert!(!read(&path).contains(&attribute), "{path}");
    }
}

#[test]
fn exceptions_from_lints_are_expected_with_a_reason() {
    let attributes = [["#[", "allow("].concat(), ["#![", "allow("].concat()];
    for path in files(".rs") {
        let text = read(&path);
        assert!(
            !attributes.iter().any(|attribute| text.contains(attribute)),
            "{path}"
        );
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    // A file of unit tests stands beside what it tests and needs no words of its own.
    for path in files(".rs")
        .iter()
        .filter(|path| !path.ends_with("/tests.rs"))
    {
        let text = read(path);
        // What a library is stands in its README.
        let is_library = text.starts_with("#![doc = include_str!(");
        assert!(is_library || text.starts_with("//! "), "{path}");
    }
}
