//! Drafts: what a message says, before it is text and HTML.

use std::fmt::Write as _;

use latchkey_domain::time::Timestamp;
use time::{OffsetDateTime, macros::format_description};

/// A label and its value.
pub(super) type Fact = (&'static str, String);

/// What a message says. Both forms come from the same parts, so they never say different things.
pub(super) struct Draft {
    /// One line; a constant, so nobody outside can choose any of it.
    pub(super) subject: &'static str,
    /// What it says, in order.
    pub(super) parts: Vec<Part>,
}

/// A part of a message.
pub(super) enum Part {
    /// Some sentences.
    Paragraph(String),
    /// Labels and values, one a line.
    Facts(Vec<Fact>),
    /// A code to be copied or typed.
    Code(String),
    /// The address of a page.
    Link(String),
}

impl Draft {
    /// The message as plain text.
    pub(super) fn text(&self) -> String {
        let parts: Vec<_> = self.parts.iter().map(Part::text).collect();
        format!("{}\n", parts.join("\n\n"))
    }

    /// The message as an HTML document that refers to nothing outside.
    pub(super) fn html(&self) -> String {
        let parts: String = self.parts.iter().map(Part::html).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"font-family: sans-serif\">\n{parts}</body>\n</html>\n",
            escaped(self.subject)
        )
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Paragraph(text) => text.clone(),
            Self::Facts(facts) => {
                let lines: Vec<_> = facts
                    .iter()
                    .map(|(label, value)| format!("  {label}: {value}"))
                    .collect();
                lines.join("\n")
            }
            Self::Code(code) => format!("  {code}"),
            Self::Link(url) => format!("  {url}"),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Paragraph(text) => format!("<p>{}</p>\n", escaped(text)),
            Self::Facts(facts) => {
                let rows = facts
                    .iter()
                    .fold(String::new(), |mut rows, (label, value)| {
                        // Writing to a String cannot fail.
                        let _ = writeln!(
                            rows,
                            "<tr><th align=\"left\">{}</th><td>{}</td></tr>",
                            escaped(label),
                            escaped(value)
                        );
                        rows
                    });
                format!("<table>\n{rows}</table>\n")
            }
            Self::Code(code) => format!(
                "<p style=\"font-family: monospace; font-size: 150%\">{}</p>\n",
                escaped(code)
            ),
            Self::Link(url) => {
                let url = escaped(url);
                format!("<p><a href=\"{url}\">{url}</a></p>\n")
            }
        }
    }
}

/// The text as it stands in an HTML element or a quoted attribute.
fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut html, letter| {
            match letter {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                other => html.push(other),
            }
            html
        })
}

/// A moment for people, such as `2026-01-31 12:00:00 UTC`.
pub(super) fn date(moment: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp(moment.unix_seconds())
        .ok()
        .and_then(|date| {
            date.format(format_description!(
                "[year]-[month]-[day] [hour]:[minute]:[second] UTC"
            ))
            .ok()
        })
        .unwrap_or_else(|| "at an unknown date".to_owned())
}
