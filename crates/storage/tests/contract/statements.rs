//! What calls cost the database.

use std::time::Duration;

use latchkey_domain::{
    credential::CredentialReference,
    credential_code::CodeForm,
    id::InstallationId,
    organization::Approval,
    page::PageSize,
    text::{OrganizationName, SearchText},
};
use latchkey_service::ports::{
    administration_store::ApplicationUpdate,
    installation_store::Installation,
    message_store::Which,
    user_store::{Reader, UserPage},
};
use latchkey_storage::store::Statements;
use latchkey_store_contract::NOW;

use crate::world::SqlWorld;

on_both! {
    reads_are_one_statement_each,
    reads_for_the_command_line_are_few,
    a_search_is_two_statements_and_looks_at_ten_thousand_users,
    to_ask_whether_changes_can_be_made_is_one_statement,
    what_the_command_line_ends_is_one_transaction_each,
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
        search: None,
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
        for form in [CodeForm::Short, CodeForm::Long] {
            assert!(world.code_of(form, &world.digest()).await.is_none());
        }
        let found = world.credential_codes.newest(user).await;
        assert!(found.unwrap().is_some());
        let found = world.code_requests.find(CodeForm::Long, &code.long).await;
        assert!(found.unwrap().is_none());
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
        assert_eq!(world.events.take(1).await.unwrap(), []);
        assert!(world.installation.look().await.unwrap().is_some());
        let established = world.installation.establish(kept).await.unwrap();
        assert_eq!(established.secrets_fingerprint, "");
    };
    let expected = Statements {
        reads: 21,
        ..Statements::default()
    };
    assert_eq!(world.sql.cost(reads()).await, expected);
}

async fn reads_for_the_command_line_are_few(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    world.person_with_passkey(&tenant, 1).await;
    let administration = &world.administration;
    let page = UserPage {
        size: PageSize::new(9).unwrap(),
        after: None,
        kind: None,
        search: Some(SearchText::new("person").unwrap()),
    };
    let reads = async || {
        assert_eq!(administration.organizations().await.unwrap().len(), 1);
        let applications = administration.applications().await.unwrap();
        assert_eq!(applications[0].passkeys, 1);
        let listed = administration.list_users(None, &page).await.unwrap();
        assert_eq!(listed.users.len(), 1);
    };
    let expected = Statements {
        reads: 4,
        ..Statements::default()
    };
    assert_eq!(world.sql.cost(reads()).await, expected);
}

/// As many users as one part of a search looks at, and some.
const CROWD: &str = "WITH RECURSIVE numbers (number) AS \
     (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 10050) \
     INSERT INTO users (id, organization_id, username, username_key, kind, is_administrator, \
     is_active, epoch, created) \
     SELECT 'us-00000-00000-000000000' || (10000 + number), id, 'crowd' || number, \
     'crowd' || number, 'EndUser', FALSE, TRUE, 0, number FROM organizations, numbers";

async fn a_search_is_two_statements_and_looks_at_ten_thousand_users(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    assert_eq!(world.sql.execute(CROWD).await, 10_050);
    let reader = Reader {
        organization: tenant.organization.clone(),
        administrator: tenant.administrator.user.id.clone(),
    };
    let part = async |text: &str, after| {
        let page = UserPage {
            size: PageSize::new(9).unwrap(),
            after,
            kind: None,
            search: Some(SearchText::new(text).unwrap()),
        };
        let list = world.users.list(&reader, &page).await.unwrap();
        let names = list.users.iter();
        let names: Vec<_> = names.map(|entry| entry.user.username.to_string()).collect();
        (names, list.next)
    };
    // Somebody whom nobody sees in the first part, and the administrator, who is the last.
    let (names, next) = part("crowd10049", None).await;
    assert_eq!(names, Vec::<String>::new());
    let end = next.as_ref().map(|end| end.created.unix_milliseconds());
    assert_eq!(end, Some(10_000));
    assert_eq!(
        part("crowd10049", next.clone()).await,
        (vec!["crowd10049".to_owned()], None)
    );
    assert_eq!(
        part("admin", next).await,
        (vec!["admin@example.com".to_owned()], None)
    );
    let cost = world.sql.cost(async { part("crowd7", None).await }).await;
    let expected = Statements {
        reads: 2,
        ..Statements::default()
    };
    assert_eq!(cost, expected);
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

async fn what_the_command_line_ends_is_one_transaction_each(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let (user, key) = (&person.user.id, &person.credentials[0].uuid);
    let told = world.message(user);
    let application = &tenant.application.id;
    let administration = &world.administration;
    let changes = async || {
        let deactivated = administration.deactivate_credential(user, key, told);
        assert!(deactivated.await.unwrap());
        let ended = administration.end_codes(user).await;
        assert!(ended.unwrap().is_there());
        assert!(administration.end_sessions(user).await.unwrap());
        let update = ApplicationUpdate {
            origins: Some(tenant.application.relying_party.origins().to_vec()),
            ..ApplicationUpdate::default()
        };
        let updated = administration.update_application(application, update);
        updated.await.unwrap();
        let deleted = administration.delete_application(application, Some(world.notice()));
        assert_eq!(deleted.await.unwrap().locked_out, 1);
        let hastened = world.messages.hasten(&Which::All).await;
        assert_eq!(hastened.unwrap(), 0);
        // One is of the credential that was deactivated, the others of passkeys.
        assert!(world.messages.discard(&Which::All).await.unwrap() > 1);
        assert!(administration.delete_user(user).await.unwrap());
    };
    let cost = world.sql.cost(changes()).await;
    assert_eq!((cost.write_transactions, cost.reads), (8, 0));
}

/// What calls of the API change is counted where they are made, by the table of operations.
async fn changes_from_the_command_line_are_one_transaction_each(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let user = world.person(&tenant, 1).await.user.id;
    let (organization, application) = (&tenant.organization, &tenant.application.id);
    let invitation = world.invitation(organization, "ada@example.com");
    let added = world.new_application(organization, "https://two.example");
    let name = OrganizationName::new("Another").unwrap();
    let administration = &world.administration;
    let changes = async || {
        let other = world.tenant("Other").await.organization;
        world.invite(invitation).await;
        assert!(world.set_administrator(&user, true).await);
        assert!(world.set_user_active(&user, false).await);
        let set = administration.set_organization(organization, Approval::Always.into());
        assert!(set.await.unwrap().is_change());
        administration.add_application(added, None).await.unwrap();
        assert!(world.set_application_active(application, false).await);
        let set = administration.set_native(application, &tenant.application.native);
        assert!(set.await.unwrap().is_there());
        let renamed = administration.rename_organization(&other, &name).await;
        assert!(renamed.unwrap().is_change());
        administration.delete_organization(&other).await.unwrap();
    };
    let cost = world.sql.cost(changes()).await;
    assert_eq!((cost.write_transactions, cost.reads), (10, 0));
}
