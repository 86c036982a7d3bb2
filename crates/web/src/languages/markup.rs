//! Pages as texts that can be looked up. An element with words of its own is one text, whatever elements are among
//! the words: those are numbered, so a language has them in its own order, and cannot change what they are.
//!
//! `<p>Signed in as <b id="user"></b>, <a href="./">not you</a>?</p>` is the text
//! `Signed in as <1/>, <2>not you</2>?`. What is marked `translate="no"` stays as it is.

use std::fmt::Write as _;

use crate::escaped::escaped;

/// The attributes that people read or hear.
const SPOKEN: [&str; 4] = ["alt", "aria-label", "placeholder", "title"];

/// Elements without an end.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "link", "meta"];

/// The page, with what `look_up` answers in the place of every text that it knows.
pub(crate) fn translated<'text>(
    html: &str,
    mut look_up: impl FnMut(&str) -> Option<&'text str>,
) -> String {
    let (nodes, rest) = nodes(html);
    let mut writer = Writer {
        look_up: &mut look_up,
        out: String::with_capacity(html.len() * 5 / 4),
    };
    writer.content(&nodes);
    writer.out.push_str(rest);
    writer.out
}

enum Node<'html> {
    /// What is not for people: declarations and comments, and what scripts are made of.
    Other(&'html str),
    Text(&'html str),
    Element(Element<'html>),
}

struct Element<'html> {
    whole: &'html str,
    open: &'html str,
    content: Vec<Node<'html>>,
    close: &'html str,
}

impl Element<'_> {
    fn stays_as_it_is(&self) -> bool {
        self.open.contains(" translate=\"no\"")
    }

    fn has_words(&self) -> bool {
        !self.stays_as_it_is()
            && self.content.iter().any(|node| match node {
                Node::Other(_) => false,
                Node::Text(text) => !text.trim().is_empty(),
                Node::Element(element) => element.has_words(),
            })
    }
}

/// What stands before the next end of an element, and the rest.
fn nodes(html: &str) -> (Vec<Node<'_>>, &str) {
    let mut found = Vec::new();
    let mut rest = html;
    while !rest.is_empty() && !rest.starts_with("</") {
        let (node, after) = node(rest);
        found.push(node);
        rest = after;
    }
    (found, rest)
}

fn node(html: &str) -> (Node<'_>, &str) {
    if html.starts_with("<!") {
        let (other, rest) = through(html, '>');
        (Node::Other(other), rest)
    } else if html.starts_with('<') {
        let (element, rest) = element(html);
        (Node::Element(element), rest)
    } else {
        let (text, rest) = html.split_at(html.find('<').unwrap_or(html.len()));
        (Node::Text(text), rest)
    }
}

fn element(html: &str) -> (Element<'_>, &str) {
    let (open, inside) = through(html, '>');
    let name = open.trim_matches(['<', '>']).split([' ', '\n']).next();
    let name = name.unwrap_or_default();
    let (content, close, rest) = if VOID.contains(&name) {
        (Vec::new(), "", inside)
    } else if name == "script" {
        let (code, end) = inside.split_at(inside.find("</script").unwrap_or(inside.len()));
        let (close, rest) = through(end, '>');
        (vec![Node::Other(code)], close, rest)
    } else {
        let (content, end) = nodes(inside);
        let (close, rest) = through(end, '>');
        (content, close, rest)
    };
    let (whole, _) = html.split_at(html.len() - rest.len());
    let element = Element {
        whole,
        open,
        content,
        close,
    };
    (element, rest)
}

/// What comes before the end of that symbol, and what after it.
fn through(html: &str, symbol: char) -> (&str, &str) {
    let end = html
        .find(symbol)
        .map_or(html.len(), |at| at + symbol.len_utf8());
    html.split_at(end)
}

struct Writer<'call, 'text> {
    look_up: &'call mut dyn FnMut(&str) -> Option<&'text str>,
    out: String,
}

impl Writer<'_, '_> {
    /// What an element has inside.
    fn content(&mut self, nodes: &[Node<'_>]) {
        let has_words = nodes
            .iter()
            .any(|node| matches!(node, Node::Text(text) if !text.trim().is_empty()));
        if !has_words {
            for node in nodes {
                match node {
                    Node::Other(text) | Node::Text(text) => self.out.push_str(text),
                    Node::Element(element) => self.element(element),
                }
            }
            return;
        }
        let mut text = String::new();
        let mut elements = Vec::new();
        describe(nodes, &mut text, &mut elements);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match (self.look_up)(&text) {
            Some(text) => self.fill_in(text, &elements),
            None => self.leave(nodes),
        }
    }

    fn element(&mut self, element: &Element<'_>) {
        if element.stays_as_it_is() {
            self.out.push_str(element.whole);
            return;
        }
        self.open(element.open);
        self.content(&element.content);
        self.out.push_str(element.close);
    }

    /// A text that is not known, with the elements in it.
    fn leave(&mut self, nodes: &[Node<'_>]) {
        for node in nodes {
            match node {
                Node::Other(text) | Node::Text(text) => self.out.push_str(text),
                Node::Element(element) if element.stays_as_it_is() => {
                    self.out.push_str(element.whole);
                }
                Node::Element(element) => {
                    self.open(element.open);
                    self.leave(&element.content);
                    self.out.push_str(element.close);
                }
            }
        }
    }

    /// A text in which the elements stand by their numbers.
    fn fill_in(&mut self, text: &str, elements: &[&Element<'_>]) {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            self.out.push_str(&escaped(before));
            let (tag, after) = after.split_once('>').unwrap_or((after, ""));
            let number = tag.trim_matches('/').parse::<usize>();
            let number = number.ok().and_then(|number| number.checked_sub(1));
            if let Some(element) = number.and_then(|index| elements.get(index)) {
                if tag.starts_with('/') {
                    self.out.push_str(element.close);
                } else if tag.ends_with('/') {
                    self.element(element);
                } else {
                    self.open(element.open);
                }
            }
            rest = after;
        }
        self.out.push_str(&escaped(rest));
    }

    /// The beginning of an element, with its attributes.
    fn open(&mut self, tag: &str) {
        let mut name = "";
        // What is between quotes is a value, and what is before it its name.
        for (index, piece) in tag.split('"').enumerate() {
            if index > 0 {
                self.out.push('"');
            }
            let is_value = index % 2 == 1;
            let is_spoken = is_value && SPOKEN.contains(&name) && !piece.is_empty();
            let found = is_spoken.then(|| (self.look_up)(piece)).flatten();
            match found {
                Some(text) => self.out.push_str(&escaped(text)),
                None => self.out.push_str(piece),
            }
            let before = piece.rsplit([' ', '\n']).next().unwrap_or_default();
            name = before.trim_end_matches('=');
        }
    }
}

/// Writes the text of an element's content, and numbers the elements in it.
fn describe<'node, 'html>(
    nodes: &'node [Node<'html>],
    text: &mut String,
    elements: &mut Vec<&'node Element<'html>>,
) {
    for node in nodes {
        match node {
            Node::Other(_) => {}
            Node::Text(words) => text.push_str(words),
            Node::Element(element) => {
                elements.push(element);
                let number = elements.len();
                // Writing to a string cannot fail.
                if element.has_words() {
                    let _ = write!(text, "<{number}>");
                    describe(&element.content, text, elements);
                    let _ = write!(text, "</{number}>");
                } else {
                    let _ = write!(text, "<{number}/>");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>A page</title>
    <script type="module" src="./a.js">if (1 < 2) { "no text" }</script>
  </head>
  <body>
    <!-- no text -->
    <p id="who">Signed in as <b id="user"></b>,
       <a class="x" href="./">not
       you</a>?</p>
    <div><img alt="A picture" src="a"><input type="text" placeholder="Type here" aria-label="Words" title=""></div>
    <p>See <a href="./b" title="Other">this <i translate="no">name</i></a> and <img src="b" alt="Again">.</p>
    <h2 translate="no">Words of <b>others</b></h2>
    <ul><li>One</li><li><b>Two</b></li></ul>
  </body>
</html>
"#;

    #[test]
    fn every_text_is_found_and_without_translations_nothing_changes() {
        let mut found = Vec::new();
        let same = translated(PAGE, |text| {
            found.push(text.to_owned());
            None
        });
        assert_eq!(same, PAGE);
        assert_eq!(
            found,
            [
                "A page",
                "Signed in as <1/>, <2>not you</2>?",
                "A picture",
                "Type here",
                "Words",
                "See <1>this <2/></1> and <3/>.",
                "Other",
                "Again",
                "One",
                "Two",
            ]
        );
    }

    #[test]
    fn a_language_has_its_own_order_of_the_elements_in_a_text() {
        let page = translated(PAGE, |text| match text {
            "Signed in as <1/>, <2>not you</2>?" => Some("<2>Nicht Sie</2>, sondern <1/>?"),
            "See <1>this <2/></1> and <3/>." => Some("<3/> und <1><2/> hier</1>"),
            "A picture" => Some("Ein \"Bild\""),
            "Again" => Some("Noch einmal"),
            "One" => Some("Eins & mehr"),
            _ => None,
        });
        for wanted in [
            "<p id=\"who\"><a class=\"x\" href=\"./\">Nicht Sie</a>, sondern <b id=\"user\"></b>?</p>",
            "<p><img src=\"b\" alt=\"Noch einmal\"> und \
             <a href=\"./b\" title=\"Other\"><i translate=\"no\">name</i> hier</a></p>",
            "<img alt=\"Ein &quot;Bild&quot;\" src=\"a\">",
            "<li>Eins &amp; mehr</li><li><b>Two</b></li>",
        ] {
            assert!(page.contains(wanted), "{wanted} is not in {page}");
        }
    }

    #[test]
    fn a_translation_brings_no_elements_of_its_own() {
        let page = translated("<p>Go <b>on</b></p>", |_| {
            Some("<script>alert(1)</script><9>x</9><1>y</1><0/><")
        });
        assert_eq!(page, "<p>alert(1)x<b>y</b></p>");
        let page = translated("<p>Go</p>", |_| Some("&lt; \"'"));
        assert_eq!(page, "<p>&amp;lt; &quot;&#39;</p>");
    }

    #[test]
    fn a_page_that_breaks_off_is_what_it_was() {
        for html in [
            "<p>Go",
            "<p",
            "<p>Go</b> on</p>",
            "</p>Go",
            "<script>a",
            "Go",
            "",
        ] {
            assert_eq!(translated(html, |_| None), html);
        }
    }
}
