//! What calls cost the database.

use std::time::Duration;

use latchkey_domain::{
    credential::CredentialReference, id::InstallationId, organization::Approval, page::PageSize,
};
use latchkey_service::ports::{
    installation_store::Installation,
    user_store::{Reader, UserPage},
};
use latchkey_storage::store::Statements;
use latchkey_store_contract::NOW;

use crate::world::SqlWorld;

on_both! {
    reads_are_one_statement_each,
    to_ask_whether_changes_can_be_made_is_one_statement,
    changes_from_the_command_line_are_one_transaction_each,
}

async fn reads_are_one_statement_each(world: SqlWorld) {
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
        let found = world.credential_codes.find_by_id(&code.code.id).await;
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
        assert_eq!(world.messages.pending(NOW).await.unwrap().count, 0);
        assert!(world.installation.look().await.unwrap().is_some());
        let established = world.installation.establish(kept).await.unwrap();
        assert_eq!(established.secrets_fingerprint, "");
    };
    let expected = Statements {
        reads: 18,
        ..Statements::default()
    };
    assert_eq!(world.sql.cost(reads()).await, expected);
}

/// It takes the path of changes, and is asked every few seconds.
async fn to_ask_whether_changes_can_be_made_is_one_statement(world: SqlWorld) {
    let asked = world.installation.ping();
    let expected = Statements {
        write_transactions: 1,
        write_statements: 1,
        ..Statements::default()
    };
    assert_eq!(
        world.sql.cost(async { asked.await.unwrap() }).await,
        expected
    );
}

/// What calls of the API change is counted where they are made, by the table of operations.
async fn changes_from_the_command_line_are_one_transaction_each(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let user = world.person(&tenant, 1).await.user.id;
    let (organization, application) = (&tenant.organization, &tenant.application.id);
    let invitation = world.invitation(organization, "ada@example.com");
    let added = world.new_application(organization, "https://two.example");
    let administration = &world.administration;
    let changes = async || {
        world.tenant("Other").await;
        world.invite(invitation).await;
        assert!(world.set_administrator(&user, true).await);
        assert!(world.set_user_active(&user, false).await);
        let set = administration.set_approval(organization, Approval::Always);
        assert!(set.await.unwrap());
        administration.add_application(added).await.unwrap();
        assert!(world.set_application_active(application, false).await);
        let set = administration.set_native(application, &tenant.application.native);
        assert!(set.await.unwrap());
    };
    let cost = world.sql.cost(changes()).await;
    assert_eq!((cost.write_transactions, cost.reads), (8, 0));
}
