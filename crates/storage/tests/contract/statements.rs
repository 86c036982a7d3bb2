//! What calls cost the database.

use std::time::Duration;

use latchkey_domain::{credential::CredentialReference, id::InstallationId, page::PageSize};
use latchkey_service::ports::{
    installation_store::Installation,
    user_store::{Reader, UserPage},
};
use latchkey_storage::store::Statements;
use latchkey_store_contract::NOW;

use crate::world::SqlWorld;

on_both! {
    every_read_is_one_statement,
    every_change_is_one_transaction,
}

async fn every_read_is_one_statement(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let code = world.issued_code(&person).await;
    let (user, organization) = (&person.user.id, &tenant.organization);
    let session = world.session(&person);
    let reference = CredentialReference::Id(person.credentials[0].id.clone());
    let reader = Reader {
        organization: organization.clone(),
        administrator: tenant.administrator.user.id.clone(),
    };
    let page = UserPage {
        size: PageSize::new(9).unwrap(),
        after: None,
        kind: None,
    };
    let kept = Installation {
        id: InstallationId::from_random(&world.draw()),
        secrets_fingerprint: String::new(),
    };
    world.installation.establish(kept.clone()).await.unwrap();
    let name = &person.user.username;
    let reads = async || {
        world.directory.load().await.unwrap();
        let found = world.accounts.find_by_username(organization, name).await;
        assert!(found.unwrap().is_some());
        assert!(world.account(user).await.is_some());
        let found = world.accounts.find_credential(organization, &reference);
        assert!(found.await.unwrap().is_some());
        assert!(world.code(&code.long).await.is_some());
        assert!(world.code(&world.digest()).await.is_none());
        let found = world.credential_codes.newest(user).await;
        assert!(found.unwrap().is_some());
        assert!(world.invited(&tenant.administrator).await.is_some());
        assert!(world.sessions.is_live(&session).await.unwrap());
        assert!(!world.administration.is_empty().await.unwrap());
        let listed = world.users.list(&reader, &page).await.unwrap();
        assert_eq!(listed.users.len(), 2);
        assert!(world.users.find(&reader, user).await.unwrap().is_some());
        let lease = Duration::from_mins(1);
        assert_eq!(world.messages.claim(NOW, lease, 1).await.unwrap(), []);
        assert_eq!(world.told().await, []);
        let established = world.installation.establish(kept).await.unwrap();
        assert_eq!(established.secrets_fingerprint, "");
    };
    let expected = Statements {
        reads: 15,
        ..Statements::default()
    };
    assert_eq!(world.sql.cost(reads()).await, expected);
}

async fn every_change_is_one_transaction(world: SqlWorld) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let changes = async || {
        let credential = world.key(&person.user);
        world.redeem(&claimed, credential).await.unwrap();
        world.issued_code(&person).await;
        let user = &person.user.id;
        world.credential_codes.cancel_all(user).await.unwrap();
    };
    let cost = world.sql.cost(changes()).await;
    assert_eq!((cost.write_transactions, cost.reads), (3, 0));
}
