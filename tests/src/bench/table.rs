//! Tables of figures, as Markdown.

use std::fmt;

/// One figure for each column; some cannot be had.
pub(super) type Figures = Vec<Option<f64>>;

/// Figures of one round after the other, by what they are of and by binary.
pub(super) struct Table {
    subjects: Vec<&'static str>,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

struct Row {
    subject: Vec<String>,
    /// By the binary's name, the one under test first.
    binaries: Vec<(&'static str, Vec<Figures>)>,
}

impl Table {
    /// An empty table with these columns.
    pub(super) fn new(subjects: &[&'static str], columns: &[&'static str]) -> Self {
        Self {
            subjects: subjects.to_owned(),
            columns: columns.to_owned(),
            rows: vec![],
        }
    }

    /// Adds what a round came to.
    pub(super) fn add(&mut self, subject: &[&str], binary: &'static str, figures: Figures) {
        let is_there = self.rows.iter().any(|row| row.subject == subject);
        if !is_there {
            self.rows.push(Row {
                subject: subject.iter().map(|&word| word.to_owned()).collect(),
                binaries: vec![],
            });
        }
        let Some(row) = self.rows.iter_mut().find(|row| row.subject == subject) else {
            return;
        };
        match row.binaries.iter_mut().find(|(name, _)| *name == binary) {
            Some((_, rounds)) => rounds.push(figures),
            None => row.binaries.push((binary, vec![figures])),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.subjects.iter().chain(&["binary"]);
        let head: Vec<_> = words.chain(&self.columns).copied().collect();
        writeln!(formatter, "| {} |", head.join(" | "))?;
        let left = vec!["---"; self.subjects.len() + 1].join("|");
        let right = vec!["--:"; self.columns.len()].join("|");
        writeln!(formatter, "|{left}|{right}|")?;
        for row in &self.rows {
            let mut lines: Vec<_> = row
                .binaries
                .iter()
                .map(|(binary, rounds)| (*binary, medians(rounds), ""))
                .collect();
            if let [(_, ours), (_, theirs)] = row.binaries.as_slice() {
                lines.push(("quotient", medians(&quotients(ours, theirs)), "x"));
            }
            for (binary, figures, unit) in lines {
                let figures = figures.into_iter().map(|figure| shown(figure, unit));
                let subject = row.subject.iter().cloned();
                let cells: Vec<_> = subject.chain([binary.to_owned()]).chain(figures).collect();
                writeln!(formatter, "| {} |", cells.join(" | "))?;
            }
        }
        Ok(())
    }
}

/// The medians of each column.
fn medians(rounds: &[Figures]) -> Figures {
    let columns = rounds.first().map_or(0, Vec::len);
    (0..columns)
        .map(|column| {
            let mut figures: Vec<_> = rounds
                .iter()
                .filter_map(|figures| *figures.get(column)?)
                .collect();
            figures.sort_by(f64::total_cmp);
            // Of an even number there are two in the middle.
            let lower = figures.get(figures.len().checked_sub(1)? / 2)?;
            let upper = figures.get(figures.len() / 2)?;
            Some(f64::midpoint(*lower, *upper))
        })
        .collect()
}

/// How many times as much the first has as the second, round by round.
fn quotients(ours: &[Figures], theirs: &[Figures]) -> Vec<Figures> {
    let quotient = |(ours, theirs): (&Option<f64>, &Option<f64>)| {
        let (ours, theirs) = ((*ours)?, (*theirs)?);
        (theirs > 0.0).then(|| ours / theirs)
    };
    let rounds = ours.iter().zip(theirs);
    rounds
        .map(|(ours, theirs)| ours.iter().zip(theirs).map(quotient).collect())
        .collect()
}

/// With three digits that count, or what stands before the point.
fn shown(figure: Option<f64>, unit: &str) -> String {
    match figure {
        None => "–".to_owned(),
        Some(figure) if figure >= 100.0 => format!("{figure:.0}{unit}"),
        Some(figure) if figure >= 10.0 => format!("{figure:.1}{unit}"),
        Some(figure) => format!("{figure:.2}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quotients_are_of_the_rounds() {
        let mut table = Table::new(&["what", "where"], &["a second", "CPU ms"]);
        for (ours, theirs) in [(300.0, 100.0), (900.0, 1_000.0), (200.0, 100.0)] {
            table.add(&["one", "here"], "this", vec![Some(ours), None]);
            table.add(&["one", "here"], "other", vec![Some(theirs), Some(0.0)]);
        }
        // An even number of rounds.
        for round in [12.0, 12.68] {
            table.add(&["two", "here"], "this", vec![Some(round), Some(1.0)]);
        }
        let expected = "\
            | what | where | binary | a second | CPU ms |\n\
            |---|---|---|--:|--:|\n\
            | one | here | this | 300 | – |\n\
            | one | here | other | 100 | 0.00 |\n\
            | one | here | quotient | 2.00x | – |\n\
            | two | here | this | 12.3 | 1.00 |\n";
        assert_eq!(table.to_string(), expected);
    }
}
