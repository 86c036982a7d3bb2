//! `latchkey doctor`: looks through the whole installation.

use clap::Args;
use latchkey_domain::text::counted;
use serde::Serialize;

use super::{
    Failure,
    answer::{answer_in_words, rows},
    config::{self, Setting},
};
use crate::{
    config::{Settings, Sources},
    doctor::{Finding, State, examine},
};

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// For whom the mail server is asked to take a message, which is not sent; without it, for the sender.
    #[arg(long, value_name = "EMAIL")]
    mail_to: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    /// Whether there is no problem.
    ok: bool,
    findings: Vec<Finding>,
    settings: Vec<Setting>,
}

/// It fails when there are problems.
pub(super) async fn perform(
    command: &Doctor,
    settings: &Settings,
    sources: &Sources,
) -> Result<(), Failure> {
    let findings = Box::pin(examine(settings, command.mail_to.as_deref())).await;
    let count = |state| {
        let found = findings.iter().filter(|finding| finding.state == state);
        u64::try_from(found.count()).unwrap_or(u64::MAX)
    };
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    let told = Answer {
        ok: problems == 0,
        findings,
        settings: config::told(settings, sources),
    };
    answer_in_words(&told, |columns| tell(&told.findings, columns))?;
    if problems > 0 {
        let (problems, warnings) = (counted(problems, "problem"), counted(warnings, "warning"));
        return Err(format!("{problems} and {warnings}").into());
    }
    Ok(())
}

/// A row for each finding, and below it what to do.
fn tell(findings: &[Finding], columns: Option<u16>) -> String {
    let told = findings.iter().flat_map(|finding| {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "WARNING",
            State::Problem => "PROBLEM",
        };
        let row = [state, finding.area, finding.says.as_str()].map(str::to_owned);
        let advice = finding.advice.as_ref();
        let advice = advice.map(|advice| [String::new(), String::new(), format!("→ {advice}")]);
        [Some(row), advice].into_iter().flatten()
    });
    rows(told, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_told_below_what_was_found() {
        let finding = |state, advice: Option<&str>| Finding {
            area: "mail",
            state,
            says: "it is so".to_owned(),
            advice: advice.map(str::to_owned),
        };
        let findings = [
            finding(State::Ok, None),
            finding(State::Problem, Some("mend it")),
        ];
        for columns in [None, Some(80)] {
            let answer = tell(&findings, columns);
            let lines: Vec<_> = answer.lines().map(str::trim).collect();
            let expected = [
                "ok       mail  it is so",
                "PROBLEM  mail  it is so",
                "→ mend it",
            ];
            assert_eq!(lines, expected, "{columns:?}");
        }
    }
}
