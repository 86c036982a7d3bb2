//! Public keys as PEM, in the variations that published clients send.

use std::borrow::Cow;

/// The most bytes a PEM can have; an RSA key of 8192 bits needs about 1,500.
const MAXIMUM: usize = 8 * 1024;

/// How many characters a line has in the strict form (RFC 7468 §3).
const LINE: usize = 64;

/// What a PEM holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pem {
    /// A SubjectPublicKeyInfo (`PUBLIC KEY`).
    Spki(Vec<u8>),
    /// An RSAPublicKey of PKCS#1 (`RSA PUBLIC KEY`).
    RsaPublicKey(Vec<u8>),
}

const SPKI: &str = "PUBLIC KEY";
const RSA: &str = "RSA PUBLIC KEY";

/// Reads a PEM: with LF or CRLF, lines of any length or none, with or without a last newline, and with
/// the two characters `\n` in place of a newline. The canonical form goes to a strict parser, so nothing
/// else varies.
pub(super) fn decode(text: &str) -> Option<Pem> {
    if text.len() > MAXIMUM {
        return None;
    }
    let text = with_plain_newlines(text);
    let canonical = [SPKI, RSA]
        .iter()
        .find_map(|label| canonical(&text, label))?;
    let (label, der) = pem_rfc7468::decode_vec(canonical.as_bytes()).ok()?;
    match label {
        SPKI => Some(Pem::Spki(der)),
        RSA => Some(Pem::RsaPublicKey(der)),
        _ => None,
    }
}

fn with_plain_newlines(text: &str) -> Cow<'_, str> {
    if text.contains(['\\', '\r']) {
        Cow::Owned(text.replace("\\n", "\n").replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The strict form of a PEM with that label, if the text is one.
fn canonical(text: &str, label: &str) -> Option<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let base64: String = text
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?
        .split('\n')
        .collect();
    let mut lines = String::with_capacity(base64.len() + base64.len() / LINE);
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index % LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    Some(format!(
        "-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
    ))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    fn wrapped(der: &[u8], width: usize, newline: &str) -> String {
        let base64 = BASE64.encode(der);
        let mut lines: Vec<&str> = vec![];
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, remainder) = rest.split_at(rest.len().min(width));
            lines.push(line);
            rest = remainder;
        }
        format!(
            "-----BEGIN PUBLIC KEY-----{newline}{}{newline}-----END PUBLIC KEY-----",
            lines.join(newline)
        )
    }

    #[test]
    fn both_labels_are_read() {
        let spki = wrapped(&[1, 2, 3], 64, "\n");
        let rsa = spki.replace("PUBLIC", "RSA PUBLIC");
        assert_eq!(decode(&spki), Some(Pem::Spki(vec![1, 2, 3])));
        assert_eq!(decode(&rsa), Some(Pem::RsaPublicKey(vec![1, 2, 3])));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = wrapped(&[7; 90], 64, "\n");
        assert!(decode(&good).is_some());
        for (case, text) in [
            ("empty", String::new()),
            ("a space before", format!(" {good}")),
            ("a space after", format!("{good} ")),
            ("two newlines after", format!("{good}\n\n")),
            ("text before", format!("x\n{good}")),
            ("two of them", format!("{good}\n{good}")),
            ("another label", good.replace("PUBLIC", "PRIVATE")),
            ("a certificate", good.replace("PUBLIC KEY", "CERTIFICATE")),
            (
                "labels that differ",
                good.replacen("PUBLIC", "RSA PUBLIC", 1),
            ),
            ("no end", good.replace("-----END PUBLIC KEY-----", "")),
            ("a carriage return alone", good.replace('\n', "\r")),
            ("a space inside", good.replacen("Bw", "B w", 1)),
            ("a tab", good.replacen("Bw", "\tBw", 1)),
            ("a header", good.replacen('\n', "\nProc-Type: 4\n\n", 1)),
            ("base64url", good.replacen("BwcH", "_-_-", 1)),
            (
                "missing padding",
                wrapped(&[7; 91], 64, "\n").replace('=', ""),
            ),
            (
                "nothing inside",
                "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".into(),
            ),
            ("a null character", good.replacen('\n', "\0\n", 1)),
            ("a literal \\r", good.replacen('\n', "\\r\\n", 1)),
            ("too long", wrapped(&[7; 9_000], 64, "\n")),
        ] {
            assert_eq!(decode(&text), None, "{case}");
        }
    }

    proptest! {
        #[test]
        fn every_way_of_wrapping_is_read(
            der in proptest::collection::vec(any::<u8>(), 1..200),
            width in 1_usize..300,
            newline in prop_oneof![Just("\n"), Just("\r\n"), Just("\\n")],
            last: bool,
        ) {
            let mut text = wrapped(&der, width, newline);
            if last {
                text.push_str(newline);
            }
            prop_assert_eq!(decode(&text), Some(Pem::Spki(der)));
        }

        #[test]
        fn a_single_line_is_read(der in proptest::collection::vec(any::<u8>(), 1..200)) {
            let text = wrapped(&der, usize::MAX, "");
            prop_assert_eq!(decode(&text), Some(Pem::Spki(der)));
        }

        #[test]
        fn reading_never_panics(text in any::<String>()) {
            let _ = decode(&text);
            let _ = decode(&format!("-----BEGIN PUBLIC KEY-----{text}-----END PUBLIC KEY-----"));
        }
    }
}
