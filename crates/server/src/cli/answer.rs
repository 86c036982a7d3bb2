//! How commands answer: a table where somebody reads it at a terminal, one line of JSON for each thing everywhere
//! else, and where `--json` asks for it.

use std::{
    fmt::{self, Write as _},
    io::{self, Write as _},
    sync::OnceLock,
};

use comfy_table::{ColumnConstraint, Table, Width, presets};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Failure, output};

/// The form of all answers of this process: it has one command line and one standard output.
static FORM: OnceLock<Form> = OnceLock::new();

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For a program.
    Json,
    /// For a person, at a terminal with so many characters in a line, where it tells.
    Table { columns: Option<u16> },
}

/// Settles the form of all answers, before the first one.
pub(super) fn settle(json: bool) {
    let is_read_by_a_person = !json && output::is_terminal();
    let form = if is_read_by_a_person {
        Form::Table {
            columns: output::columns(),
        }
    } else {
        Form::Json
    };
    FORM.get_or_init(|| form);
}

/// Answers with a thing.
pub(super) fn answer(value: &impl Serialize) -> Result<(), Failure> {
    answer_list(value, "things")
}

/// Answers with a thing, or with a list of things that are called so: a person is told when there are none.
pub(super) fn answer_list(value: &impl Serialize, things: &str) -> Result<(), Failure> {
    let form = FORM.get().copied().unwrap_or(Form::Json);
    output::print(written(value, things, form)?.as_bytes())
}

/// The same, but in words of the command's own where a person reads it, at a terminal that is so wide.
pub(super) fn answer_in_words(
    value: &impl Serialize,
    words: impl FnOnce(Option<u16>) -> String,
) -> Result<(), Failure> {
    match FORM.get() {
        Some(Form::Table { columns }) => output::print(words(*columns).as_bytes()),
        Some(Form::Json) | None => answer(value),
    }
}

/// Says something to whoever typed the command, beside the answer for programs.
pub(super) fn say(text: &str) {
    // Nothing is left to tell it to when standard error is closed.
    let _ = writeln!(io::stderr(), "latchkey: {text}");
}

fn written(value: &impl Serialize, things: &str, form: Form) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    match form {
        Form::Json => lines(&text),
        Form::Table { .. } if text == "[]" => Ok(format!("No {things}.\n")),
        Form::Table { columns } => shown(&text, columns),
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

fn shown(text: &str, columns: Option<u16>) -> serde_json::Result<String> {
    if text.starts_with('[') {
        list(&serde_json::from_str::<Vec<Members>>(text)?, columns)
    } else {
        thing(&serde_json::from_str(text)?, columns)
    }
}

/// A thing as one line for each member. Below are the lists in it, as tables, the things in it, and texts of several
/// lines, as they are.
fn thing(Members(members): &Members, columns: Option<u16>) -> serde_json::Result<String> {
    let mut plain = plain_table();
    let mut below = String::new();
    for (name, value) in members {
        if value.get().starts_with("[{") {
            let things: Vec<Members> = serde_json::from_str(value.get())?;
            // Writing to a text cannot fail.
            let _ = write!(below, "\n{name}\n{}", list(&things, columns)?);
        } else if value.get().starts_with('{') {
            let inner = thing(&serde_json::from_str(value.get())?, columns)?;
            let _ = write!(below, "\n{name}\n{inner}");
        } else if is_of_several_lines(value) {
            let _ = write!(below, "\n{name}\n{}\n", cell(value).trim_end());
        } else {
            plain.add_row([name.clone(), cell(value)]);
        }
    }
    if plain.row_count() == 0 {
        return Ok(below);
    }
    Ok(format!("{}{below}", ended(&plain)))
}

/// A list as a table. Things that have a text of several lines follow each other instead, since no row has room
/// for one.
fn list(things: &[Members], columns: Option<u16>) -> serde_json::Result<String> {
    let mut members = things.iter().flat_map(|Members(members)| members);
    if members.any(|(_name, value)| is_of_several_lines(value)) {
        let things = things.iter().map(|one| thing(one, columns));
        return Ok(things.collect::<Result<Vec<_>, _>>()?.join("\n"));
    }
    let mut names: Vec<&str> = vec![];
    for (name, _value) in things.iter().flat_map(|Members(members)| members) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut table = plain_table();
    table.set_header(&names);
    for Members(members) in things {
        table.add_row(names.iter().map(|column| {
            let member = members.iter().find(|(name, _value)| name == column);
            member.map_or_else(|| NOTHING.to_owned(), |(_name, value)| cell(value))
        }));
    }
    let left_out = match columns {
        Some(columns) => {
            let shown = fit(&mut table, columns, |index, width| {
                least(names.get(index).copied().unwrap_or_default(), index, width)
            });
            names.get(shown..).unwrap_or_default()
        }
        None => &[],
    };
    let mut text = ended(&table);
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        let _ = writeln!(text, "\nNo room for: {left_out}. --json has all.");
    }
    Ok(text)
}

/// The words of rows without a header, whose last column has what remains of the width.
pub(super) fn rows<const N: usize>(
    rows: impl IntoIterator<Item = [String; N]>,
    columns: Option<u16>,
) -> String {
    let mut table = plain_table();
    for row in rows {
        table.add_row(row);
    }
    if let Some(columns) = columns {
        let is_last = |index: usize| index.saturating_add(1) == N;
        fit(&mut table, columns, |index, width| {
            if is_last(index) {
                width.min(READABLE)
            } else {
                width
            }
        });
    }
    ended(&table)
}

/// How many characters of a line of text are enough to read it by.
const READABLE: u16 = 24;

/// How many characters of a value are enough to know it by, where there is no room for more.
const LEAST: u16 = 12;

/// The space on both sides of what is in a column.
const PADDING: u16 = 2;

/// How narrow a column may be: what says which thing it is, and what people copy, is not broken.
fn least(name: &str, index: usize, width: u16) -> u16 {
    let is_copied = index == 0 || name.ends_with("Id") || name.ends_with("Uuid");
    let header = u16::try_from(name.chars().count()).unwrap_or(u16::MAX);
    if is_copied {
        width
    } else {
        width.min(header.max(LEAST))
    }
}

/// Narrows a table to so many characters. Columns are made narrower, as far as they may be, then left out from the
/// last one on; gives how many are there then. The first is always, and room that remains is for the first that
/// can use it.
fn fit(table: &mut Table, room: u16, least: impl Fn(usize, u16) -> u16) -> usize {
    let widths = table.column_max_content_widths();
    let widths = widths.into_iter().enumerate();
    let widths: Vec<_> = widths
        .map(|(index, width)| (least(index, width), width))
        .collect();
    let taken = |shown: usize| {
        let shown = widths.iter().take(shown);
        shown.fold(0_u16, |taken, (least, _width)| {
            taken.saturating_add(least.saturating_add(PADDING))
        })
    };
    let mut shown = widths.len();
    while shown > 1 && taken(shown) > room {
        shown -= 1;
    }
    let mut left = room.saturating_sub(taken(shown));
    for (index, (least, width)) in widths.iter().enumerate() {
        let constraint = if index < shown {
            let more = width.saturating_sub(*least).min(left);
            left -= more;
            let width = least.saturating_add(more).saturating_add(PADDING);
            ColumnConstraint::Absolute(Width::Fixed(width))
        } else {
            ColumnConstraint::Hidden
        };
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(constraint);
        }
    }
    shown
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

fn is_of_several_lines(value: &RawValue) -> bool {
    value.get().starts_with('"') && cell(value).contains('\n')
}

/// What stands for what is not there.
const NOTHING: &str = "-";

/// A value in words.
fn cell(value: &RawValue) -> String {
    match value.get() {
        "null" | "[]" => NOTHING.to_owned(),
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        text => serde_json::from_str::<String>(text)
            .map(|text| moment(&text).unwrap_or(text))
            .or_else(|_no_text| {
                serde_json::from_str::<Vec<String>>(text).map(|texts| texts.join("\n"))
            })
            .unwrap_or_else(|_neither| text.to_owned()),
    }
}

/// A date as people read it, if it is one of those that we write (`2023-11-14T22:13:20.007Z`).
fn moment(text: &str) -> Option<String> {
    let (day, time) = text.split_once('T')?;
    let (time, rest) = time.split_once('.')?;
    let is_one = |text: &str, separator: char, lengths: [usize; 3]| {
        let parts = text.split(separator).map(str::len);
        parts.eq(lengths)
            && text
                .chars()
                .all(|one| one.is_ascii_digit() || one == separator)
    };
    let is_date = is_one(day, '-', [4, 2, 2]) && is_one(time, ':', [2, 2, 2]) && rest.len() == 4;
    (is_date && rest.ends_with('Z')).then(|| format!("{day} {time}Z"))
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
    use serde_json::json;

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

    /// At a terminal that does not tell how wide it is.
    const TERMINAL: Form = Form::Table { columns: None };

    fn told(value: &impl Serialize, form: Form) -> String {
        written(value, "things", form).unwrap()
    }

    #[test]
    fn a_program_gets_one_line_of_json_for_each_thing() {
        let text = told(&things(), Form::Json);
        let expected = "{\"zebra\":\"a\u{fc}\",\"ant\":true,\"many\":[\"x\",\"y\"]}\n\
                        {\"zebra\":\"b\",\"ant\":false,\"late\":7,\"many\":[]}\n";
        assert_eq!(text, expected);
        assert_eq!(told(&Vec::<Thing>::new(), Form::Json), "");
        assert_eq!(told(&things().remove(1), Form::Json).lines().count(), 1);
    }

    #[test]
    fn a_person_gets_a_table_with_the_columns_in_their_order() {
        let text = told(&things(), TERMINAL);
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let rows: Vec<_> = text.lines().map(words).collect();
        assert_eq!(rows[0], ["zebra", "ant", "many", "late"], "{text}");
        assert_eq!(rows[1], ["a\u{fc}", "yes", "x", "-"], "{text}");
        assert_eq!(rows[2], ["y"], "{text}");
        assert_eq!(rows[3], ["b", "no", "-", "7"], "{text}");
        assert!(!text.contains(['{', '"']), "{text}");
    }

    #[test]
    fn a_person_is_told_when_there_is_nothing() {
        assert_eq!(told(&Vec::<Thing>::new(), TERMINAL), "No things.\n");
    }

    #[test]
    fn a_date_is_written_for_people_and_what_only_looks_like_one_is_left() {
        let shown = |text: &str| told(&[json!({ "value": text })], TERMINAL);
        let date = shown("2023-11-14T22:13:20.007Z");
        assert!(date.contains(" 2023-11-14 22:13:20Z\n"), "{date}");
        for other in [
            "2023-11-14T22:13:20Z",
            "Test.txt",
            "aaaa-bb-ccT22:13:20.007Z",
        ] {
            assert!(shown(other).contains(other), "{other}");
        }
    }

    fn width(text: &str) -> usize {
        let lines = text.lines().map(|line| line.chars().count());
        lines.max().unwrap()
    }

    #[test]
    fn a_table_is_as_wide_as_the_terminal_at_most_and_ids_are_whole() {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Row {
            user_id: &'static str,
            username: &'static str,
            state: &'static str,
            date_created: &'static str,
            kind: &'static str,
            org_id: &'static str,
        }
        let id = "us-6b58p-r53sr-rlrd3l5cj3uc4ome";
        let row = Row {
            user_id: id,
            username: "somebody.with.a.long.name@subsidiary.example.com",
            state: "active",
            date_created: "2023-11-14T22:13:20.007Z",
            kind: "CustomerEmployee",
            org_id: "or-6b58p-r53sr-rlrd3l5cj3uc4ome",
        };
        let at = |columns| {
            told(
                &[&row, &row],
                Form::Table {
                    columns: Some(columns),
                },
            )
        };
        for columns in [80, 100, 120, 250] {
            let text = at(columns);
            assert!(width(&text) <= usize::from(columns), "{text}");
            assert_eq!(text.matches(id).count(), 2, "{text}");
        }
        let narrow = at(80);
        assert!(narrow.contains("No room for: kind, orgId."), "{narrow}");
        for part in ["active", "2023-11-14", "22:13:20Z"] {
            assert_eq!(narrow.matches(part).count(), 2, "{part}: {narrow}");
        }
        // The name goes on in the next line.
        assert!(!narrow.contains(row.username), "{narrow}");
        assert_eq!(narrow.matches("somebody.wit").count(), 2, "{narrow}");
        let wide = at(250);
        assert!(!wide.contains("No room"), "{wide}");
        assert_eq!(wide.lines().count(), 3, "{wide}");
        // Where there is room for nothing, there is still what says which it is.
        let tiny = at(10);
        assert_eq!(tiny.matches(id).count(), 2, "{tiny}");
        assert!(!tiny.contains("active"), "{tiny}");
    }

    #[test]
    fn things_with_a_long_text_follow_each_other() {
        let message = |id: &str| json!({ "messageId": id, "text": "Hello,\nyour code\n" });
        let text = told(&[message("ms-1"), message("ms-2")], TERMINAL);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let one = |id: &str| {
            let first = format!("messageId  {id}");
            [first.as_str(), "", "text", "Hello,", "your code"].map(str::to_owned)
        };
        assert_eq!(lines[..5], one("ms-1"), "{text}");
        assert_eq!(lines[5], "", "{text}");
        assert_eq!(lines[6..], one("ms-2"), "{text}");
    }

    #[test]
    fn a_thing_in_a_thing_is_shown_below_it() {
        let restored = json!({
            "checked": { "Fido2": { "failed": 0, "keys": 3 } },
            "made": "today",
            "rows": { "users": 7 },
        });
        let text = told(&restored, TERMINAL);
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let expected = [
            "made  today",
            "",
            "checked",
            "",
            "Fido2",
            "failed  0",
            "keys    3",
            "",
            "rows",
            "users  7",
        ];
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn rows_of_words_leave_the_rest_of_the_width_to_the_last_column() {
        let says = "this is so, and it goes on and on until it does not fit into one line";
        let row = || ["ok", "database", says].map(str::to_owned);
        let text = rows([row(), row()], Some(50));
        assert!(width(&text) <= 50, "{text}");
        assert!(text.lines().count() > 2, "{text}");
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words[..4], ["ok", "database", "this", "is"], "{text}");
        assert_eq!(rows([row()], None).lines().count(), 1);
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
        let text = told(&owner, TERMINAL);
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
