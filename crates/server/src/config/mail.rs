//! `[mail]`: how messages to users are delivered.

use std::fmt;

use latchkey_mail::smtp::{check_from, check_url};
use url::Url;
use zeroize::Zeroizing;

use super::{
    password,
    reader::{Reader, must_be},
};

/// How messages to users are delivered.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// By what.
    pub transport: Transport,
    /// The mail server, with the password that is configured beside it; so it is never shown.
    pub smtp_url: Option<Zeroizing<String>>,
    /// In whose name.
    pub from: String,
}

/// By what messages are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// By nothing: they stay in the outbox, to be read there.
    Outbox,
    /// By a mail server.
    Smtp,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            transport: Transport::Outbox,
            smtp_url: None,
            from: "Latchkey <no-reply@localhost>".to_owned(),
        }
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mail")
            .field("transport", &self.transport)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Mail {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = Self::default();
        let mut section = reader.section("mail");
        // The address is read first: whether it is needed depends on nothing but the transport.
        let url = section.secret("smtp_url", |text| {
            // The value is not repeated, because it may hold a password.
            check_url(text)
                .map(|()| Zeroizing::new(text.to_owned()))
                .map_err(|error| error.to_string())
        });
        let has_fault = section.has_fault("smtp_url");
        let with_password = section.secret("smtp_password", |text| match &url {
            None if has_fault => Ok(Zeroizing::default()),
            Some(url) if has_user(url) => {
                password::put_into(url, text, "mail.smtp_url").map(Zeroizing::new)
            }
            Some(_) | None => {
                Err("needs to know whose it is: write smtp_url = \"smtps://USER@HOST\"".to_owned())
            }
        });
        let smtp_url = with_password.or(url);
        let has_url = smtp_url.is_some();
        let settings = Self {
            transport: section.text("transport", default.transport, |text| match text {
                "outbox" => Ok(Transport::Outbox),
                "smtp" if has_url || has_fault => Ok(Transport::Smtp),
                "smtp" => Err("needs mail.smtp_url, such as smtp://mail.example.com:25".to_owned()),
                other => Err(must_be("\"outbox\" or \"smtp\"", other)),
            }),
            smtp_url,
            from: section.text("from", default.from, |text| {
                check_from(text)
                    .map(|()| text.to_owned())
                    .map_err(|error| error.to_string())
            }),
        };
        section.finish();
        settings
    }
}

/// Whether the URL says who sends.
fn has_user(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !url.username().is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::{Faults, Settings};

    fn load(variables: &[(&str, &str)]) -> Result<Mail, Faults> {
        let environment: HashMap<_, _> = variables
            .iter()
            .map(|(name, value)| (format!("LATCHKEY__MAIL__{name}"), (*value).to_owned()))
            .collect();
        Settings::load(None, environment).map(|settings| settings.mail)
    }

    #[test]
    fn smtp_needs_a_server() {
        let faults = load(&[("TRANSPORT", "smtp")]).unwrap_err().to_string();
        assert!(
            faults.contains("mail.transport needs mail.smtp_url"),
            "{faults}"
        );
        let mail = load(&[
            ("TRANSPORT", "smtp"),
            ("SMTP_URL", "smtp://root:hunter2@mail.example.com"),
        ])
        .unwrap();
        assert_eq!(mail.transport, Transport::Smtp);
        assert!(!format!("{mail:?}").contains("hunter2"));
    }

    #[test]
    fn a_password_of_its_own_belongs_to_a_user() {
        let with = |url: &str| {
            load(&[
                ("TRANSPORT", "smtp"),
                ("SMTP_URL", url),
                ("SMTP_PASSWORD", "hunter2 50%"),
            ])
        };
        let mail = with("smtps://latchkey@mail.example.com:465").unwrap();
        assert_eq!(
            mail.smtp_url.unwrap().as_str(),
            "smtps://latchkey:hunter2%2050%25@mail.example.com:465"
        );
        for url in [
            "smtps://mail.example.com",
            "smtps://latchkey:hunter3@mail.example.com",
        ] {
            let faults = with(url).unwrap_err().to_string();
            assert!(faults.contains("mail.smtp_password"), "{url}: {faults}");
            assert!(!faults.contains("hunter"), "{faults}");
        }
    }

    #[test]
    fn beside_a_faulty_url_nothing_is_said_of_what_needs_it() {
        let faults = load(&[
            ("TRANSPORT", "smtp"),
            ("SMTP_URL", "http://latchkey@mail.example.com"),
            ("SMTP_PASSWORD", "hunter2"),
        ])
        .unwrap_err();
        let [fault] = faults.all() else {
            panic!("{faults}");
        };
        assert_eq!(fault.key, "mail.smtp_url", "{faults}");
    }

    #[test]
    fn faulty_values_are_named_and_no_password_is_repeated() {
        let faults = load(&[
            ("SMTP_URL", "http://root:hunter2@mail.example.com"),
            ("FROM", "nobody"),
            ("TRANSPORT", "pigeon"),
        ])
        .unwrap_err()
        .to_string();
        for key in [
            "mail.smtp_url must be",
            "mail.from must be",
            "mail.transport must be",
        ] {
            assert!(faults.contains(key), "{faults}");
        }
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}
