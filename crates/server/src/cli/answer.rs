//! How commands answer: a table where somebody reads it at a terminal, one line of JSON for each thing everywhere
//! else, and where `--json` asks for it.

use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal as _, Write as _},
    sync::OnceLock,
};

use comfy_table::{Table, presets};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Failure;

/// The form of all answers of this process: it has one command line and one standard output.
static FORM: OnceLock<Form> = OnceLock::new();

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For a program.
    Json,
    /// For a person.
    Table,
}

/// Settles the form of all answers, before the first one.
pub(super) fn settle(json: bool) {
    let is_read_by_a_person = !json && io::stdout().is_terminal();
    let form = if is_read_by_a_person {
        Form::Table
    } else {
        Form::Json
    };
    FORM.get_or_init(|| form);
}

/// Answers with a thing, or with a list of things.
pub(super) fn answer(value: &impl Serialize) -> Result<(), Failure> {
    let form = FORM.get().copied().unwrap_or(Form::Json);
    Ok(io::stdout().write_all(written(value, form)?.as_bytes())?)
}

/// The same, but in words of the command's own where a person reads it.
pub(super) fn answer_in_words(
    value: &impl Serialize,
    words: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), Failure> {
    match FORM.get() {
        Some(Form::Table) => Ok(words(&mut io::stdout().lock())?),
        Some(Form::Json) | None => answer(value),
    }
}

fn written(value: &impl Serialize, form: Form) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    match form {
        Form::Json => lines(&text),
        Form::Table => shown(&text),
    }
}

/// One line for each thing.
fn lines(text: &str) -> serde_json::Result<String> {
    if !text.starts_with('[') {
        return Ok(format!("{text}\n"));
    }
    let things: Vec<Box<RawValue>> = serde_json::from_str(text)?;
    let lines = things.iter().map(|thing| format!("{}\n", thing.get()));
    Ok(lines.collect())
}

/// A list as a table, a thing as one line for each member, with tables for the lists in it and texts of several
/// lines below, as they are.
fn shown(text: &str) -> serde_json::Result<String> {
    if text.starts_with('[') {
        return Ok(list(&serde_json::from_str::<Vec<Members>>(text)?));
    }
    let Members(members) = serde_json::from_str(text)?;
    let mut plain = plain_table();
    let mut below = String::new();
    for (name, value) in &members {
        let cell = cell(value);
        if value.get().starts_with("[{") {
            let things: Vec<Members> = serde_json::from_str(value.get())?;
            // Writing to a text cannot fail.
            let _ = write!(below, "\n{name}\n{}", list(&things));
        } else if value.get().starts_with('"') && cell.contains('\n') {
            let _ = write!(below, "\n{name}\n{}\n", cell.trim_end());
        } else {
            plain.add_row([name.clone(), cell]);
        }
    }
    Ok(format!("{}{below}", ended(&plain)))
}

fn list(things: &[Members]) -> String {
    let mut columns: Vec<&str> = vec![];
    for (name, _value) in things.iter().flat_map(|Members(members)| members) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    if columns.is_empty() {
        return String::new();
    }
    let mut table = plain_table();
    table.set_header(&columns);
    for Members(members) in things {
        table.add_row(columns.iter().map(|column| {
            let member = members.iter().find(|(name, _value)| name == column);
            member.map_or_else(|| NOTHING.to_owned(), |(_name, value)| cell(value))
        }));
    }
    ended(&table)
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn ended(table: &Table) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

/// What stands for what is not there.
const NOTHING: &str = "-";

/// A value in words.
fn cell(value: &RawValue) -> String {
    match value.get() {
        "null" => NOTHING.to_owned(),
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        text => serde_json::from_str::<String>(text)
            .or_else(|_no_text| {
                serde_json::from_str::<Vec<String>>(text).map(|texts| texts.join("\n"))
            })
            .unwrap_or_else(|_neither| text.to_owned()),
    }
}

/// The members of an object in their order, which maps do not keep.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Thing {
        zebra: &'static str,
        ant: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        late: Option<u8>,
        many: Vec<&'static str>,
    }

    fn things() -> Vec<Thing> {
        let first = Thing {
            zebra: "a\u{fc}",
            ant: true,
            late: None,
            many: vec!["x", "y"],
        };
        let second = Thing {
            zebra: "b",
            ant: false,
            late: Some(7),
            many: vec![],
        };
        vec![first, second]
    }

    #[test]
    fn a_program_gets_one_line_of_json_for_each_thing() {
        let text = written(&things(), Form::Json).unwrap();
        let expected = "{\"zebra\":\"a\u{fc}\",\"ant\":true,\"many\":[\"x\",\"y\"]}\n\
                        {\"zebra\":\"b\",\"ant\":false,\"late\":7,\"many\":[]}\n";
        assert_eq!(text, expected);
        assert_eq!(written(&Vec::<Thing>::new(), Form::Json).unwrap(), "");
        assert_eq!(
            written(&things().remove(1), Form::Json)
                .unwrap()
                .lines()
                .count(),
            1
        );
    }

    #[test]
    fn a_person_gets_a_table_with_the_columns_in_their_order() {
        let text = written(&things(), Form::Table).unwrap();
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let rows: Vec<_> = text.lines().map(words).collect();
        assert_eq!(rows[0], ["zebra", "ant", "many", "late"], "{text}");
        assert_eq!(rows[1], ["a\u{fc}", "yes", "x", "-"], "{text}");
        assert_eq!(rows[2], ["y"], "{text}");
        assert_eq!(rows[3][..2], ["b", "no"], "{text}");
        assert_eq!(rows[3].last().unwrap(), "7", "{text}");
        assert!(!text.contains(['{', '"']), "{text}");
        assert_eq!(written(&Vec::<Thing>::new(), Form::Table).unwrap(), "");
    }

    #[test]
    fn a_thing_is_shown_by_member_with_the_lists_in_it_below() {
        #[derive(Serialize)]
        struct Owner {
            name: &'static str,
            things: Vec<Thing>,
            none: Option<u8>,
            text: &'static str,
        }
        let owner = Owner {
            name: "ada",
            things: things(),
            none: None,
            text: "[a]\nb = 1\n",
        };
        let text = written(&owner, Form::Table).unwrap();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert!(
            lines[0].starts_with("name") && lines[0].ends_with("ada"),
            "{text}"
        );
        assert!(
            lines[1].starts_with("none") && lines[1].ends_with('-'),
            "{text}"
        );
        assert_eq!(lines[2..4], ["", "things"], "{text}");
        assert!(lines[4].starts_with("zebra"), "{text}");
        assert!(text.ends_with("\n\ntext\n[a]\nb = 1\n"), "{text}");
    }
}
