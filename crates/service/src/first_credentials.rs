//! First credentials: what a registration and a recovery make, all at once or none.

use latchkey_domain::{
    challenge::purpose::Held,
    credential::{Credential, CredentialKind, MadeBy},
    text::CredentialName,
    user::User,
};

use crate::{
    ceremony::{Completion, NewCredential, NewCredentialError, SignedIn},
    ports::proof_verifier::CreationProof,
};

/// A credential whose name may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstCredential {
    /// What the user calls it.
    pub name: Option<CredentialName>,
    /// The proof that comes with it.
    pub proof: CreationProof,
}

/// The credentials that an account begins with, or begins anew with: all sign the same challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstCredentials {
    /// The credential to sign in with.
    pub first: FirstCredential,
    /// A second one to sign in with.
    pub second: Option<FirstCredential>,
    /// One for recovery.
    pub recovery: Option<FirstCredential>,
}

/// Who has made credentials, and which one is the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The first credential.
    pub credential: Credential,
    /// The user.
    pub user: User,
    /// The session that began with the first credential, where one was asked for and may.
    pub session: Option<SignedIn>,
}

/// Credentials whose proofs were found true.
pub(crate) struct MadeCredentials {
    /// The first one.
    pub first: Credential,
    /// The others, if there are any.
    pub others: Vec<Credential>,
}

impl MadeCredentials {
    /// All of them, the first one first.
    pub(crate) fn all(&self) -> Vec<Credential> {
        [&self.first]
            .into_iter()
            .chain(&self.others)
            .cloned()
            .collect()
    }
}

impl<P: Held> Completion<'_, P> {
    /// Makes first credentials, if the proofs of all are true.
    pub(crate) fn make_first(
        &self,
        made_by: &MadeBy,
        credentials: FirstCredentials,
    ) -> Result<MadeCredentials, NewCredentialError> {
        let make = |slot: Slot, given: FirstCredential| {
            let kind = given.proof.offered.kind();
            if !slot.takes(kind) {
                return Err(NewCredentialError::KindNotAllowed {
                    member: slot.member(),
                    kind,
                });
            }
            let new = NewCredential {
                name: given.name.unwrap_or_else(|| slot.default_name()),
                proof: given.proof,
            };
            self.make_at(slot.member(), made_by.clone(), new)
        };
        let first = make(Slot::First, credentials.first)?;
        let mut others = Vec::new();
        for (slot, given) in [
            (Slot::Second, credentials.second),
            (Slot::Recovery, credentials.recovery),
        ] {
            if let Some(given) = given {
                others.push(make(slot, given)?);
            }
        }
        Ok(MadeCredentials { first, others })
    }
}

/// Where among the first credentials one stands.
#[derive(Clone, Copy)]
enum Slot {
    First,
    Second,
    Recovery,
}

impl Slot {
    const fn member(self) -> &'static str {
        match self {
            Self::First => "firstFactorCredential",
            Self::Second => "secondFactorCredential",
            Self::Recovery => "recoveryCredential",
        }
    }

    /// A recovery credential is for recovery only, and nothing else is (API contract §4.5).
    const fn takes(self, kind: CredentialKind) -> bool {
        match self {
            Self::First | Self::Second => kind.signs_in(),
            Self::Recovery => !kind.signs_in(),
        }
    }

    fn default_name(self) -> CredentialName {
        match self {
            Self::First => CredentialName::default_credential(),
            Self::Second => CredentialName::second_credential(),
            Self::Recovery => CredentialName::recovery_credential(),
        }
    }
}
