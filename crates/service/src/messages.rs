//! Messages: what users are told, in which words, and sealed as they are kept.
//!
//! Every message is rendered once, as text and as HTML, when the change it tells about is decided; it
//! is kept in the transaction of that change and sent afterwards (see `outbox`). Subjects hold nothing
//! that anybody outside can choose, and in HTML everything is escaped.
//!
//! To add a kind of message, add it to [`MessageKind`] and compose it here.

mod draft;

use std::{net::IpAddr, sync::Arc};

use latchkey_domain::{
    application::Origin,
    credential::{Credential, CredentialKind, MadeBy},
    credential_code::CodeText,
    id::{MessageId, OrganizationId, UserId},
    message::{MessageKind, NewMessage, SealedText},
    time::Timestamp,
    user::User,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::{OffsetDateTime, macros::format_description};
use zeroize::Zeroizing;

use self::draft::{Draft, Fact, Part};
use crate::{
    directory::{Caller, Directory, Snapshot},
    ports::{
        clock::Clock,
        entropy::Entropy,
        mailer::MessageContent,
        sealer::{NotSealed, Sealer},
        store::StoreError,
    },
};

/// Composes, seals and opens messages.
pub struct Messages {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sealer: Arc<dyn Sealer>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) has_pages: bool,
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
        let mut parts = vec![paragraph(
            "You are invited to register. There is no password: you will make a passkey or another \
             key.",
        )];
        match self.page_of(invited).await? {
            Some(page) => parts.extend([
                Part::Link(registration_link(&page, invited, code)),
                paragraph("Or enter your registration code yourself:"),
            ]),
            None => parts.push(paragraph("Your registration code:")),
        }
        parts.extend([
            Part::Code(code.reveal().to_owned()),
            Part::Facts(vec![
                ("Username", invited.username.to_string()),
                ("Organization", invited.organization.to_string()),
                ("Valid until", date(expires)),
            ]),
            paragraph(NOT_ASKED_FOR),
        ]);
        let draft = Draft {
            subject: "Your invitation to register",
            parts,
        };
        Ok(self.code(MessageKind::Registration, &invited.id, expires, &draft))
    }

    /// A code that login/init takes as `loginCode`.
    pub fn login_code(&self, user: &UserId, code: &CodeText, expires: Timestamp) -> NewMessage {
        let draft = Draft {
            subject: "Your sign-in code",
            parts: vec![
                paragraph("Your code to sign in with your password-protected key:"),
                Part::Code(code.reveal().to_owned()),
                Part::Facts(vec![("Valid until", date(expires))]),
                paragraph(NOT_ASKED_FOR),
            ],
        };
        self.code(MessageKind::LoginCode, user, expires, &draft)
    }

    /// A code that begins a recovery.
    pub fn recovery_code(&self, user: &UserId, code: &CodeText, expires: Timestamp) -> NewMessage {
        let draft = Draft {
            subject: "Your recovery code",
            parts: vec![
                paragraph(
                    "Your code to recover your account with your recovery key. All your credentials \
                     will end when you do:",
                ),
                Part::Code(code.reveal().to_owned()),
                Part::Facts(vec![("Valid until", date(expires))]),
                paragraph(NOT_ASKED_FOR),
            ],
        };
        self.code(MessageKind::RecoveryCode, user, expires, &draft)
    }

    /// A notice that somebody who is signed in, or has a code, added a credential. On that page, where there is
    /// one, it can be taken away.
    pub fn credential_added(&self, credential: &Credential, page: Option<&Origin>) -> NewMessage {
        let by_code = match credential.provenance.made_by {
            MadeBy::Code { .. } => " Cancel every code that you have made and not used.",
            MadeBy::Registration | MadeBy::Credential { .. } | MadeBy::Recovery { .. } => "",
        };
        let mut parts = vec![
            paragraph("From now on this credential can be used for your account:"),
            Part::Facts(facts_of_new(credential)),
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

    /// A notice that a credential was made with a code and waits for approval.
    pub fn credential_waits(&self, credential: &Credential) -> NewMessage {
        let draft = Draft {
            subject: "A credential waits for your approval",
            parts: vec![
                paragraph(
                    "This credential was made with a code of yours. It cannot be used unless you \
                     approve it where you are signed in, and is gone in five minutes:",
                ),
                Part::Facts(facts_of_new(credential)),
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
        let mut parts = vec![paragraph(
            "Your account was registered. From now on this can be used for it:",
        )];
        parts.extend(facts_of_all_new(first, others));
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
        let mut facts = facts_of(credential);
        facts.extend([
            ("Deactivated by", by.to_owned()),
            ("Date", date(self.clock.now())),
        ]);
        let draft = Draft {
            subject: "A credential of your account was deactivated",
            parts: vec![
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
        let mut facts = facts_of(credential);
        facts.extend([
            ("Deleted by", by.to_owned()),
            ("Date", date(self.clock.now())),
        ]);
        let draft = Draft {
            subject: "A credential of your account was deleted",
            parts: vec![
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
        let mut parts = vec![paragraph(
            "Your account was recovered with a recovery key. Every credential you had before, and \
             every session, has ended. From now on this can be used for your account:",
        )];
        parts.extend(facts_of_all_new(first, others));
        parts.push(paragraph(
            "If this was not you, contact the administrator of your organization at once and have \
             your account deactivated: somebody else has your recovery key and reads your mail.",
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
    pub fn account_activated(&self, user: &UserId, by: &str) -> NewMessage {
        let draft = Draft {
            subject: "Your account was activated again",
            parts: vec![
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
    pub fn administrator_made(&self, user: &UserId, by: &str) -> NewMessage {
        let draft = Draft {
            subject: "You are an administrator now",
            parts: vec![
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

    /// Where the pages are of the user's organization.
    pub(crate) async fn page_of(&self, user: &User) -> Result<Option<Origin>, StoreError> {
        self.page_in(&user.organization).await
    }

    /// Where the pages are of that organization.
    pub(crate) async fn page_in(
        &self,
        organization: &OrganizationId,
    ) -> Result<Option<Origin>, StoreError> {
        if !self.has_pages {
            return Ok(None);
        }
        let has_page = |known: &Snapshot| known.page_of(organization).is_some();
        let snapshot = self.directory.snapshot_if(has_page).await?;
        Ok(snapshot.page_of(organization).cloned())
    }

    fn code(
        &self,
        kind: MessageKind,
        user: &UserId,
        expires: Timestamp,
        draft: &Draft,
    ) -> NewMessage {
        self.write(
            &Envelope {
                kind,
                user,
                created: self.clock.now(),
                expires,
            },
            draft,
        )
    }

    fn notice(&self, kind: MessageKind, user: &UserId, draft: &Draft) -> NewMessage {
        let created = self.clock.now();
        let envelope = Envelope {
            kind,
            user,
            created,
            expires: created.plus(MessageKind::NOTICE_LIFETIME),
        };
        self.write(&envelope, draft)
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
            expires: envelope.expires,
        }
    }

    /// The credential, and from where and when somebody asked to change it.
    fn facts_of_change(&self, credential: &Credential, caller: &Caller) -> Vec<Fact> {
        let mut facts = facts_of(credential);
        facts.extend(facts_of_request(
            caller.known_origin().as_ref(),
            caller.address,
            self.clock.now(),
        ));
        facts
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

const NOT_ASKED_FOR: &str = "If you did not ask for this, you need not do anything. Never tell a code \
                             to anybody.";

fn paragraph(text: &str) -> Part {
    Part::Paragraph(text.to_owned())
}

fn facts_of(credential: &Credential) -> Vec<Fact> {
    let mut facts = vec![
        ("Name", credential.name.to_string()),
        ("Kind", kind_in_words(credential.kind()).to_owned()),
    ];
    if let Some(provider) = credential.provider() {
        facts.push(("Kept in", provider.to_owned()));
    }
    facts
}

/// A new credential, and from where and when it was made.
fn facts_of_new(credential: &Credential) -> Vec<Fact> {
    let mut facts = facts_of(credential);
    let provenance = &credential.provenance;
    let how = match provenance.made_by {
        MadeBy::Registration => "with an invitation",
        MadeBy::Credential { .. } => "by somebody who was signed in",
        MadeBy::Code { .. } => "with a one-time code",
        MadeBy::Recovery { .. } => "with a recovery key",
    };
    facts.push(("Made", how.to_owned()));
    facts.extend(facts_of_request(
        provenance.origin.as_ref(),
        provenance.address,
        credential.created,
    ));
    facts
}

fn facts_of_all_new<'a>(
    first: &'a Credential,
    others: &'a [Credential],
) -> impl Iterator<Item = Part> + 'a {
    std::iter::once(first)
        .chain(others)
        .map(|credential| Part::Facts(facts_of_new(credential)))
}

fn facts_of_request(origin: Option<&Origin>, address: IpAddr, at: Timestamp) -> Vec<Fact> {
    let origin = origin.map_or_else(|| "no web page".to_owned(), ToString::to_string);
    vec![
        ("Where", origin),
        ("Address", address.to_string()),
        ("Date", date(at)),
    ]
}

const fn kind_in_words(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Fido2 => "passkey or security key",
        CredentialKind::Key => "key",
        CredentialKind::PasswordProtectedKey => "password-protected key",
        CredentialKind::RecoveryKey => "recovery key",
    }
}

/// What stays as it is in a URL's fragment (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The code is in the fragment, which browsers send to no server and in no `Referer`.
pub(crate) fn registration_link(page: &Origin, invited: &User, code: &CodeText) -> String {
    format!(
        "{page}/register#code={}&username={}&orgId={}",
        utf8_percent_encode(code.reveal(), ENCODED),
        utf8_percent_encode(invited.username.as_str(), ENCODED),
        utf8_percent_encode(invited.organization.as_str(), ENCODED),
    )
}

/// A moment for people, such as `2026-01-31 12:00:00 UTC`.
fn date(moment: Timestamp) -> String {
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

#[cfg(test)]
mod tests;
