//! Counts what `cargo test` prints.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

/// The layer of each executable, by its file name.
pub(super) type Executables = BTreeMap<String, String>;

/// How many tests there were in each layer.
pub(super) struct Report {
    executables: Executables,
    layers: BTreeMap<String, Counts>,
    /// The tests that failed, by layer and name.
    failures: Vec<String>,
    /// The layer of the executable that is running.
    running: Option<String>,
    /// Whether cargo itself was content.
    succeeded: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    /// No test may be skipped, so these count as failed.
    ignored: u64,
}

/// One executable that crashed, or a build that failed.
const FAILED: Counts = Counts {
    passed: 0,
    failed: 1,
    ignored: 0,
};

impl Report {
    pub(super) fn new(executables: Executables) -> Self {
        Self {
            executables,
            layers: BTreeMap::new(),
            failures: Vec::new(),
            running: None,
            succeeded: false,
        }
    }

    /// Reads one line of what cargo and the executables print.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(layer) = self.begun(line) {
            self.give_up_on_running();
            self.running = Some(layer);
        } else if let Some(counts) = counted(line) {
            let layer = self.running.take().unwrap_or_else(|| "other".to_owned());
            self.add(&layer, counts);
        } else if let Some(test) = failed(line) {
            let layer = self.running.as_deref().unwrap_or("other");
            self.failures.push(format!("{layer}: {test}"));
        }
    }

    /// Takes note that cargo has ended, and how.
    pub(super) fn end(&mut self, succeeded: bool) {
        self.give_up_on_running();
        if !succeeded && self.total().failed == 0 {
            // A build that failed, for example: it must not look like a success.
            self.add("other", FAILED);
        }
        self.succeeded = succeeded;
    }

    /// Whether there were tests and all of them passed.
    pub(super) fn is_good(&self) -> bool {
        let total = self.total();
        self.succeeded && total.passed > 0 && total.failed == 0 && total.ignored == 0
    }

    /// The layer of the executable, or of the documentation, whose tests begin with this line.
    fn begun(&self, line: &str) -> Option<String> {
        let line = line.trim_start();
        if let Some(library) = line.strip_prefix("Doc-tests latchkey_") {
            return Some(library.replace('_', "-"));
        }
        let path = line
            .strip_prefix("Running ")?
            .strip_suffix(')')?
            .rsplit_once('(')?
            .1;
        let name = path.rsplit('/').next()?;
        Some(
            self.executables
                .get(name)
                .cloned()
                .unwrap_or_else(|| name.to_owned()),
        )
    }

    /// An executable that ended without counting has crashed.
    fn give_up_on_running(&mut self) {
        if let Some(layer) = self.running.take() {
            self.add(&layer, FAILED);
        }
    }

    fn add(&mut self, layer: &str, more: Counts) {
        let counts = self.layers.entry(layer.to_owned()).or_default();
        *counts = counts.and(more);
    }

    fn total(&self) -> Counts {
        self.layers
            .values()
            .fold(Counts::default(), |sum, counts| sum.and(*counts))
    }
}

impl Counts {
    fn and(self, more: Self) -> Self {
        Self {
            passed: self.passed + more.passed,
            failed: self.failed + more.failed,
            ignored: self.ignored + more.ignored,
        }
    }
}

/// The name in `test tests::some_name ... FAILED`.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// The counts of `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
fn counted(line: &str) -> Option<Counts> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(name)?.trim().parse().ok())
    };
    Some(Counts {
        passed: count("passed")?,
        failed: count("failed")?,
        ignored: count("ignored")?,
    })
}

/// A table of the layers, and at the end one plain line.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = String::new();
        for test in &self.failures {
            writeln!(table, "FAILED {test}")?;
        }
        for (layer, counts) in &self.layers {
            writeln!(
                table,
                "{layer:<12} {:>5} passed {:>5} failed",
                counts.passed,
                counts.failed + counts.ignored
            )?;
        }
        let total = self.total();
        if total.ignored > 0 {
            writeln!(
                table,
                "{} tests are ignored, which counts as failed",
                total.ignored
            )?;
        }
        write!(
            formatter,
            "\n{table}\n{} passed, {} failed",
            total.passed,
            total.failed + total.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lines: &[&str], succeeded: bool) -> Report {
        let executables = [
            ("latchkey_domain-1".to_owned(), "domain".to_owned()),
            ("contract-2".to_owned(), "store-contract".to_owned()),
        ];
        let mut report = Report::new(executables.into());
        for line in lines {
            report.read(line);
        }
        report.end(succeeded);
        report
    }

    const DOMAIN: &str = "     Running unittests src/lib.rs (target/debug/deps/latchkey_domain-1)";
    const CONTRACT: &str = "     Running tests/contract/main.rs (/elsewhere/deps/contract-2)";

    fn result(passed: u32, failed: u32, ignored: u32) -> String {
        format!(
            "test result: ok. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; \
             0 filtered out; finished in 0.01s"
        )
    }

    #[test]
    fn tests_are_counted_by_layer() {
        let report = report(
            &[
                DOMAIN,
                "running 3 tests",
                &result(3, 0, 0),
                CONTRACT,
                &result(4, 0, 0),
                "   Doc-tests latchkey_store_contract",
                &result(1, 0, 0),
            ],
            true,
        );
        assert!(report.is_good());
        assert_eq!(report.layers["domain"].passed, 3);
        assert_eq!(report.layers["store-contract"].passed, 5);
        assert_eq!(
            report.to_string().lines().last(),
            Some("8 passed, 0 failed")
        );
    }

    #[test]
    fn a_failed_test_is_counted_and_named() {
        let line = "test tests::some_name ... FAILED";
        let report = report(&[DOMAIN, line, &result(3, 2, 0)], false);
        assert!(!report.is_good());
        assert!(
            report
                .to_string()
                .contains("FAILED domain: tests::some_name\n")
        );
        assert!(report.to_string().ends_with("3 passed, 2 failed"));
    }

    #[test]
    fn an_ignored_test_is_a_failure() {
        let report = report(&[DOMAIN, &result(3, 0, 1)], true);
        assert!(!report.is_good());
        assert!(report.to_string().ends_with("3 passed, 1 failed"));
    }

    #[test]
    fn an_executable_that_crashes_is_a_failure() {
        let report = report(&[CONTRACT, DOMAIN, &result(3, 0, 0)], false);
        assert_eq!(report.layers["store-contract"].failed, 1);
        assert!(report.to_string().ends_with("3 passed, 1 failed"));
    }

    #[test]
    fn a_build_that_fails_is_a_failure() {
        let report = report(&["error: could not compile"], false);
        assert!(!report.is_good());
        assert!(report.to_string().ends_with("0 passed, 1 failed"));
    }

    #[test]
    fn no_tests_at_all_are_no_success() {
        assert!(!report(&[DOMAIN, &result(0, 0, 0)], true).is_good());
    }
}
