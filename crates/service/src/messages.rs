//! Messages: what users are told, in which words, and sealed as they are kept.
//!
//! Every message is rendered once, as text and as HTML, when the change it tells about is decided; it
//! is kept in the transaction of that change and sent afterwards (see `outbox`). Subjects hold nothing
//! that anybody outside can choose, and in HTML everything is escaped. Organizations and applications are
//! called as they were when the directory was last read.
//!
//! To add a kind of message, add it to [`MessageKind`] and compose it here.

mod draft;
mod facts;

use std::sync::Arc;

use latchkey_domain::{
    application::pages::PagePrefix,
    credential::{Credential, MadeBy},
    credential_code::CodeText,
    id::{MessageId, OrganizationId, UserId},
    message::{MessageKind, NewMessage, SealedText},
    text::ApplicationName,
    time::Timestamp,
    user::User,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use self::draft::{Draft, Fact, Part, date};
use crate::{
    directory::{Caller, Directory, Snapshot},
    ports::{
        clock::Clock,
        entropy::Entropy,
        mailer::{Mailer, MessageContent},
        sealer::{NotSealed, Sealer},
        store::StoreError,
    },
};

/// Composes, seals and opens messages.
pub struct Messages {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sealer: Arc<dyn Sealer>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) pages: Option<PagePrefix>,
}

impl Messages {
    /// An invitation: the code, and a link to the page that takes it, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the organization's applications cannot be read.
    pub async fn registration(
        &self,
        invited: &User,
        code: &CodeText,
        expires: Timestamp,
    ) -> Result<NewMessage, StoreError> {
        let organization = &invited.organization;
        let prefix = self.pages.as_ref();
        let is_known = |known: &Snapshot| {
            let has_page = |prefix| known.page_of(organization, prefix).is_some();
            known.name_of(organization).is_some() && prefix.is_none_or(has_page)
        };
        let known = self.directory.snapshot_if(is_known).await?;
        let page = prefix.and_then(|prefix| known.page_of(organization, prefix));
        let mut parts = vec![Part::Paragraph(format!(
            "You are invited to register{}. There is no password: you will make a passkey or another \
             key.",
            self.inviting(&known, organization)
        ))];
        match &page {
            Some(page) => parts.extend([
                Part::Link(registration_link(page, invited, code)),
                Part::Paragraph(format!(
                    "Or open {page}/register and enter your username and your registration code yourself:"
                )),
            ]),
            None => parts.push(paragraph("Your registration code:")),
        }
        let name = known.name_of(organization);
        // Who has no link tells the organization by its id.
        let id = page.is_none().then(|| organization.to_string());
        let facts = [
            Some(("Username", invited.username.to_string())),
            name.map(|name| ("Organization", name.to_string())),
            id.map(|id| ("Organization id", id)),
            Some(("Valid until", date(expires))),
        ];
        parts.extend([
            Part::Code(code.reveal().to_owned()),
            Part::Facts(facts.into_iter().flatten().collect()),
            paragraph(NOT_EXPECTED),
        ]);
        let draft = Draft {
            subject: "Your invitation to register",
            parts,
        };
        let envelope = self.envelope(MessageKind::Registration, &invited.id, expires);
        Ok(self.write(&envelope, &draft))
    }

    /// A code that login/init takes as `loginCode`.
    pub fn login_code(&self, user: &User, asked: &AskedCode<'_>) -> NewMessage {
        let draft = Draft {
            subject: "Your sign-in code",
            parts: vec![
                self.about(&user.organization),
                paragraph("Your code to sign in with your password-protected key:"),
                Part::Code(asked.text.reveal().to_owned()),
                Part::Facts(asked.facts()),
                paragraph(NOT_ASKED_FOR),
            ],
        };
        let envelope = self.envelope(MessageKind::LoginCode, &user.id, asked.expires);
        self.write(&envelope, &draft)
    }

    /// A code that begins a recovery.
    pub fn recovery_code(&self, user: &User, asked: &AskedCode<'_>) -> NewMessage {
        let draft = Draft {
            subject: "Your code to recover your account",
            parts: vec![
                self.about(&user.organization),
                paragraph(
                    "Your code to recover your account with your recovery kit. All your credentials \
                     will end when you do:",
                ),
                Part::Code(asked.text.reveal().to_owned()),
                Part::Facts(asked.facts()),
                paragraph(NOT_ASKED_FOR),
            ],
        };
        let envelope = self.envelope(MessageKind::RecoveryCode, &user.id, asked.expires);
        self.write(&envelope, &draft)
    }

    /// A notice that somebody who is signed in, or has a code, added a credential. On that page, where there is
    /// one, it can be taken away.
    pub fn credential_added(&self, credential: &Credential, page: Option<&str>) -> NewMessage {
        let by_code = match credential.provenance.made_by {
            MadeBy::Code { .. } => " Cancel every code that you have made and not used.",
            MadeBy::Registration | MadeBy::Credential { .. } | MadeBy::Recovery { .. } => "",
        };
        let mut parts = vec![
            self.about(&credential.organization),
            paragraph("From now on this credential can be used for your account:"),
            Part::Facts(self.facts_of_new(credential)),
            Part::Paragraph(format!(
                "If this was not you, sign in where you usually do, deactivate it at once, \
                 and contact the administrator of your organization.{by_code}"
            )),
        ];
        if let Some(page) = page {
            parts.extend([
                paragraph("Here you can take it away, when you have signed in:"),
                Part::Link(format!("{page}/account#{}", credential.uuid)),
            ]);
        }
        let draft = Draft {
            subject: "A credential was added to your account",
            parts,
        };
        self.notice(MessageKind::CredentialAdded, &credential.user, &draft)
    }

    /// A notice that somebody who is signed in made a recovery key in the place of every earlier one.
    pub fn recovery_key_renewed(&self, recovery_key: &Credential) -> NewMessage {
        let parts = vec![
            self.about(&recovery_key.organization),
            paragraph(
                "A new recovery kit was made for your account. Every earlier one has ended and recovers \
                 nothing any more:",
            ),
            Part::Facts(self.facts_of_new(recovery_key)),
            paragraph(
                "If this was not you, sign in where you usually do, make a new recovery kit yourself, \
                 deactivate what you do not know, and contact the administrator of your organization.",
            ),
        ];
        let draft = Draft {
            subject: "A new recovery kit was made for your account",
            parts,
        };
        self.notice(MessageKind::CredentialAdded, &recovery_key.user, &draft)
    }

    /// A notice that a credential was made with a code and waits for approval.
    pub fn credential_waits(&self, credential: &Credential) -> NewMessage {
        let draft = Draft {
            subject: "A credential waits for your approval",
            parts: vec![
                self.about(&credential.organization),
                paragraph(
                    "This credential was made with a code of yours. It cannot be used unless you \
                     approve it where you are signed in, and is gone in five minutes:",
                ),
                Part::Facts(self.facts_of_new(credential)),
                paragraph(
                    "If this was not you, refuse it or do nothing, and tell nobody the codes that you \
                     make.",
                ),
            ],
        };
        self.notice(MessageKind::CredentialWaits, &credential.user, &draft)
    }

    /// A notice that a user registered: the first credential, and the others that came with it.
    pub fn registered(&self, first: &Credential, others: &[Credential]) -> NewMessage {
        let mut parts = vec![
            self.about(&first.organization),
            paragraph("Your account was registered. From now on this can be used for it:"),
        ];
        parts.extend(self.facts_of_all_new(first, others));
        parts.push(paragraph(
            "If this was not you, contact the administrator of your organization: somebody else has \
             used your invitation.",
        ));
        self.notice(
            MessageKind::CredentialAdded,
            &first.user,
            &Draft {
                subject: "Your account was registered",
                parts,
            },
        )
    }

    /// A notice that a credential was activated again, as `caller` asked.
    pub fn credential_activated(&self, credential: &Credential, caller: &Caller) -> NewMessage {
        let parts = vec![
            self.about(&credential.organization),
            paragraph("From now on this credential can be used for your account again:"),
            Part::Facts(self.facts_of_change(credential, caller)),
            paragraph(CHANGE_WAS_NOT_ME),
        ];
        self.notice(
            MessageKind::CredentialActivated,
            &credential.user,
            &Draft {
                subject: "A credential of your account was activated again",
                parts,
            },
        )
    }

    /// A notice that a credential was deactivated, as `caller` asked.
    pub fn credential_deactivated(&self, credential: &Credential, caller: &Caller) -> NewMessage {
        let parts = vec![
            self.about(&credential.organization),
            paragraph(CANNOT_BE_USED),
            Part::Facts(self.facts_of_change(credential, caller)),
            paragraph(CHANGE_WAS_NOT_ME),
        ];
        self.notice(
            MessageKind::CredentialDeactivated,
            &credential.user,
            &Draft {
                subject: "A credential of your account was deactivated",
                parts,
            },
        )
    }

    /// A notice that a credential was deactivated, by whom that is said to have been.
    pub fn credential_deactivated_by(&self, credential: &Credential, by: &str) -> NewMessage {
        let mut facts = self.facts_of(credential);
        facts.extend([
            ("Deactivated by", by.to_owned()),
            ("Date", date(self.clock.now())),
        ]);
        let draft = Draft {
            subject: "A credential of your account was deactivated",
            parts: vec![
                self.about(&credential.organization),
                paragraph(CANNOT_BE_USED),
                Part::Facts(facts),
                paragraph(
                    "If you did not expect this, contact the administrator of your organization.",
                ),
            ],
        };
        self.notice(MessageKind::CredentialDeactivated, &credential.user, &draft)
    }

    /// A notice that a credential was deleted together with its application, and by whom.
    pub fn credential_deleted_by(&self, credential: &Credential, by: &str) -> NewMessage {
        let mut facts = self.facts_of(credential);
        facts.extend([
            ("Deleted by", by.to_owned()),
            ("Date", date(self.clock.now())),
        ]);
        let draft = Draft {
            subject: "A credential of your account was deleted",
            parts: vec![
                self.about(&credential.organization),
                paragraph(
                    "The application that this credential was made for is there no more, and so the \
                     credential is gone for good. Its sessions and every open code have ended:",
                ),
                Part::Facts(facts),
                paragraph(
                    "If you did not expect this, contact the administrator of your organization.",
                ),
            ],
        };
        self.notice(MessageKind::CredentialDeleted, &credential.user, &draft)
    }

    /// A notice that a credential was deleted, as `caller` asked.
    pub fn credential_deleted(&self, credential: &Credential, caller: &Caller) -> NewMessage {
        let parts = vec![
            self.about(&credential.organization),
            paragraph(
                "This credential is gone for good. Its sessions and every open code have ended:",
            ),
            Part::Facts(self.facts_of_change(credential, caller)),
            paragraph(CHANGE_WAS_NOT_ME),
        ];
        self.notice(
            MessageKind::CredentialDeleted,
            &credential.user,
            &Draft {
                subject: "A credential of your account was deleted",
                parts,
            },
        )
    }

    /// A notice that an account was recovered: every earlier credential has ended, and these took their
    /// place.
    pub fn account_recovered(&self, first: &Credential, others: &[Credential]) -> NewMessage {
        let mut parts = vec![
            self.about(&first.organization),
            paragraph(
                "Your account was recovered with a recovery kit. Every credential you had before, and \
                 every session, has ended. From now on this can be used for your account:",
            ),
        ];
        parts.extend(self.facts_of_all_new(first, others));
        parts.push(paragraph(
            "If this was not you, contact the administrator of your organization at once and have \
             your account deactivated: somebody else has your recovery kit and reads your mail.",
        ));
        self.notice(
            MessageKind::AccountRecovered,
            &first.user,
            &Draft {
                subject: "Your account was recovered",
                parts,
            },
        )
    }

    /// A notice that the account of a user was activated again, by whom that is said to have been.
    pub fn account_activated(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        by: &str,
    ) -> NewMessage {
        let draft = Draft {
            subject: "Your account was activated again",
            parts: vec![
                self.about(organization),
                paragraph(
                    "Your account had been deactivated. From now on it can be used again, with every \
                     credential of yours that is active:",
                ),
                Part::Facts(vec![
                    ("Activated by", by.to_owned()),
                    ("Date", date(self.clock.now())),
                ]),
                paragraph(
                    "If you did not expect this, sign in where you usually do, deactivate what you do not \
                     know, and contact the administrator of your organization.",
                ),
            ],
        };
        self.notice(MessageKind::AccountActivated, user, &draft)
    }

    /// A notice that a user became an administrator, by whom that is said to have been.
    pub fn administrator_made(
        &self,
        user: &UserId,
        organization: &OrganizationId,
        by: &str,
    ) -> NewMessage {
        let draft = Draft {
            subject: "You are an administrator now",
            parts: vec![
                self.about(organization),
                paragraph(
                    "From now on your account can be used to manage the users of your organization:",
                ),
                Part::Facts(vec![
                    ("Made by", by.to_owned()),
                    ("Date", date(self.clock.now())),
                ]),
                paragraph(
                    "If you did not expect this, contact another administrator of your organization, and \
                     deactivate every credential that you do not know.",
                ),
            ],
        };
        self.notice(MessageKind::AdministratorMade, user, &draft)
    }

    /// What a kept message says.
    ///
    /// # Errors
    /// [`NotSealed`] when this installation did not write it.
    pub fn open(
        &self,
        message: &MessageId,
        sealed: &SealedText,
    ) -> Result<MessageContent, NotSealed> {
        let content = self.sealer.open(message, sealed)?;
        serde_json::from_slice(&content).map_err(|_malformed| NotSealed)
    }

    /// Where the pages are of that organization, without a slash at the end.
    pub(crate) async fn page_in(
        &self,
        organization: &OrganizationId,
    ) -> Result<Option<String>, StoreError> {
        let Some(prefix) = &self.pages else {
            return Ok(None);
        };
        let page = |known: &Snapshot| known.page_of(organization, prefix);
        let has_page = |known: &Snapshot| page(known).is_some();
        let snapshot = self.directory.snapshot_if(has_page).await?;
        Ok(page(&snapshot))
    }

    fn envelope<'a>(
        &self,
        kind: MessageKind,
        user: &'a UserId,
        expires: Timestamp,
    ) -> Envelope<'a> {
        Envelope {
            kind,
            user,
            created: self.clock.now(),
            expires,
        }
    }

    fn notice(&self, kind: MessageKind, user: &UserId, draft: &Draft) -> NewMessage {
        let expires = self.clock.now().plus(MessageKind::NOTICE_LIFETIME);
        self.write(&self.envelope(kind, user, expires), draft)
    }

    fn write(&self, envelope: &Envelope<'_>, draft: &Draft) -> NewMessage {
        let id = MessageId::from_random(&self.entropy.draw());
        let content = MessageContent {
            subject: draft.subject.to_owned(),
            text: draft.text(),
            html: draft.html(),
        };
        // A value of three texts always serialises.
        let written = Zeroizing::new(serde_json::to_vec(&content).unwrap_or_default());
        NewMessage {
            sealed: self.sealer.seal(&id, &written),
            id,
            kind: envelope.kind,
            user: envelope.user.clone(),
            created: envelope.created,
            due: if self.mailer.sends() {
                envelope.created
            } else {
                envelope.expires
            },
            expires: envelope.expires,
        }
    }

    /// Tells the log of a message that hands over a code, and took effect, that it waits where nobody sends it.
    pub(crate) fn say_if_it_waits(&self, id: &MessageId, kind: MessageKind) {
        if !self.mailer.sends() {
            say_it_waits(id, kind);
        }
    }

    /// Whose account a message is about: whoever has several must not have to guess.
    fn about(&self, organization: &OrganizationId) -> Part {
        let known = self.directory.known();
        let name = known
            .as_deref()
            .and_then(|known| known.name_of(organization));
        match name {
            Some(name) => Part::Paragraph(format!("This is about your account at {name}.")),
            None => Part::Paragraph(format!("This is about your account at {organization}.")),
        }
    }

    /// Where somebody is invited to: ` at One, of Acme`, as far as that is known.
    fn inviting(&self, known: &Snapshot, organization: &OrganizationId) -> String {
        let pages = self.pages.as_ref();
        let home = pages.and_then(|prefix| known.home_of(organization, prefix));
        let application = home.map(|(own, _)| &own.name);
        let organization = known.name_of(organization);
        match (application, organization) {
            (Some(application), Some(name)) => format!(" at {application}, of {name}"),
            (None, Some(name)) => format!(" at {name}"),
            (Some(_) | None, None) => String::new(),
        }
    }
}

/// A code that somebody asked for.
pub struct AskedCode<'a> {
    /// The code.
    pub text: &'a CodeText,
    /// When it expires.
    pub expires: Timestamp,
    /// Whose page it was asked for on, if it was one.
    pub application: Option<&'a ApplicationName>,
}

impl AskedCode<'_> {
    fn facts(&self) -> Vec<Fact> {
        let application = self
            .application
            .map(|name| ("Application", name.to_string()));
        let until = ("Valid until", date(self.expires));
        application.into_iter().chain([until]).collect()
    }
}

/// What a message is besides its words.
struct Envelope<'a> {
    kind: MessageKind,
    user: &'a UserId,
    created: Timestamp,
    expires: Timestamp,
}

const CANNOT_BE_USED: &str = "This credential cannot be used any more, unless you activate it again. \
                               Its sessions and every open code have ended:";

const CHANGE_WAS_NOT_ME: &str = "If this was not you, sign in with another credential, deactivate \
                                  what you do not know, and contact the administrator of your \
                                  organization.";

const NOT_EXPECTED: &str = "If you do not expect this, you need not do anything. Never tell a code to \
                            anybody.";

const NOT_ASKED_FOR: &str = "If you did not ask for this, you need not do anything. Never tell a code \
                             to anybody.";

fn paragraph(text: &str) -> Part {
    Part::Paragraph(text.to_owned())
}

/// What stays as it is in a URL's fragment (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The code is in the fragment, which browsers send to no server and in no `Referer`.
pub(crate) fn registration_link(page: &str, invited: &User, code: &CodeText) -> String {
    format!(
        "{page}/register#code={}&username={}&orgId={}",
        utf8_percent_encode(code.reveal(), ENCODED),
        utf8_percent_encode(invited.username.as_str(), ENCODED),
        utf8_percent_encode(invited.organization.as_str(), ENCODED),
    )
}

/// Tells the log of a message that nobody will send.
pub(crate) fn say_it_waits(id: &MessageId, kind: MessageKind) {
    tracing::info!(message_id = %id, %kind, "a message waits; `latchkey outbox list` shows it");
}

#[cfg(test)]
mod tests;
