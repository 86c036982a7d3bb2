use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace())
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn without_a_command_it_serves() {
    assert!(parse("latchkey").unwrap().command.is_none());
    assert!(matches!(
        parse("latchkey serve --config x.toml").unwrap(),
        Arguments {
            command: Some(Command::Serve),
            config: Some(_),
            json: false
        }
    ));
}

/// Documented commands that name nothing by its id.
const PLAIN: [&str; 45] = [
    "health",
    "health --address 127.0.0.1:8080",
    "config check",
    "config show",
    "doctor",
    "health --address [::1]:8080 --json",
    "config check --config x.toml",
    "config show --json",
    "doctor --json --mail-to ada@example.com",
    "migrate up",
    "migrate down --yes",
    "migrate down --delete-data",
    "migrate down --delete-data --organization Acme",
    "migrate status",
    "migrate status --check",
    "organization list",
    "organization list --json",
    "user find ada",
    "application list",
    "outbox retry --all",
    "outbox drop --all",
    "outbox retry --kept",
    "outbox drop --all --yes",
    "outbox drop --kept --yes",
    "completions bash",
    "completions zsh",
    "completions fish",
    "man .",
    "bootstrap --organization A --admin a@example.com --application B \
     --rp-id example.com --origin https://example.com --origin https://a.example.com",
    "bootstrap --organization A --username ada --application B --rp-id example.com \
     --origin https://example.com",
    "outbox list",
    "secrets show",
    "secrets rotate --next",
    "secrets rotate",
    "secrets rotate --now",
    "secrets rotate --retire --now",
    "secrets replace --yes",
    "backup latchkey.backup",
    "restore latchkey.backup",
    "restore --new-secrets -",
    "export -",
    "import latchkey.backup",
    "import --new-secrets -",
    "document openapi",
    "document errors",
];

#[test]
fn every_documented_command_is_understood() {
    const USER: &str = "us-6b58p-r53sr-rlrd3l5cj3uc4ome";
    const APPLICATION: &str = "ap-6b58p-r53sr-rlrd3l5cj3uc4ome";
    const ORGANIZATION: &str = "or-6b58p-r53sr-rlrd3l5cj3uc4ome";
    const CREDENTIAL: &str = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome";
    const MESSAGE: &str = "ms-6b58p-r53sr-rlrd3l5cj3uc4ome";
    let of_ids = [
        format!("organization update --org {ORGANIZATION} --name Example"),
        format!("organization delete --org {ORGANIZATION}"),
        format!("organization delete --org {ORGANIZATION} --yes Exampel"),
        format!("organization set-approval --org {ORGANIZATION} always"),
        format!("organization set-code-sign-in --org {ORGANIZATION} at-once"),
        format!("organization set-freshness --org {ORGANIZATION} 24h"),
        format!("organization set-freshness --org {ORGANIZATION} off"),
        format!("organization set-code-requests --org {ORGANIZATION} same-network"),
        format!("user list --org {ORGANIZATION}"),
        format!("user list --org {ORGANIZATION} --limit 7 --after {USER} --json"),
        format!("user find ada --org {ORGANIZATION} --limit 1"),
        format!("user show --user {USER}"),
        format!("user delete --user {USER}"),
        format!("user delete --user {USER} --yes ada@example.com"),
        format!("user invite --org {ORGANIZATION} --username ada"),
        format!("credential list --user {USER}"),
        format!("credential deactivate --user {USER} --credential {CREDENTIAL}"),
        format!("session end --user {USER}"),
        format!("code cancel --user {USER}"),
        format!("application list --org {ORGANIZATION}"),
        format!("application update --application {APPLICATION} --name D"),
        format!(
            "application update --application {APPLICATION} --rp-id localhost \
             --origin http://localhost:1 --origin http://localhost:2"
        ),
        format!(
            "application update --application {APPLICATION} --enrol-url http://localhost:1/new --pages no"
        ),
        format!("application update --application {APPLICATION} --enrol-url none --pages yes"),
        format!("application update --application {APPLICATION} --accent #0b5d56 --logo none"),
        format!("application update --application {APPLICATION} --accent none"),
        format!("application delete --application {APPLICATION} --yes C"),
        format!("application delete --application {APPLICATION} --delete-credentials --yes C"),
        format!("outbox retry --message {MESSAGE}"),
        format!("outbox drop --message {MESSAGE}"),
        format!("user invite --org {ORGANIZATION} --email b@example.com"),
        format!("user invite --org {ORGANIZATION} --email b@example.com --kind EndUser"),
        format!("user invite --org {ORGANIZATION} --email b@example.com --mail"),
        format!("user deactivate --user {USER}"),
        format!("user activate --user {USER}"),
        format!("user invite --org {ORGANIZATION} --email b@example.com --administrator"),
        format!("user promote --user {USER}"),
        format!("user demote --user {USER}"),
        format!(
            "application add --org {ORGANIZATION} --name C --rp-id localhost \
             --origin http://localhost:1"
        ),
        format!(
            "application add --org {ORGANIZATION} --name C --rp-id localhost \
             --origin http://localhost:1 --enrol-url http://localhost:1/new --no-pages"
        ),
        format!("application deactivate --application {APPLICATION}"),
        format!("application activate --application {APPLICATION}"),
        format!("application set-native --application {APPLICATION}"),
        format!(
            "application set-native --application {APPLICATION} \
             --android-package com.example.app --apple-app-id A1B2C3D4E5.com.example.app"
        ),
    ];
    let lines = PLAIN.into_iter().map(str::to_owned).chain(of_ids);
    for line in lines {
        let parsed = parse(&format!("latchkey {line}"));
        assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
    }
}

#[test]
fn a_value_that_cannot_be_is_named_with_what_to_write() {
    for (line, option, advice) in [
        ("user activate --user 7", "--user", "us-xxxxx-xxxxx-"),
        ("user activate --user ada", "--user", "latchkey user find"),
        (
            "organization delete --org Example",
            "--org",
            "latchkey organization list",
        ),
        ("user list --org x", "--org", "latchkey organization list"),
        (
            "application list --org x",
            "--org",
            "latchkey organization list",
        ),
        (
            "application activate --application x",
            "--application",
            "latchkey application list",
        ),
        (
            "credential deactivate --user us-6b58p-r53sr-rlrd3l5cj3uc4ome --credential x",
            "--credential",
            "latchkey credential list",
        ),
        (
            "outbox drop --message x",
            "--message",
            "latchkey outbox list",
        ),
        (
            "user invite --org or-6b58p-r53sr-rlrd3l5cj3uc4ome --email a@b.example --kind Robot",
            "--kind",
            "CustomerEmployee, EndUser",
        ),
        (
            "user invite --org or-6b58p-r53sr-rlrd3l5cj3uc4ome --email ada",
            "--email",
            "--username",
        ),
        (
            "bootstrap --organization A --admin ada --application B --rp-id x.y --origin https://x.y",
            "--admin",
            "--username",
        ),
        (
            "bootstrap --organization A --admin a@b.example --application B --rp-id https://x.y \
             --origin https://x.y",
            "--rp-id",
            "app.example.com",
        ),
        (
            "bootstrap --organization A --admin a@b.example --application B --rp-id x.y \
             --origin http://x.y",
            "--origin",
            "must use https",
        ),
        (
            "application set-native --application ap-6b58p-r53sr-rlrd3l5cj3uc4ome \
             --android-package example",
            "--android-package",
            "com.example.app",
        ),
        (
            "application set-native --application ap-6b58p-r53sr-rlrd3l5cj3uc4ome \
             --apple-app-id com.example.app",
            "--apple-app-id",
            "A1B2C3D4E5.com.example.app",
        ),
    ] {
        let error = parse(&format!("latchkey {line}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueValidation, "{line}");
        let text = error.to_string();
        assert!(text.contains(option) && text.contains(advice), "{text}");
    }
}

#[test]
fn all_data_is_deleted_on_demand_only() {
    let error = parse("latchkey migrate down").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
    assert!(error.to_string().contains("--yes"), "{error}");
    // To name an organization is not to want its data deleted.
    let error = parse("latchkey migrate down --yes --organization Acme").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
    assert!(error.to_string().contains("--delete-data"), "{error}");
}

#[test]
fn what_says_nothing_or_too_much_is_refused() {
    const INVITE: &str = "user invite --org or-6b58p-r53sr-rlrd3l5cj3uc4ome";
    const BOOTSTRAP: &str = "bootstrap --organization A --application B --rp-id x.y \
                             --origin https://x.y";
    const UPDATE: &str = "application update --application ap-6b58p-r53sr-rlrd3l5cj3uc4ome";
    let (missing, conflict) = (
        ErrorKind::MissingRequiredArgument,
        ErrorKind::ArgumentConflict,
    );
    for (line, kind) in [
        (INVITE.to_owned(), missing),
        (
            format!("{INVITE} --email a@b.example --username a"),
            conflict,
        ),
        (format!("{INVITE} --username a --mail"), conflict),
        (BOOTSTRAP.to_owned(), missing),
        (
            format!("{BOOTSTRAP} --admin a@b.example --username a"),
            conflict,
        ),
        (UPDATE.to_owned(), missing),
        ("outbox retry".to_owned(), missing),
        (
            "outbox drop --all --message ms-6b58p-r53sr-rlrd3l5cj3uc4ome".to_owned(),
            conflict,
        ),
    ] {
        let error = parse(&format!("latchkey {line}")).unwrap_err();
        assert_eq!(error.kind(), kind, "{line}: {error}");
    }
}

#[test]
fn the_version_begins_with_that_of_the_package() {
    let package = env!("CARGO_PKG_VERSION");
    let commit = VERSION.strip_prefix(package).unwrap();
    let is_told = commit.starts_with(" (") && commit.ends_with(')') && commit.len() > 9;
    assert!(commit.is_empty() || is_told, "{VERSION}");
}

#[test]
fn every_command_has_a_page_in_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let manual = |folder: &Path| {
        let folder = folder.to_path_buf();
        Generated::Man { folder }.write()
    };
    let new = folder.path().join("share/man1");
    manual(&new).unwrap();
    for page in [
        "latchkey.1",
        "latchkey-user-find.1",
        "latchkey-outbox-retry.1",
    ] {
        let text = std::fs::read_to_string(new.join(page)).unwrap();
        assert!(text.contains("latchkey"), "{page}");
    }
    let of_a_file = new.join("latchkey.1");
    let failure = manual(&of_a_file).unwrap_err().to_string();
    assert!(failure.contains("latchkey.1"), "{failure}");
}

#[test]
fn an_application_needs_an_origin() {
    let error = parse(
        "latchkey bootstrap --organization A --admin a@b.example --application B --rp-id x.y",
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
}
