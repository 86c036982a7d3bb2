//! Facts: what a message says of a credential, label by label.

use std::net::IpAddr;

use latchkey_domain::{
    application::Origin,
    credential::{Credential, CredentialKind, MadeBy},
    time::Timestamp,
};

use super::{
    Messages,
    draft::{Fact, Part, date},
};
use crate::directory::Caller;

impl Messages {
    pub(super) fn facts_of(&self, credential: &Credential) -> Vec<Fact> {
        let mut facts = vec![
            ("Name", credential.name.to_string()),
            ("Kind", kind_in_words(credential.kind()).to_owned()),
        ];
        let known = self.directory.known();
        let application = credential.material.application();
        let name = known
            .as_deref()
            .zip(application)
            .and_then(|(known, application)| known.name_of_application(application));
        if let Some(name) = name {
            facts.push(("Application", name.to_string()));
        }
        if let Some(provider) = credential.provider() {
            facts.push(("Kept in", provider.to_owned()));
        }
        facts
    }

    /// A new credential, and from where and when it was made.
    pub(super) fn facts_of_new(&self, credential: &Credential) -> Vec<Fact> {
        let mut facts = self.facts_of(credential);
        let provenance = &credential.provenance;
        let how = match provenance.made_by {
            MadeBy::Registration => "with an invitation",
            MadeBy::Credential { .. } => "by somebody who was signed in",
            MadeBy::Code { .. } => "with a one-time code",
            MadeBy::Recovery { .. } => "with a recovery kit",
        };
        facts.push(("Made", how.to_owned()));
        facts.extend(facts_of_request(
            provenance.origin.as_ref(),
            provenance.address,
            credential.created,
        ));
        facts
    }

    pub(super) fn facts_of_all_new<'a>(
        &'a self,
        first: &'a Credential,
        others: &'a [Credential],
    ) -> impl Iterator<Item = Part> + 'a {
        std::iter::once(first)
            .chain(others)
            .map(move |credential| Part::Facts(self.facts_of_new(credential)))
    }

    /// The credential, and from where and when somebody asked to change it.
    pub(super) fn facts_of_change(&self, credential: &Credential, caller: &Caller) -> Vec<Fact> {
        let mut facts = self.facts_of(credential);
        facts.extend(facts_of_request(
            caller.known_origin().as_ref(),
            caller.address,
            self.clock.now(),
        ));
        facts
    }
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
        CredentialKind::RecoveryKey => "recovery kit",
    }
}
