//! `latchkey doctor`: looks through the whole installation.

use std::{
    io::{self, Write},
    path::Path,
};

use clap::Args;
use serde::Serialize;

use super::{
    Failure,
    answer::answer_in_words,
    config::{self, Setting},
};
use crate::{
    config::Settings,
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
    file: Option<&Path>,
) -> Result<(), Failure> {
    let findings = Box::pin(examine(settings, command.mail_to.as_deref())).await;
    let count = |state| {
        findings
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    };
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    let told = Answer {
        ok: problems == 0,
        findings,
        settings: config::told(file)?,
    };
    answer_in_words(&told, |words| tell(&told.findings, words))?;
    if problems > 0 {
        return Err(format!("{problems} problems and {warnings} warnings").into());
    }
    Ok(())
}

fn tell(findings: &[Finding], words: &mut dyn Write) -> io::Result<()> {
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "WARNING",
            State::Problem => "PROBLEM",
        };
        writeln!(words, "{state:8} {:14} {}", finding.area, finding.says)?;
        if let Some(advice) = &finding.advice {
            writeln!(words, "{:24}→ {advice}", "")?;
        }
    }
    Ok(())
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
        let mut answer = Vec::new();
        tell(&findings, &mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let lines: Vec<_> = answer.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "ok       mail           it is so",
                "PROBLEM  mail           it is so",
                "→ mend it",
            ]
        );
    }
}
