//! What people hold and bring: values of which no two are alike, and nothing is kept yet.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
    time::Duration,
};

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    application::{
        Application, Origin, RelyingParty, RpId, native::NativeApplications, pages::Pages,
    },
    authority::Authority,
    challenge::{Challenge, ChallengeText, purpose},
    credential::{
        Credential, CredentialId, CredentialKind, CredentialState, MadeBy, Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey, Transports},
    },
    credential_code::{Claim, CodeDigest, CodeEntry, CredentialCode, NewCredentialCode},
    id::{
        AccountCodeId, ApplicationId, ChallengeId, CredentialCodeId, CredentialUuid, MessageId,
        OrganizationId, TokenId, UserActionId, UserId,
    },
    message::{MessageKind, NewMessage, SealedText},
    organization::{Approval, CodeSignIn, Freshness, Organization, RequestsFrom},
    policy::Lifetimes,
    session::Session,
    text::{ApplicationName, CredentialName, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
    user_action::{ActionPath, Method, PayloadDigest, SignedUserAction, UserAction},
};
use latchkey_service::ports::{
    administration_store::{NewOrganization, Notice},
    registration_store::CompletedRegistration,
    user_store::Invitation,
};

use crate::{NOW, Person, World};

impl World {
    /// An organization of that name that is still to be made, with an application and an administrator. The
    /// application is at `https://one.example` in most cases, in which the organization is called `Example`:
    /// no two organizations share an origin.
    pub fn new_organization(&self, name: &str) -> NewOrganization {
        let organization = Organization {
            id: OrganizationId::from_random(&self.draw()),
            name: OrganizationName::new(name).unwrap(),
            approval: Approval::Never,
            freshness: Freshness::default(),
            code_sign_in: CodeSignIn::default(),
            requests_from: RequestsFrom::default(),
            is_active: true,
            created: NOW,
        };
        let origin = match name {
            "Example" => "https://one.example".to_owned(),
            name => format!("https://of-{}.example", name.to_lowercase()),
        };
        let application = self.new_application(&organization.id, &origin);
        let mut administrator = self.invitation(&organization.id, "admin@example.com");
        administrator.user.is_administrator = true;
        NewOrganization {
            organization,
            application,
            administrator,
        }
    }

    /// An application of that organization that is still to be made.
    pub fn new_application(&self, organization: &OrganizationId, origin: &str) -> Application {
        let host = origin.trim_start_matches("https://");
        Application {
            id: ApplicationId::from_random(&self.draw()),
            organization: organization.clone(),
            name: ApplicationName::new(format!("Application on {host}")).unwrap(),
            relying_party: RelyingParty::new(
                RpId::new(host).unwrap(),
                vec![Origin::new(origin).unwrap()],
            )
            .unwrap(),
            native: NativeApplications::default(),
            pages: Pages::default(),
            is_active: true,
            created: NOW,
        }
    }

    /// The digest of a code that nobody else has.
    pub fn digest(&self) -> CodeDigest {
        CodeDigest::new(self.draw())
    }

    /// Somebody who is still to be invited.
    pub fn invitation(&self, organization: &OrganizationId, username: &str) -> Invitation {
        let user = User {
            id: UserId::from_random(&self.draw()),
            organization: organization.clone(),
            username: Username::new(username).unwrap(),
            kind: UserKind::EndUser,
            external_id: None,
            is_administrator: false,
            is_active: true,
            epoch: Epoch::default(),
            registered: None,
            created: NOW,
        };
        Invitation {
            code: self.account_code(&user, AccountCodeKind::Registration, NOW),
            message: None,
            user,
        }
    }

    /// A code of that kind for a user, with the lifetime that kinds have by default.
    pub fn account_code(
        &self,
        user: &User,
        kind: AccountCodeKind,
        issued: Timestamp,
    ) -> NewAccountCode {
        let code = AccountCode {
            id: AccountCodeId::from_random(&self.draw()),
            user: user.id.clone(),
            epoch: user.epoch,
            kind,
            issued,
            expires: issued.plus(kind.lifetime(&Lifetimes::default())),
        };
        NewAccountCode {
            code,
            digest: self.digest(),
        }
    }

    /// A message to that user, which is worth sending for an hour.
    pub fn message(&self, user: &UserId) -> NewMessage {
        NewMessage {
            id: MessageId::from_random(&self.draw()),
            kind: MessageKind::CredentialAdded,
            user: user.clone(),
            sealed: SealedText::new(vec![1, 2, 3]),
            created: NOW,
            due: NOW,
            expires: NOW.plus(Duration::from_hours(1)),
        }
    }

    /// Tells the owner of a credential that it was deleted.
    pub fn notice(&self) -> Notice {
        let ids: Mutex<Vec<_>> = Mutex::new((0..64).map(|_| self.draw()).collect());
        let sealed = SealedText::new(vec![1, 2, 3]);
        Arc::new(move |credential: &Credential| NewMessage {
            id: MessageId::from_random(&ids.lock().unwrap().pop().unwrap()),
            kind: MessageKind::CredentialDeleted,
            user: credential.user.clone(),
            sealed: sealed.clone(),
            created: NOW,
            due: NOW,
            expires: NOW.plus(Duration::from_hours(1)),
        })
    }

    /// That somebody who was invited makes these credentials.
    pub fn registration(
        &self,
        invitation: &Invitation,
        credentials: Vec<Credential>,
    ) -> (Authority, CompletedRegistration) {
        let challenge = self.challenge(
            &invitation.user.organization,
            purpose::Registration {
                user: invitation.user.id.clone(),
                epoch: invitation.user.epoch,
                code: invitation.code.code.id.clone(),
            },
        );
        (
            Authority::of_challenge(&challenge),
            CompletedRegistration {
                code: invitation.code.code.id.clone(),
                credentials,
                date: NOW,
            },
        )
    }

    /// A challenge that nobody has answered yet.
    pub fn challenge<P>(&self, organization: &OrganizationId, purpose: P) -> Challenge<P> {
        Challenge {
            id: ChallengeId::from_random(&self.draw()),
            text: ChallengeText::from_random(&self.draw()),
            organization: organization.clone(),
            application: None,
            purpose,
            issued: NOW,
            expires: NOW.plus(Duration::from_mins(5)),
        }
    }

    /// A credential that is still to be made.
    pub fn credential(&self, user: &User, material: Material) -> Credential {
        let uuid = CredentialUuid::from_random(&self.draw());
        Credential {
            id: CredentialId::new(format!("id-of-{uuid}")).unwrap(),
            uuid,
            organization: user.organization.clone(),
            user: user.id.clone(),
            name: CredentialName::new("Laptop").unwrap(),
            material,
            provenance: Provenance {
                made_by: MadeBy::Registration,
                origin: None,
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            },
            state: CredentialState::Active,
            created: NOW,
            last_used: None,
        }
    }

    /// A public key that nobody else has.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_spki_der(self.draw().to_vec())
    }

    /// A key pair that nobody else has.
    pub fn pair(&self) -> KeyPair {
        KeyPair {
            public_key: self.public_key(),
            origin: None,
        }
    }

    /// A credential of kind `Key`.
    pub fn key(&self, user: &User) -> Credential {
        self.credential(user, Material::Key(self.pair()))
    }

    /// A credential of kind `PasswordProtectedKey`.
    pub fn protected_key(&self, user: &User) -> Credential {
        let encrypted = EncryptedPrivateKey::new("encrypted").unwrap();
        self.credential(user, Material::PasswordProtectedKey(self.pair(), encrypted))
    }

    /// A credential of kind `RecoveryKey`, whose private half is kept nowhere.
    pub fn recovery_key(&self, user: &User) -> Credential {
        self.credential(user, Material::RecoveryKey(self.pair(), None))
    }

    /// A passkey for that application.
    pub fn passkey(&self, user: &User, application: &Application) -> Credential {
        let passkey = Passkey {
            public_key: self.public_key(),
            application: application.id.clone(),
            rp_id: application.relying_party.rp_id().clone(),
            origin: application.relying_party.origins()[0].clone(),
            aaguid: Aaguid::new([7; 16]),
            sign_count: 0,
            backup_eligible: true,
            backed_up: false,
            transports: Transports::among(["internal", "hybrid"]),
        };
        self.credential(user, Material::Fido2(passkey))
    }

    /// A session of that person, signed in with that credential.
    pub fn session_with(&self, user: &User, credential: &CredentialUuid) -> Session {
        Session {
            id: TokenId::from_random(&self.draw()),
            organization: user.organization.clone(),
            user: user.id.clone(),
            username: user.username.clone(),
            user_kind: user.kind,
            epoch: user.epoch,
            credential: credential.clone(),
            credential_kind: None,
            application: None,
            issued: NOW,
            expires: NOW.plus(Duration::from_hours(6)),
        }
    }

    /// A session of that person, signed in with the first credential.
    pub fn session(&self, person: &Person) -> Session {
        self.session_with(&person.user, &person.credentials[0].uuid)
    }

    /// The authority of a fresh user action of that person, signed with the first credential.
    pub fn authority(&self, person: &Person) -> Authority {
        self.authority_with(&person.user, &person.credentials[0].uuid)
    }

    /// The authority of a fresh user action, signed with that credential.
    pub fn authority_with(&self, user: &User, credential: &CredentialUuid) -> Authority {
        let session = self.session_with(user, credential);
        let action = SignedUserAction {
            id: UserActionId::from_random(&self.draw()),
            organization: user.organization.clone(),
            user: user.id.clone(),
            epoch: user.epoch,
            signers: vec![credential.clone()],
            action: self.action(),
            issued: NOW,
            expires: NOW.plus(Duration::from_mins(5)),
        };
        Authority::of_user_action(&session, &action)
    }

    /// A code of that person that is still to be issued.
    pub fn new_code(&self, person: &Person) -> NewCredentialCode {
        NewCredentialCode {
            code: CredentialCode::issue(
                CredentialCodeId::from_random(&self.draw()),
                &self.session(person),
                NOW,
                NOW.plus(Duration::from_mins(1)),
            ),
            short: Some(self.digest()),
            long: self.digest(),
        }
    }

    /// Somebody entering a code now.
    pub fn claim(&self) -> Claim {
        Claim {
            date: NOW,
            origin: Some(Origin::new("https://one.example").unwrap()),
            address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            challenge: ChallengeId::from_random(&self.draw()),
            expires: NOW.plus(Duration::from_mins(5)),
        }
    }

    /// The entry of that code for a key, where it may be entered.
    pub fn entry(&self, code: &CredentialCode) -> CodeEntry {
        let anywhere = ApplicationId::from_random(&self.draw());
        CodeEntry {
            organization: code.organization.clone(),
            application: code.binding.application.clone().unwrap_or(anywhere),
            kind: CredentialKind::Key,
            username: None,
            claim: self.claim(),
        }
    }

    /// The challenge that came from a claim of that code.
    pub fn challenge_of(
        &self,
        code: &CredentialCode,
        claim: &Claim,
    ) -> Challenge<purpose::CredentialWithCode> {
        Challenge {
            id: claim.challenge.clone(),
            ..self.challenge(
                &code.organization,
                purpose::CredentialWithCode {
                    user: code.user.clone(),
                    epoch: code.epoch,
                    code: code.id.clone(),
                    issuer: code.issuer.clone(),
                    kind: CredentialKind::Key,
                    name: None,
                },
            )
        }
    }

    /// A user action that nobody else takes.
    pub fn action(&self) -> UserAction {
        UserAction {
            method: Method::Post,
            path: ActionPath::parse("/auth/credentials?x=1").unwrap(),
            payload: PayloadDigest::new(self.draw()),
        }
    }
}
