//! The command line: one line of JSON on standard output, or a clear error and nothing.

use latchkey_e2e::{
    Outcome,
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
    let answer = installation.administrate(&[
        "bootstrap",
        "--organization",
        "Acme",
        "--admin",
        "admin@acme.example",
        "--application",
        "Shop",
        "--rp-id",
        "acme.example",
        "--origin",
        "https://acme.example",
        "--origin",
        "https://shop.acme.example",
    ])?;
    let mut names = members(&answer);
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "appId",
            "orgId",
            "registrationCode",
            "registrationExpires",
            "userId",
            "username"
        ]
    );
    assert!(text(&answer, "orgId")?.starts_with("or-"));
    assert!(text(&answer, "appId")?.starts_with("ap-"));
    assert!(text(&answer, "userId")?.starts_with("us-"));
    assert_eq!(answer["username"], "admin@acme.example");
    assert!(text(&answer, "registrationExpires")?.ends_with('Z'));
    Ok(())
}

#[tokio::test]
async fn the_same_organization_again_is_an_error_and_changes_nothing() -> Outcome {
    let installation = installation()?;
    let first = installation.bootstrap("Acme")?;
    let again = installation.run(&[
        "bootstrap",
        "--organization",
        "Acme",
        "--admin",
        "other@three.example",
        "--application",
        "Other",
        "--rp-id",
        "three.example",
        "--origin",
        "https://three.example",
    ])?;
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
    let invited = &first.administrator;
    client
        .post(
            "/auth/registration/init",
            &json!({
                "orgId": invited.organization,
                "username": invited.username,
                "registrationCode": invited.code,
            }),
        )
        .await?
        .ok()?;
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
        let email = format!("{kind}@example.com");
        let answer = installation.administrate(&[
            "user",
            "invite",
            "--org",
            &organization,
            "--email",
            &email,
            "--kind",
            kind,
        ])?;
        assert!(answer.get("appId").is_none());
        assert!(answer["registrationCode"].is_string());
    }
    let wrong = [
        "user",
        "invite",
        "--org",
        &organization,
        "--email",
        "a@b.example",
    ];
    let wrong = installation.run(&[&wrong[..], &["--kind", "Robot"]].concat())?;
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
    let origin = "https://three.example";
    let cases: [(&str, &[&str]); 8] = [
        (
            organization,
            &[
                "user",
                "invite",
                "--org",
                organization,
                "--email",
                "a@b.example",
            ],
        ),
        (user, &["user", "deactivate", "--user", user]),
        (user, &["user", "activate", "--user", user]),
        (user, &["user", "promote", "--user", user]),
        (user, &["user", "demote", "--user", user]),
        (
            organization,
            &[
                "application",
                "add",
                "--org",
                organization,
                "--name",
                "Three",
                "--rp-id",
                "three.example",
                "--origin",
                origin,
            ],
        ),
        (
            application,
            &["application", "deactivate", "--application", application],
        ),
        (
            application,
            &["application", "activate", "--application", application],
        ),
    ];
    for (named, words) in cases {
        let answer = installation.run(words)?;
        assert!(answer.error()?.contains(named), "{answer:?}");
    }
    Ok(())
}

#[test]
fn what_is_malformed_is_named() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    let add = [
        "application",
        "add",
        "--org",
        &organization,
        "--name",
        "Three",
    ];
    let cases: [(&str, Vec<&str>); 5] = [
        (
            "RP id",
            [
                &add[..],
                &[
                    "--rp-id",
                    "one.example",
                    "--origin",
                    "https://three.example",
                ],
            ]
            .concat(),
        ),
        (
            "origin",
            [
                &add[..],
                &[
                    "--rp-id",
                    "three.example",
                    "--origin",
                    "https://three.example/",
                ],
            ]
            .concat(),
        ),
        (
            "https",
            [
                &add[..],
                &[
                    "--rp-id",
                    "three.example",
                    "--origin",
                    "http://three.example",
                ],
            ]
            .concat(),
        ),
        (
            "--org",
            vec!["user", "invite", "--org", "acme", "--email", "a@b.example"],
        ),
        ("--user", vec!["user", "deactivate", "--user", "ann"]),
    ];
    for (named, words) in cases {
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
    let application = installation.administrate(&[
        "application",
        "add",
        "--org",
        &organization,
        "--name",
        "Three",
        "--rp-id",
        "three.example",
        "--origin",
        "https://three.example",
    ])?;
    let application = text(&application, "appId")?;
    for words in [
        ["user", "deactivate", "--user", &user],
        ["user", "activate", "--user", &user],
        ["application", "deactivate", "--application", &application],
        ["application", "activate", "--application", &application],
    ] {
        let answer = installation.administrate(&words)?;
        let active = words[1] == "activate";
        assert_eq!(answer["isActive"], active, "{words:?}: {answer}");
        assert!(answer.to_string().contains(words[3]), "{words:?}: {answer}");
    }
    Ok(())
}

#[test]
fn an_organization_keeps_an_administrator() -> Outcome {
    let installation = installation()?;
    let made = installation.bootstrap("Acme")?;
    let first = made.administrator.user;
    for verb in ["deactivate", "demote"] {
        let refused = installation.run(&["user", verb, "--user", &first])?;
        assert!(
            refused.error()?.contains("last active administrator"),
            "{refused:?}"
        );
    }
    let second = installation.administrate(&[
        "user",
        "invite",
        "--org",
        &made.organization,
        "--email",
        "ann@example.com",
        "--administrator",
    ])?;
    let second = text(&second, "userId")?;
    let demoted = installation.administrate(&["user", "demote", "--user", &first])?;
    assert_eq!(
        demoted,
        json!({ "userId": first, "isAdministrator": false })
    );
    assert!(
        installation
            .run(&["user", "demote", "--user", &second])?
            .error()
            .is_ok()
    );
    let promoted = installation.administrate(&["user", "promote", "--user", &first])?;
    assert_eq!(
        promoted,
        json!({ "userId": first, "isAdministrator": true })
    );
    installation.administrate(&["user", "demote", "--user", &second])?;
    Ok(())
}

#[tokio::test]
async fn a_deactivated_application_or_user_cannot_begin() -> Outcome {
    let installation = installation()?;
    let made = installation.bootstrap("Acme")?;
    let application = installation.administrate(&[
        "application",
        "add",
        "--org",
        &made.organization,
        "--name",
        "Three",
        "--rp-id",
        "three.example",
        "--origin",
        "https://three.example",
    ])?;
    let application = text(&application, "appId")?;
    installation.administrate(&["application", "deactivate", "--application", &application])?;
    let invited = installation.invite(&made.organization, "ann@example.com")?;
    installation.administrate(&["user", "deactivate", "--user", &invited.user])?;

    let server = installation.start().await?;
    let client = Client::of(&server)?;
    let init = json!({ "orgId": made.organization });
    client
        .clone()
        .at("https://three.example")
        .post("/auth/login/init", &init)
        .await?
        .refused(403)?;
    client
        .clone()
        .at("https://one.example")
        .post("/auth/login/init", &init)
        .await?
        .ok()?;
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
        for (direction, applied) in [
            ("status", false),
            ("up", true),
            ("up", true),
            ("status", true),
            ("down", false),
            ("status", false),
        ] {
            let answer = installation.administrate(&["migrate", direction])?;
            let steps = answer["steps"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(!steps.is_empty());
            for step in steps {
                assert_eq!(step["applied"], applied, "{kind:?} {direction}: {answer}");
            }
        }
        installation.bootstrap("Acme")?;
    }
    Ok(())
}

#[test]
fn help_and_mistakes_are_answered_by_the_command_line_itself() -> Outcome {
    let installation = installation()?;
    let help = installation.run(&["--help"])?;
    assert!(help.status.success());
    for command in ["serve", "migrate", "bootstrap", "user", "application"] {
        assert!(help.stdout.contains(command), "{help:?}");
    }
    let mistake = installation.run(&["bootstap"])?;
    assert_eq!(mistake.status.code(), Some(2));
    assert!(mistake.error()?.contains("bootstrap"), "{mistake:?}");
    let made: Vec<_> = std::fs::read_dir(installation.folder())?.collect();
    assert!(made.is_empty(), "{made:?}");
    Ok(())
}
