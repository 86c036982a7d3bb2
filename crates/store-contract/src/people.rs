//! Organizations and people, made through the ports, and looking at them through the ports.

use latchkey_domain::{
    account_code::{AccountCodeKind, NewAccountCode},
    application::Application,
    authority::Authority,
    credential::Credential,
    credential_code::{CodeDigest, CodeForm, CredentialCode, NewCredentialCode},
    id::{ApplicationId, CredentialCodeId, CredentialUuid, OrganizationId, UserId},
    message::{MessageKind, NewMessage},
    time::Timestamp,
    user::User,
};
use latchkey_service::ports::{
    account_code_store::HeldAccountCode,
    account_store::Account,
    credential_code_store::HeldCode,
    credential_store::{ChangeError, CreateError},
    message_store::WaitingMessage,
    user_store::Invitation,
};

use crate::{AuthorityConflict, NOW, World};

/// An organization with its first application and its administrator, who has not registered.
pub struct Tenant {
    /// The organization.
    pub organization: OrganizationId,
    /// Its application.
    pub application: Application,
    /// Its administrator, with the code to register with.
    pub administrator: Invitation,
}

/// A user who has registered.
#[derive(Clone)]
pub struct Person {
    /// The user.
    pub user: User,
    /// What the user signs in with.
    pub credentials: Vec<Credential>,
}

impl World {
    /// Invites somebody, and gives the user as kept.
    pub async fn invite(&self, invitation: Invitation) -> User {
        self.administration.invite(invitation).await.unwrap()
    }

    /// What is found with the code of that invitation.
    pub async fn invited(&self, invitation: &Invitation) -> Option<HeldAccountCode> {
        self.held(&invitation.user, &invitation.code).await
    }

    /// What is found with that account code and the name of that user.
    pub async fn held(&self, user: &User, new: &NewAccountCode) -> Option<HeldAccountCode> {
        let (organization, name) = (&user.organization, &user.username);
        let found = self
            .account_codes
            .find(organization, name, new.code.kind, &new.digest);
        found.await.unwrap()
    }

    /// Requires that all of these invited one and the same user and that one of the codes is left, and
    /// gives the user.
    pub(crate) async fn one_invited(&self, invitations: &[(UserId, Invitation)]) -> UserId {
        let mut found = vec![];
        for (user, invitation) in invitations {
            assert_eq!(user, &invitations[0].0);
            found.extend(self.invited(invitation).await);
        }
        assert_eq!(found.len(), 1);
        found.remove(0).user.id
    }

    /// Activates or deactivates a user; whether there is one.
    pub async fn set_user_active(&self, user: &UserId, active: bool) -> bool {
        let set = self.administration.set_user_active(user, active, None);
        set.await.unwrap().is_there()
    }

    /// Makes a user an administrator, or the reverse; whether there is such a user.
    pub async fn set_administrator(&self, user: &UserId, administrator: bool) -> bool {
        let set = self
            .administration
            .set_administrator(user, administrator, None);
        set.await.unwrap().is_there()
    }

    /// Activates or deactivates an application; whether there is one.
    pub async fn set_application_active(&self, id: &ApplicationId, active: bool) -> bool {
        let set = self.administration.set_application_active(id, active);
        set.await.unwrap().is_there()
    }

    /// Makes a credential of that person, by a user action of theirs.
    pub async fn create(&self, person: &Person, credential: Credential) {
        self.try_create(person, credential).await.unwrap();
    }

    /// As [`create`](Self::create), which may fail.
    pub(crate) async fn try_create(
        &self,
        person: &Person,
        credential: Credential,
    ) -> Result<(), CreateError> {
        let authority = self.authority(person);
        self.credentials.create(authority, credential).await
    }

    /// Activates or deactivates a credential of that person, by a user action of theirs.
    pub async fn set_active(&self, person: &Person, credential: &CredentialUuid, active: bool) {
        self.set_active_at(person, credential, active, NOW).await;
    }

    /// The same at that moment.
    pub async fn set_active_at(
        &self,
        person: &Person,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
    ) {
        let authority = self.authority(person);
        let set = self
            .credentials
            .set_active(authority, credential, active, at);
        set.await.unwrap();
    }

    /// Deletes a credential of that person, by a user action of theirs.
    pub async fn delete(&self, person: &Person, credential: &CredentialUuid) {
        let deleted = self.credentials.delete(self.authority(person), credential);
        deleted.await.unwrap();
    }

    /// Ends every session of that person.
    pub async fn end_all(&self, person: &Person) {
        let session = Authority::of_session(&self.session(person));
        self.sessions.end_all(session).await.unwrap();
    }

    /// Gives a user an account code of that kind.
    pub async fn hand_out(
        &self,
        user: &User,
        kind: AccountCodeKind,
        issued: Timestamp,
    ) -> NewAccountCode {
        let new = self.account_code(user, kind, issued);
        let message = NewMessage {
            kind: kind.message(),
            ..self.message(&user.id)
        };
        let issued = self.account_codes.issue(new.clone(), message);
        assert!(issued.await.unwrap());
        new
    }

    /// What is still to bring codes to a user.
    pub async fn to_bring(&self, user: &User) -> Vec<MessageKind> {
        let told = self.told().await.into_iter();
        let theirs = told.filter(|told| told.to == user.username && told.kind.has_code());
        theirs.map(|told| told.kind).collect()
    }

    /// Cancels every code of that person.
    pub async fn cancel_all(&self, person: &Person) {
        let cancelled = self.credential_codes.cancel_all(&person.user.id);
        cancelled.await.unwrap();
    }

    /// Every message that waits.
    pub async fn told(&self) -> Vec<WaitingMessage> {
        let listed = self.messages.waiting(NOW).await.unwrap();
        listed.into_iter().map(|listed| listed.message).collect()
    }

    /// Removes what expired before that moment, and gives how much that was.
    pub async fn housekeep(&self, before: Timestamp, batch: u32) -> u64 {
        let deleted = self.housekeeping.delete_expired(before, batch);
        deleted.await.unwrap()
    }

    /// Whether an authority holds, found out by a change that changes nothing and uses nothing up: of a
    /// credential that is not there.
    ///
    /// # Errors
    /// [`AuthorityConflict`] when it does not.
    pub async fn standing(&self, authority: &Authority) -> Result<(), AuthorityConflict> {
        let unknown = CredentialUuid::from_random(&self.draw());
        let changed = self
            .credentials
            .set_active(authority.clone(), &unknown, true, NOW);
        match changed.await {
            Err(ChangeError::NotFound) => Ok(()),
            Err(ChangeError::Authority(conflict)) => Err(conflict),
            other => panic!("{other:?}"),
        }
    }

    /// An organization with its application and administrator.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let new = self.new_organization(name);
        self.administration.bootstrap(new.clone()).await.unwrap();
        Tenant {
            organization: new.organization.id,
            application: new.application,
            administrator: new.administrator,
        }
    }

    /// One more application of the tenant, on `two.example`.
    pub async fn second_application(&self, tenant: &Tenant) -> Application {
        let new = self.new_application(&tenant.organization, "https://two.example");
        let added = self.administration.add_application(new.clone(), None);
        added.await.unwrap();
        new
    }

    /// Makes the first credentials of somebody who was invited.
    pub async fn register(&self, invitation: &Invitation, credentials: Vec<Credential>) {
        let (authority, registration) = self.registration(invitation, credentials);
        let registered = self.registrations.register(authority, registration);
        registered.await.unwrap();
    }

    /// A person of the tenant with that many credentials of kind `Key`.
    pub async fn person(&self, tenant: &Tenant, keys: usize) -> Person {
        let number = u64::from_le_bytes(self.draw()[24..].try_into().unwrap());
        let name = format!("person-{number}@example.com");
        let invitation = self.invitation(&tenant.organization, &name);
        let user = self.invite(invitation.clone()).await;
        let credentials: Vec<_> = (0..keys).map(|_| self.key(&user)).collect();
        self.register(&invitation, credentials.clone()).await;
        Person {
            user: User {
                registered: Some(NOW),
                ..user
            },
            credentials,
        }
    }

    /// Such a person, who then made a passkey.
    pub async fn person_with_passkey(&self, tenant: &Tenant, keys: usize) -> Person {
        let mut person = self.person(tenant, keys).await;
        let passkey = self.passkey(&person.user, &tenant.application);
        self.create(&person, passkey.clone()).await;
        person.credentials.push(passkey);
        person
    }

    /// The one person of most cases, with two keys.
    pub async fn someone(&self) -> Person {
        let tenant = self.tenant("Example").await;
        self.person(&tenant, 2).await
    }

    /// Two people of one organization, with that many keys each.
    pub async fn two(&self, keys: usize) -> [Person; 2] {
        let tenant = self.tenant("Example").await;
        [
            self.person(&tenant, keys).await,
            self.person(&tenant, keys).await,
        ]
    }

    /// One more administrator of the tenant, with one key.
    pub async fn administrator(&self, tenant: &Tenant) -> Person {
        let mut person = self.person(tenant, 1).await;
        person.user.is_administrator = self.set_administrator(&person.user.id, true).await;
        person
    }

    /// A code of that person that was issued.
    pub async fn issued_code(&self, person: &Person) -> NewCredentialCode {
        let new = self.new_code(person);
        let issued = self
            .credential_codes
            .issue(self.authority(person), new.clone());
        issued.await.unwrap();
        new
    }

    /// What is kept of that person's credentials now.
    pub async fn credentials_of(&self, person: &Person) -> Vec<Credential> {
        self.account(&person.user.id).await.unwrap().credentials
    }

    /// The account of that user. (Two ports have a method `find`.)
    pub async fn account(&self, user: &UserId) -> Option<Account> {
        self.accounts.find(user).await.unwrap()
    }

    /// The code of that user that was issued last.
    pub async fn newest(&self, user: &UserId) -> Option<CredentialCode> {
        self.credential_codes.newest(user).await.unwrap()
    }

    /// The code of that identifier, and its owner.
    pub async fn code_by_id(&self, id: &CredentialCodeId) -> Option<HeldCode> {
        self.credential_codes.find_by_id(id).await.unwrap()
    }

    /// The code of that long digest, and its owner.
    pub async fn code(&self, long: &CodeDigest) -> Option<HeldCode> {
        self.code_of(CodeForm::Long, long).await
    }

    /// The code that has that digest in that form, and its owner.
    pub async fn code_of(&self, form: CodeForm, digest: &CodeDigest) -> Option<HeldCode> {
        let found = self.credential_codes.find(form, digest).await.unwrap()?;
        Some(HeldCode {
            code: found.code,
            user: found.owner,
        })
    }
}
