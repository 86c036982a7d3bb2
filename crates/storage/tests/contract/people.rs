//! Organizations, people and what they hold, made through the ports.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    application::{Application, Origin, RelyingParty, RpId, native::NativeApplications},
    authority::Authority,
    challenge::{Challenge, ChallengeText, Purpose},
    credential::{
        Credential, CredentialId, CredentialKind, CredentialState, MadeBy, Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey},
    },
    credential_code::{Claim, CodeDigest, CredentialCode, NewCredentialCode},
    id::{
        AccountCodeId, ApplicationId, ChallengeId, CredentialCodeId, CredentialUuid,
        OrganizationId, TokenId, UserActionId, UserId,
    },
    organization::{Approval, Organization},
    policy::Lifetimes,
    session::Session,
    text::{ApplicationName, CredentialName, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, User, UserKind},
    user_action::{ActionPath, Method, PayloadDigest, SignedUserAction, UserAction},
};
use latchkey_service::ports::{
    account_code_store::{self, HeldAccountCode},
    account_store::{Account, AccountStore},
    administration_store::{AdministrationStore as _, Invitation, NewOrganization},
    credential_code_store::{CredentialCodeStore, HeldCode},
    registration_store::{CompletedRegistration, RegistrationStore as _},
};

use crate::world::{NOW, World};

/// An organization with its first application and its administrator, who has not registered.
pub(crate) struct Tenant {
    pub(crate) organization: OrganizationId,
    pub(crate) application: Application,
    pub(crate) administrator: Invitation,
}

/// A user who has registered.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) credentials: Vec<Credential>,
}

impl World {
    pub(crate) fn new_organization(&self, name: &str) -> NewOrganization {
        let organization = Organization {
            id: OrganizationId::from_random(&self.draw()),
            name: OrganizationName::new(name).unwrap(),
            approval: Approval::Never,
            is_active: true,
            created: NOW,
        };
        let application = self.new_application(&organization.id, "https://one.example");
        let mut administrator = self.invitation(&organization.id, "admin@example.com");
        administrator.user.is_administrator = true;
        NewOrganization {
            organization,
            application,
            administrator,
        }
    }

    pub(crate) fn new_application(
        &self,
        organization: &OrganizationId,
        origin: &str,
    ) -> Application {
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
            is_active: true,
            created: NOW,
        }
    }

    pub(crate) fn digest(&self) -> CodeDigest {
        CodeDigest::new(self.draw())
    }

    pub(crate) fn invitation(&self, organization: &OrganizationId, username: &str) -> Invitation {
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
            code: self.account_code(&user.id, AccountCodeKind::Registration, NOW),
            message: None,
            user,
        }
    }

    /// A code of that kind for a user, with the lifetime that kinds have by default.
    pub(crate) fn account_code(
        &self,
        user: &UserId,
        kind: AccountCodeKind,
        issued: Timestamp,
    ) -> NewAccountCode {
        let code = AccountCode {
            id: AccountCodeId::from_random(&self.draw()),
            user: user.clone(),
            kind,
            issued,
            expires: issued.plus(kind.lifetime(&Lifetimes::default())),
        };
        NewAccountCode {
            code,
            digest: self.digest(),
        }
    }

    /// The registration code of that digest, if it is that user's.
    pub(crate) async fn registration_code(
        &self,
        user: &User,
        digest: &CodeDigest,
    ) -> Option<HeldAccountCode> {
        let (organization, kind) = (&user.organization, AccountCodeKind::Registration);
        account_code_store::AccountCodeStore::find(
            &self.store,
            organization,
            &user.username,
            kind,
            digest,
        )
        .await
        .unwrap()
    }

    pub(crate) async fn tenant(&self, name: &str) -> Tenant {
        let new = self.new_organization(name);
        self.store.bootstrap(new.clone()).await.unwrap();
        Tenant {
            organization: new.organization.id,
            application: new.application,
            administrator: new.administrator,
        }
    }

    /// A person of the tenant with that many credentials of kind `Key`.
    pub(crate) async fn person(&self, tenant: &Tenant, keys: usize) -> Person {
        let number = self.draw()[24];
        let name = format!("person-{number}@example.com");
        let invitation = self.invitation(&tenant.organization, &name);
        let user = self.store.invite(invitation.clone()).await.unwrap();
        let credentials: Vec<_> = (0..keys).map(|_| self.key(&user)).collect();
        let (authority, registration) = self.registration(&invitation, credentials.clone());
        self.store.register(authority, registration).await.unwrap();
        Person {
            user: User {
                registered: Some(NOW),
                ..user
            },
            credentials,
        }
    }

    /// The one person of most cases, with two keys.
    pub(crate) async fn someone(&self) -> Person {
        let tenant = self.tenant("Example").await;
        self.person(&tenant, 2).await
    }

    pub(crate) fn registration(
        &self,
        invitation: &Invitation,
        credentials: Vec<Credential>,
    ) -> (Authority, CompletedRegistration) {
        let challenge = self.challenge(
            &invitation.user.organization,
            Purpose::Registration {
                user: invitation.user.id.clone(),
                epoch: invitation.user.epoch,
                code: invitation.code.code.id.clone(),
            },
        );
        (
            Authority::of_challenge(&challenge).unwrap(),
            CompletedRegistration {
                code: invitation.code.code.id.clone(),
                credentials,
                date: NOW,
            },
        )
    }

    pub(crate) fn challenge(&self, organization: &OrganizationId, purpose: Purpose) -> Challenge {
        Challenge {
            id: ChallengeId::from_random(&self.draw()),
            text: ChallengeText::from_random(&self.draw()),
            organization: organization.clone(),
            application: None,
            purpose,
            expires: NOW.plus(Duration::from_mins(5)),
        }
    }

    pub(crate) fn credential(&self, user: &User, material: Material) -> Credential {
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

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::from_spki_der(self.draw().to_vec())
    }

    pub(crate) fn pair(&self) -> KeyPair {
        KeyPair {
            public_key: self.public_key(),
            origin: None,
        }
    }

    pub(crate) fn key(&self, user: &User) -> Credential {
        self.credential(user, Material::Key(self.pair()))
    }

    pub(crate) fn protected_key(&self, user: &User) -> Credential {
        let encrypted = EncryptedPrivateKey::new("encrypted").unwrap();
        self.credential(user, Material::PasswordProtectedKey(self.pair(), encrypted))
    }

    pub(crate) fn recovery_key(&self, user: &User) -> Credential {
        self.credential(user, Material::RecoveryKey(self.pair(), None))
    }

    pub(crate) fn passkey(&self, user: &User, application: &Application) -> Credential {
        let passkey = Passkey {
            public_key: self.public_key(),
            application: application.id.clone(),
            rp_id: application.relying_party.rp_id().clone(),
            origin: application.relying_party.origins()[0].clone(),
            aaguid: Aaguid::new([7; 16]),
            sign_count: 0,
            backup_eligible: true,
            backed_up: false,
        };
        self.credential(user, Material::Fido2(passkey))
    }

    /// A session of that person, signed in with that credential.
    pub(crate) fn session_with(&self, user: &User, credential: &CredentialUuid) -> Session {
        Session {
            id: TokenId::from_random(&self.draw()),
            organization: user.organization.clone(),
            user: user.id.clone(),
            username: user.username.clone(),
            user_kind: user.kind,
            epoch: user.epoch,
            credential: credential.clone(),
            issued: NOW,
            expires: NOW.plus(Duration::from_hours(6)),
        }
    }

    /// A session of that person, signed in with the first credential.
    pub(crate) fn session(&self, person: &Person) -> Session {
        self.session_with(&person.user, &person.credentials[0].uuid)
    }

    /// The authority of a fresh user action of that person, signed with the first credential.
    pub(crate) fn authority(&self, person: &Person) -> Authority {
        self.authority_with(&person.user, &person.credentials[0].uuid)
    }

    /// The authority of a fresh user action, signed with that credential.
    pub(crate) fn authority_with(&self, user: &User, credential: &CredentialUuid) -> Authority {
        let session = self.session_with(user, credential);
        let action = SignedUserAction {
            id: UserActionId::from_random(&self.draw()),
            organization: user.organization.clone(),
            user: user.id.clone(),
            epoch: user.epoch,
            signers: vec![credential.clone()],
            action: some_action(),
            expires: NOW.plus(Duration::from_mins(5)),
        };
        Authority::of_user_action(&session, &action)
    }

    /// A code of that person that is still to be issued.
    pub(crate) fn new_code(&self, person: &Person) -> NewCredentialCode {
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

    /// A code of that person that was issued.
    pub(crate) async fn issued_code(&self, person: &Person) -> NewCredentialCode {
        let new = self.new_code(person);
        self.store
            .issue(self.authority(person), new.clone())
            .await
            .unwrap();
        new
    }

    /// Somebody entering a code now.
    pub(crate) fn claim(&self) -> Claim {
        Claim {
            date: NOW,
            origin: Some(Origin::new("https://one.example").unwrap()),
            address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            challenge: ChallengeId::from_random(&self.draw()),
            expires: NOW.plus(Duration::from_mins(5)),
        }
    }

    /// The challenge that came from a claim of that code.
    pub(crate) fn challenge_of(&self, code: &CredentialCode, claim: &Claim) -> Challenge {
        Challenge {
            id: claim.challenge.clone(),
            ..self.challenge(
                &code.organization,
                Purpose::CredentialWithCode {
                    user: code.user.clone(),
                    epoch: code.epoch,
                    code: code.id.clone(),
                    issuer: code.issuer.clone(),
                    kind: CredentialKind::Key,
                },
            )
        }
    }

    /// What is kept of that person's credentials now.
    pub(crate) async fn credentials_of(&self, person: &Person) -> Vec<Credential> {
        self.account(&person.user.id).await.unwrap().credentials
    }

    /// The account of that user. (Two ports have a method `find`.)
    pub(crate) async fn account(&self, user: &UserId) -> Option<Account> {
        AccountStore::find(&self.store, user).await.unwrap()
    }

    /// The code of that digest, and its owner.
    pub(crate) async fn code(&self, digest: &CodeDigest) -> Option<HeldCode> {
        CredentialCodeStore::find(&self.store, digest)
            .await
            .unwrap()
    }
}

/// Some user action; which one does not matter to the stores.
pub(crate) fn some_action() -> UserAction {
    UserAction {
        method: Method::Post,
        path: ActionPath::parse("/auth/credentials?x=1").unwrap(),
        payload: PayloadDigest::new([5; 32]),
    }
}
