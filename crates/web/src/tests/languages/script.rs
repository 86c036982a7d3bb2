//! What scripts say: as much of JavaScript's grammar as tells words, symbols and texts apart.

use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Symbol(char),
    Text {
        value: String,
        /// Whether nothing is filled in.
        is_whole: bool,
    },
}

use Token::{Symbol, Text, Word};

/// What stands in a script.
pub(super) struct Script {
    /// The texts that are looked up: those of `t('…')`, and of the table in `translated({…})`.
    pub(super) texts: BTreeSet<String>,
    /// What reads like a text and is not looked up.
    pub(super) loose: Vec<String>,
}

pub(super) fn read(name: &str, source: &str) -> Script {
    let tokens = tokens(source);
    let mut looked_up = BTreeSet::new();
    for (index, token) in tokens.iter().enumerate() {
        let Word(word) = token else { continue };
        let is_call = tokens.get(index + 1) == Some(&Symbol('('));
        let is_member = index > 0 && tokens[index - 1] == Symbol('.');
        if !is_call || is_member {
            continue;
        }
        match word.as_str() {
            "t" => {
                let after = tokens.get(index + 3);
                let ends = [Some(&Symbol(',')), Some(&Symbol(')'))].contains(&after);
                assert!(ends, "{name}: t() takes one whole text, and not {after:?}");
                looked_up.insert(index + 2);
            }
            "translated" => looked_up.extend(values(name, &tokens, index + 2)),
            _ => {}
        }
    }
    let mut script = Script {
        texts: BTreeSet::new(),
        loose: Vec::new(),
    };
    for (index, token) in tokens.into_iter().enumerate() {
        match (token, looked_up.contains(&index)) {
            (
                Text {
                    value,
                    is_whole: true,
                },
                true,
            ) => {
                script.texts.insert(value);
            }
            (token, true) => panic!("{name}: {token:?} is no whole text"),
            (Text { value, .. }, false) if is_for_people(&value) => script.loose.push(value),
            (_, false) => {}
        }
    }
    script
}

/// Where the values of a table are, whose first symbol is there.
fn values(name: &str, tokens: &[Token], begin: usize) -> Vec<usize> {
    assert_eq!(
        tokens[begin],
        Symbol('{'),
        "{name}: translated() takes a table"
    );
    let mut found = Vec::new();
    let mut at = begin + 1;
    while tokens[at] != Symbol('}') {
        assert_eq!(tokens[at + 1], Symbol(':'), "{name}: {:?}", tokens[at]);
        found.push(at + 2);
        at += 3;
        if tokens[at] == Symbol(',') {
            at += 1;
        }
    }
    found
}

/// Whether it reads like words to somebody, and not like a name of the code.
fn is_for_people(text: &str) -> bool {
    let is_plain = |word: &str| {
        let word = word.trim_matches(|symbol: char| !symbol.is_alphanumeric());
        word.len() > 1 && word.chars().all(char::is_lowercase)
    };
    let words = text.split_whitespace();
    let plain = words.clone().filter(|word| is_plain(word)).count();
    let begins = |is: fn(char) -> bool| text.starts_with(is);
    let goes_on = begins(|symbol| symbol == ' ' || symbol == ',');
    let is_sentence = begins(char::is_uppercase) && words.count() > 1 && plain > 0;
    let is_news = begins(char::is_alphabetic) && text.ends_with('…');
    is_sentence || is_news || (goes_on && plain > 1)
}

fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader {
        symbols: source.chars().collect(),
        at: 0,
        found: Vec::new(),
    };
    reader.run(false);
    reader.found
}

struct Reader {
    symbols: Vec<char>,
    at: usize,
    found: Vec<Token>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.symbols.get(self.at + ahead).copied()
    }

    /// Reads on, to the end of what is filled into a template, or of the file.
    fn run(&mut self, in_template: bool) {
        let mut depth = 0;
        while let Some(symbol) = self.peek(0) {
            match (symbol, self.peek(1)) {
                ('/', Some('/')) => self.skip_to("\n"),
                ('/', Some('*')) => self.skip_to("*/"),
                ('/', _) if self.begins_pattern() => self.pattern(),
                ('\'' | '"' | '`', _) => self.text(symbol),
                ('}', _) if in_template && depth == 0 => {
                    self.at += 1;
                    return;
                }
                _ if symbol.is_whitespace() => self.at += 1,
                _ if is_of_word(symbol) => self.word(),
                _ => {
                    match symbol {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    self.found.push(Symbol(symbol));
                    self.at += 1;
                }
            }
        }
        assert!(!in_template, "a template has no end");
    }

    fn skip_to(&mut self, end: &str) {
        let end: Vec<char> = end.chars().collect();
        self.at += 2;
        while self.at < self.symbols.len() && !self.symbols[self.at..].starts_with(&end) {
            self.at += 1;
        }
        self.at += end.len();
    }

    /// Whether a slash is no division.
    fn begins_pattern(&self) -> bool {
        match self.found.last() {
            None => true,
            Some(Symbol(before)) => !")]}".contains(*before),
            Some(Word(before)) => before == "return",
            Some(Text { .. }) => false,
        }
    }

    /// A regular expression.
    fn pattern(&mut self) {
        let mut in_class = false;
        loop {
            self.at += 1;
            match self.peek(0) {
                Some('\\') => self.at += 1,
                Some('[') => in_class = true,
                Some(']') => in_class = false,
                Some('/') if !in_class => break,
                None | Some('\n') => panic!("a pattern has no end"),
                Some(_) => {}
            }
        }
        self.at += 1;
        self.word();
    }

    fn word(&mut self) {
        let begin = self.at;
        while self.peek(0).is_some_and(is_of_word) {
            self.at += 1;
        }
        let word = self.symbols[begin..self.at].iter().collect();
        self.found.push(Word(word));
    }

    fn text(&mut self, quote: char) {
        let mut value = String::new();
        let mut is_whole = true;
        self.at += 1;
        loop {
            let symbol = self.peek(0).expect("a text has no end");
            self.at += 1;
            match (symbol, self.peek(0)) {
                ('\\', Some(escaped)) => {
                    value.push(if escaped == 'n' { '\n' } else { escaped });
                    self.at += 1;
                }
                ('$', Some('{')) if quote == '`' => {
                    self.at += 1;
                    self.run(true);
                    value.push('\0');
                    is_whole = false;
                }
                _ if symbol == quote => break,
                _ => value.push(symbol),
            }
        }
        self.found.push(Text { value, is_whole });
    }
}

fn is_of_word(symbol: char) -> bool {
    symbol.is_alphanumeric() || symbol == '_' || symbol == '$'
}

#[test]
fn texts_are_told_from_everything_else() {
    let source = r#"
        // t('a comment')
        /* t('another') */
        import { t, translated } from './language.js'
        const TABLE = translated({ one: 'One', 'two-three': "It’s \"two\"", })
        const plain = /[/'"]\/t('x')/g.test(text.t('x')) ? 1 / 2 : a[0] / 2 / b
        say(`${t('Said {name}', { name: `${plain} of ${{ a: 1 }}` })} and ${ t( 'Said again' ) }`)
        const { t: other } = { t: 'no text' }
        function part(t) { return 'button primary' + ` and so on` + 'Not looked up' + 'Bearer ' }
        busy(button, 'Saving…')
    "#;
    let Script { texts, loose } = read("a script", source);
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(texts, ["It’s \"two\"", "One", "Said again", "Said {name}"]);
    assert_eq!(loose, [" and so on", "Not looked up", "Saving…"]);
}

#[test]
#[should_panic(expected = "takes one whole text")]
fn a_text_that_is_put_together_is_refused() {
    read("a script", "t(`Signed in as ${name}`)");
}

#[test]
#[should_panic(expected = "takes one whole text")]
fn a_text_that_goes_on_is_refused() {
    read("a script", "t('Signed in ' + name)");
}
