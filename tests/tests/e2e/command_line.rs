//! The command line: one line of JSON on standard output, or a clear error and nothing.

use latchkey_e2e::{
    Outcome,
    ceremony::registration_challenge,
    client::Client,
    installation::{DatabaseKind, Installation, text},
};
use serde_json::{Value, json};

fn installation() -> Outcome<Installation> {
    Installation::empty(DatabaseKind::Sqlite)
}

fn members(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(member, _)| member.as_str())
        .collect()
}

#[test]
fn bootstrap_answers_what_the_first_user_needs() -> Outcome {
    let installation = installation()?;
    let answer = installation.administrate(
        "bootstrap --organization Acme --admin admin@acme.example --application Shop \
         --rp-id acme.example --origin https://acme.example --origin https://shop.acme.example",
    )?;
    let mut names = members(&answer);
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "appId",
            "orgId",
            "registrationCode",
            "registrationExpires",
            "registrationUrl",
            "userId",
            "username"
        ]
    );
    assert!(text(&answer, "orgId")?.starts_with("or-"));
    assert!(text(&answer, "appId")?.starts_with("ap-"));
    assert!(text(&answer, "userId")?.starts_with("us-"));
    assert_eq!(answer["username"], "admin@acme.example");
    assert!(text(&answer, "registrationExpires")?.ends_with('Z'));
    let (code, organization) = (text(&answer, "registrationCode")?, text(&answer, "orgId")?);
    assert_eq!(
        text(&answer, "registrationUrl")?,
        format!(
            "https://acme.example/register#code={code}&username=admin%40acme.example\
             &orgId={organization}"
        )
    );
    Ok(())
}

#[test]
fn an_invitation_is_a_link_where_there_are_pages_and_no_mail_goes_to_what_is_no_address() -> Outcome
{
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    let invite = format!("user invite --org {organization}");
    let invited = installation.administrate(&format!("{invite} --username ada"))?;
    assert_eq!(invited["username"], "ada");
    let link = text(&invited, "registrationUrl")?;
    let code = text(&invited, "registrationCode")?;
    let expected = format!("https://one.example/register#code={code}&username=ada&orgId=");
    assert!(link.starts_with(&expected), "{link}");
    let mailed = installation.administrate(&format!("{invite} --email b@c.example --mail"))?;
    for secret in ["registrationCode", "registrationUrl"] {
        assert!(mailed.get(secret).is_none(), "{mailed}");
    }
    for (named, words) in [
        ("--username", "--email nobody"),
        ("--username", "--email not@an@address"),
        ("--mail", "--username ada --mail"),
        ("--email", "--kind EndUser"),
    ] {
        let refused = installation.run(&format!("{invite} {words}"))?;
        assert!(refused.error()?.contains(named), "{words}: {refused:?}");
    }
    let without = installation.with("WEB__ENABLED", "false");
    let invited = without.administrate(&format!("{invite} --username ada"))?;
    assert!(invited.get("registrationUrl").is_none(), "{invited}");
    Ok(())
}

#[test]
fn completions_and_manual_pages_are_written_and_the_version_tells_the_commit() -> Outcome {
    let installation = installation()?;
    for shell in ["bash", "zsh", "fish"] {
        let script = installation.run(&format!("completions {shell}"))?;
        assert!(script.status.success(), "{script:?}");
        assert!(script.stdout.contains("outbox"), "{shell}");
    }
    let written = installation.run("man .")?;
    assert!(written.status.success(), "{written:?}");
    let page = std::fs::read_to_string(installation.folder().join("latchkey-user-find.1"))?;
    assert!(page.contains("part of their name"), "{page}");
    let version = installation.run("--version")?.stdout;
    assert!(version.starts_with("latchkey "), "{version}");
    Ok(())
}

/// As `latchkey … | head -1` sees it, once `head` has gone.
#[test]
fn a_reader_who_goes_early_is_no_failure_but_of_a_backup() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    for (words, status) in [
        ("completions bash".to_owned(), 0),
        ("document openapi".to_owned(), 0),
        ("--help".to_owned(), 0),
        ("config show".to_owned(), 0),
        ("user find a".to_owned(), 0),
        (format!("user list --org {organization}"), 0),
        ("backup -".to_owned(), 1),
    ] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let ended = installation.command(&words)?.stdout(writer).output()?;
        let said = String::from_utf8(ended.stderr)?;
        assert_eq!(ended.status.code(), Some(status), "{words}: {said}");
        assert!(!said.contains("panicked"), "{words}: {said}");
        let is_told = said.contains("Broken pipe");
        assert_eq!(is_told, status == 1, "{words}: {said}");
    }
    Ok(())
}

#[test]
fn the_first_administrator_has_an_address_or_is_said_to_have_none() -> Outcome {
    let installation = installation()?;
    let bootstrap = "bootstrap --organization Acme --application Shop --rp-id acme.example \
                     --origin https://acme.example";
    let refused = installation.run(&format!("{bootstrap} --admin ada"))?;
    assert!(refused.error()?.contains("--username"), "{refused:?}");
    let made = installation.administrate(&format!("{bootstrap} --username ada"))?;
    assert_eq!(made["username"], "ada");
    Ok(())
}

#[tokio::test]
async fn the_same_organization_again_is_an_error_and_changes_nothing() -> Outcome {
    let installation = installation()?;
    let first = installation.bootstrap("Acme")?;
    let again = installation.run(
        "bootstrap --organization Acme --admin other@three.example --application Other \
         --rp-id three.example --origin https://three.example",
    )?;
    assert!(again.error()?.contains("Acme"), "{again:?}");

    let server = installation.start().await?;
    let init = json!({ "orgId": first.organization, "username": "admin@one.example" });
    let client = Client::of(&server)?;
    client
        .clone()
        .at("https://three.example")
        .post("/auth/login/init", &init)
        .await?
        .refused(403)?;
    registration_challenge(&client, &first.administrator).await?;
    Ok(())
}

#[test]
fn an_unregistered_user_is_invited_again_with_a_new_code() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    let first = installation.invite(&organization, "ann@example.com")?;
    let second = installation.invite(&organization, "ann@example.com")?;
    assert_eq!(first.user, second.user);
    assert_ne!(first.code, second.code);
    assert_eq!(second.username, "ann@example.com");
    assert_eq!(second.organization, organization);
    Ok(())
}

#[test]
fn users_are_invited_as_either_kind() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    for kind in ["CustomerEmployee", "EndUser"] {
        let answer = installation.administrate(&format!(
            "user invite --org {organization} --email {kind}@example.com --kind {kind}"
        ))?;
        assert!(answer.get("appId").is_none());
        assert!(answer["registrationCode"].is_string());
    }
    let wrong = format!("user invite --org {organization} --email a@b.example --kind Robot");
    let wrong = installation.run(&wrong)?;
    assert!(wrong.error()?.contains("EndUser"), "{wrong:?}");
    Ok(())
}

#[test]
fn what_does_not_exist_is_named() -> Outcome {
    let installation = installation()?;
    installation.bootstrap("Acme")?;
    let organization = "or-00000-00000-00000000000000";
    let user = "us-00000-00000-00000000000000";
    let application = "ap-00000-00000-00000000000000";
    let add = "--name Three --rp-id three.example --origin https://three.example";
    for words in [
        format!("user invite --email a@b.example --org {organization}"),
        format!("user deactivate --user {user}"),
        format!("user activate --user {user}"),
        format!("user promote --user {user}"),
        format!("user demote --user {user}"),
        format!("application add {add} --org {organization}"),
        format!("application deactivate --application {application}"),
        format!("application activate --application {application}"),
    ] {
        let named = words.rsplit(' ').next().unwrap();
        let answer = installation.run(&words)?;
        assert!(answer.error()?.contains(named), "{answer:?}");
    }
    Ok(())
}

#[test]
fn what_is_malformed_is_named() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    let add = format!("application add --org {organization} --name Three");
    let three = "--rp-id three.example --origin";
    for (named, words) in [
        (
            "RP id",
            format!("{add} --rp-id one.example --origin https://three.example"),
        ),
        ("origin", format!("{add} {three} https://three.example/")),
        ("https", format!("{add} {three} http://three.example")),
        (
            "--org",
            "user invite --org acme --email a@b.example".to_owned(),
        ),
        ("--user", "user deactivate --user ann".to_owned()),
        (
            "latchkey user find",
            "session end --user ann@example.com".to_owned(),
        ),
        (
            "yes, no",
            "application update --application ap-00000-00000-00000000000000 --pages maybe"
                .to_owned(),
        ),
    ] {
        let answer = installation.run(&words)?;
        assert!(answer.error()?.contains(named), "{named}: {answer:?}");
    }
    Ok(())
}

#[test]
fn applications_and_users_are_switched_off_and_on() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    let user = installation.invite(&organization, "ann@example.com")?.user;
    let application = installation.add_application(&organization, "three.example")?;
    for (thing, id) in [("user", &user), ("application", &application)] {
        for (verb, active) in [("deactivate", false), ("activate", true)] {
            let answer = installation.administrate(&format!("{thing} {verb} --{thing} {id}"))?;
            assert_eq!(answer["isActive"], active, "{thing} {verb}: {answer}");
            assert!(answer.to_string().contains(id), "{thing} {verb}: {answer}");
            assert_eq!(answer["changed"], true, "{thing} {verb}: {answer}");
            let again = installation.administrate(&format!("{thing} {verb} --{thing} {id}"))?;
            assert_eq!(again["isActive"], active, "{thing} {verb}: {again}");
            assert_eq!(again["changed"], false, "{thing} {verb}: {again}");
        }
    }
    Ok(())
}

#[test]
fn what_an_organization_asks_of_credentials_is_set() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    for (verb, member, value) in [
        ("set-approval", "approval", "always"),
        ("set-code-sign-in", "codeSignIn", "at-once"),
        ("set-freshness", "freshness", "24h"),
        ("set-freshness", "freshness", "off"),
        ("set-code-requests", "codeRequests", "same-network"),
        ("set-code-requests", "codeRequests", "nowhere"),
    ] {
        let words = format!("organization {verb} --org {organization} {value}");
        for changed in [true, false] {
            assert_eq!(
                installation.administrate(&words)?,
                json!({ "orgId": organization, member: value, "changed": changed })
            );
        }
        let unknown = "or-00000-00000-00000000000000";
        let answer = installation.run(&words.replace(&organization, unknown))?;
        assert!(answer.error()?.contains(unknown), "{answer:?}");
    }
    Ok(())
}

#[test]
fn an_organization_keeps_an_administrator() -> Outcome {
    let installation = installation()?;
    let made = installation.bootstrap("Acme")?;
    let first = made.administrator.user;
    for verb in ["deactivate", "demote"] {
        let refused = installation.run(&format!("user {verb} --user {first}"))?;
        assert!(
            refused.error()?.contains("last active administrator"),
            "{refused:?}"
        );
    }
    let second = installation.administrate(&format!(
        "user invite --org {} --email ann@example.com --administrator",
        made.organization
    ))?;
    let second = text(&second, "userId")?;
    let demote = |user: &str| format!("user demote --user {user}");
    let demoted = installation.administrate(&demote(&first))?;
    assert_eq!(
        demoted,
        json!({ "userId": first, "isAdministrator": false, "changed": true })
    );
    installation.run(&demote(&second))?.error()?;
    let promoted = installation.administrate(&format!("user promote --user {first}"))?;
    assert_eq!(
        promoted,
        json!({ "userId": first, "isAdministrator": true, "changed": true })
    );
    installation.administrate(&demote(&second))?;
    Ok(())
}

#[tokio::test]
async fn a_deactivated_application_or_user_cannot_begin() -> Outcome {
    let installation = installation()?;
    let made = installation.bootstrap("Acme")?;
    let application = installation.add_application(&made.organization, "three.example")?;
    let deactivate = format!("application deactivate --application {application}");
    installation.administrate(&deactivate)?;
    let invited = installation.invite(&made.organization, "ann@example.com")?;
    installation.administrate(&format!("user deactivate --user {}", invited.user))?;

    let server = installation.start().await?;
    let client = Client::of(&server)?;
    let init = json!({ "orgId": made.organization });
    let begin = async |origin| {
        let place = client.clone().at(origin);
        place.post("/auth/login/init", &init).await
    };
    begin("https://three.example").await?.refused(403)?;
    begin("https://one.example").await?.ok()?;
    let register = json!({
        "orgId": invited.organization,
        "username": invited.username,
        "registrationCode": invited.code,
    });
    let refused = client.post("/auth/registration/init", &register).await?;
    assert!(matches!(refused.status, 400..=403), "{refused:?}");
    Ok(())
}

#[test]
fn the_schema_goes_up_and_down_on_both_databases() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let pending = installation.run("migrate status --check")?;
        assert_eq!(pending.status.code(), Some(1), "{pending:?}");
        assert!(pending.stderr.contains("migrate up"), "{pending:?}");
        for (direction, applied) in [
            ("status", false),
            ("up", true),
            ("up", true),
            ("status --check", true),
        ] {
            let answer = installation.administrate(&format!("migrate {direction}"))?;
            let steps = answer["steps"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(!steps.is_empty());
            for step in steps {
                assert_eq!(step["applied"], applied, "{kind:?} {direction}: {answer}");
            }
        }
        // One step at a time, and without data none is lost by any.
        let count = |answer: &Value, applied: bool| {
            let steps = answer["steps"].as_array().into_iter().flatten();
            steps.filter(|step| step["applied"] == applied).count()
        };
        let steps = count(&installation.administrate("migrate status")?, true);
        for taken_back in 1..=steps {
            let answer = installation.administrate("migrate down --yes")?;
            assert_eq!(count(&answer, false), taken_back, "{kind:?}: {answer}");
            let checked = installation.run("migrate status --check")?;
            assert_eq!(checked.status.code(), Some(1), "{checked:?}");
            assert!(checked.stderr.contains("migrate up"), "{checked:?}");
            let told: Value = serde_json::from_str(&checked.stdout)?;
            assert_eq!(count(&told, false), taken_back, "{told}");
        }
        let refused = installation.run("migrate down --yes")?;
        assert!(
            refused.error()?.contains("none to take back"),
            "{refused:?}"
        );
        installation.bootstrap("Acme")?;
    }
    Ok(())
}

#[test]
fn data_is_lost_only_where_it_is_wanted_and_named() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        installation.bootstrap("Acme")?;
        let applied = || -> Outcome<usize> {
            let answer = installation.administrate("migrate status")?;
            let steps = answer["steps"].as_array().into_iter().flatten();
            Ok(steps.filter(|step| step["applied"] == true).count())
        };
        // What the newest steps hold is nothing that anybody would miss.
        let mut refused = installation.run("migrate down --yes")?;
        while refused.status.success() {
            refused = installation.run("migrate down --yes")?;
        }
        let before = applied()?;
        let words = refused.error()?;
        assert!(words.contains("--delete-data"), "{words}");
        assert!(words.contains(" loses for ever:\n  "), "{words}");
        for (options, said) in [
            ("--delete-data", "--organization NAME"),
            ("--delete-data --organization Acmee", "\"Acmee\""),
        ] {
            let refused = installation.run(&format!("migrate down {options}"))?;
            assert!(refused.error()?.contains(said), "{refused:?}");
            assert_eq!(applied()?, before, "{kind:?} {options}");
        }
        installation.administrate("migrate down --delete-data --organization Acme")?;
        assert_eq!(applied()?, before - 1, "{kind:?}");
    }
    Ok(())
}

#[test]
fn every_setting_is_shown_and_no_secret() -> Outcome {
    let installation = installation()?
        .with("MAIL__SMTP_URL", "smtps://root:hunter2@mail.example.com")
        .with("HTTP__TRUSTED_PROXIES", "10.0.0.1,10.0.0.2");
    let shown = installation.run("config show")?;
    assert!(!shown.stdout.contains("hunter2"), "{shown:?}");
    let settings = shown.stdout.lines().map(serde_json::from_str);
    let settings: Vec<Value> = settings.collect::<Result<_, _>>()?;
    assert!(settings.len() > 20, "{settings:?}");
    let of = |key: &str| settings.iter().find(|setting| setting["key"] == key);
    let proxies = of("http.trusted_proxies").ok_or("no proxies")?;
    assert_eq!(proxies["value"], "10.0.0.1/32, 10.0.0.2/32");
    assert_eq!(proxies["source"], "set by LATCHKEY__HTTP__TRUSTED_PROXIES");
    assert_eq!(of("web.enabled").ok_or("no pages")?["source"], "default");
    Ok(())
}

#[test]
fn secrets_that_are_given_are_looked_into() -> Outcome {
    let installation = installation()?.with("SECRETS__CONTENTS", "hunter2");
    let checked = installation.run("config check")?;
    assert!(checked.error()?.contains("secrets.contents"), "{checked:?}");
    assert!(!checked.stderr.contains("hunter2"), "{checked:?}");
    Ok(())
}

#[test]
fn the_doctor_finds_problems_and_says_what_to_do() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        installation.bootstrap("Acme")?;
        let well = installation.run("doctor --json")?;
        let answer = well.json()?;
        assert_eq!(answer["ok"], true, "{answer}");
        assert!(
            answer["settings"]
                .as_array()
                .is_some_and(|all| all.len() > 20)
        );

        std::fs::remove_file(installation.secrets_file())?;
        let ill = installation.run("doctor")?;
        assert_eq!(ill.status.code(), Some(1), "{ill:?}");
        let answer: Value = serde_json::from_str(&ill.stdout)?;
        let findings = answer["findings"].as_array().into_iter().flatten();
        let problems: Vec<_> = findings
            .filter(|finding| finding["state"] == "problem")
            .collect();
        assert_eq!(problems.len(), 1, "{answer}");
        assert_eq!(problems[0]["area"], "secrets");
        assert!(problems[0]["advice"].is_string(), "{answer}");
        assert!(!installation.secrets_file().exists());
    }
    Ok(())
}

#[test]
fn the_configuration_is_checked_and_nothing_is_made() -> Outcome {
    let installation = installation()?
        .without("DATABASE__URL")
        .without("SECRETS__PATH")
        .with("MAIL__TRANSPORT", "smtp")
        .with("MAIL__FROM", "no-reply@example.com")
        .with("MAIL__SMTP_URL", "smtps://root:hunter2@mail.example.com");
    let checked = installation.run("config check")?;
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(checked.stdout, "");

    let weak = installation
        .with("LIMITS__ENABLED", "false")
        .with("HTTP__PUBLIC_URL", "http://auth.example.com")
        .with("HTTP__TRUSTED_PROXIES", "0.0.0.0/0")
        .with(
            "DATABASE__URL",
            "postgres://root:hunter2@db.example.com/latchkey",
        )
        .with("MAIL__SMTP_URL", "smtp://root:hunter2@mail.example.com");
    let checked = weak.run("config check")?;
    assert!(checked.status.success(), "{checked:?}");
    let keys = [
        "limits.enabled",
        "http.public_url",
        "http.trusted_proxies",
        "database.url",
        "mail.smtp_url",
    ];
    assert_eq!(checked.stdout.lines().count(), keys.len(), "{checked:?}");
    for (line, key) in checked.stdout.lines().zip(keys) {
        assert!(line.starts_with(key), "{checked:?}");
    }
    assert!(!checked.stdout.contains("hunter2"), "{checked:?}");

    let faulty = weak.with("HTTP__LISTEN", "8080");
    let [checked, served] = [faulty.run("config check")?, faulty.run("serve")?];
    assert!(checked.error()?.contains("http.listen"), "{checked:?}");
    assert_eq!(checked.error()?, served.error()?);
    assert_eq!(checked.status.code(), served.status.code());
    let made: Vec<_> = std::fs::read_dir(faulty.folder())?.collect();
    assert!(made.is_empty(), "{made:?}");
    Ok(())
}

#[test]
fn help_and_mistakes_are_answered_by_the_command_line_itself() -> Outcome {
    let installation = installation()?;
    let help = installation.run("--help")?;
    assert!(help.status.success());
    for command in [
        "serve",
        "config",
        "migrate",
        "bootstrap",
        "user",
        "application",
    ] {
        assert!(help.stdout.contains(command), "{help:?}");
    }
    let mistake = installation.run("bootstap")?;
    assert_eq!(mistake.status.code(), Some(2));
    assert!(mistake.error()?.contains("bootstrap"), "{mistake:?}");
    let made: Vec<_> = std::fs::read_dir(installation.folder())?.collect();
    assert!(made.is_empty(), "{made:?}");
    Ok(())
}
