//! The command line in the hands of who helps users: they are found, shown, and freed of what they lost.

use std::{fs, slice};

use latchkey_e2e::{
    Outcome,
    ceremony::{enrol, issue_code, register, sign_in},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::json;

fn installation() -> Outcome<Installation> {
    Installation::empty(DatabaseKind::Sqlite)
}

#[tokio::test]
async fn who_has_never_registered_is_seen_and_until_when_that_can_be_done() -> Outcome {
    let installation = installation()?;
    let made = installation.bootstrap("Acme")?;
    let organization = &made.organization;
    let ada = installation.invite(organization, "ada@example.com")?;
    let bob = installation.invite(organization, "bob@example.com")?;
    let show = |user: &str| installation.administrate(&format!("user show --user {user}"));
    let shown = show(&ada.user)?;
    assert_eq!(shown["state"], "invited");
    assert_eq!(shown["registrationCodeOpen"], true);
    assert!(text(&shown, "registrationCodeExpires")?.ends_with('Z'));
    assert!(!shown.to_string().contains(&ada.code), "{shown}");

    installation.administrate(&format!("code cancel --user {}", bob.user))?;
    let shown = show(&bob.user)?;
    assert_eq!(shown["registrationCodeOpen"], false);
    assert!(shown.get("registrationCodeExpires").is_none(), "{shown}");

    let server = installation.start().await?;
    let place = Client::of(&server)?.at("https://one.example");
    let mut key = Holder::passkey("https://one.example", ChallengeForm::EncodedTwice);
    register(&place, &ada, &mut key).await?;
    server.stop().await?;
    let shown = show(&ada.user)?;
    assert_eq!(shown["state"], "active");
    for member in ["registrationCodeOpen", "registrationCodeExpires"] {
        assert!(shown.get(member).is_none(), "{shown}");
    }
    // Somebody who is known is not invited, and what helps is said.
    let invite = format!("user invite --org {organization} --email ada@example.com");
    let known = installation.run(&invite)?;
    for words in ["registered already", "recovery kit", &ada.user] {
        assert!(known.error()?.contains(words), "{known:?}");
    }
    installation.administrate(&format!("user deactivate --user {}", ada.user))?;
    let known = installation.run(&invite)?;
    let helps = format!("user activate --user {}", ada.user);
    for words in ["deactivated", &helps] {
        assert!(known.error()?.contains(words), "{known:?}");
    }
    let listed = installation.list(&format!("user list --org {organization}"))?;
    let states: Vec<_> = listed.iter().map(|user| &user["state"]).collect();
    assert_eq!(states, ["invited", "inactive", "invited"]);
    Ok(())
}

#[test]
fn users_are_listed_in_parts_found_shown_and_deleted() -> Outcome {
    let installation = installation()?;
    let one = installation.bootstrap("Acme")?;
    let two = installation.bootstrap_at("Rival", ["three.example", "four.example"])?;
    let ada = installation
        .invite(&one.organization, "ada@example.com")?
        .user;
    let bob = installation
        .invite(&one.organization, "bob@example.com")?
        .user;
    let other_ada = installation
        .invite(&two.organization, "ada@example.com")?
        .user;

    let organizations = installation.list("organization list")?;
    let counts: Vec<_> = organizations
        .iter()
        .map(|row| (&row["name"], &row["users"]))
        .collect();
    assert_eq!(
        counts,
        [(&json!("Acme"), &json!(3)), (&json!("Rival"), &json!(2))]
    );

    let ids = |words: &str| -> Outcome<Vec<String>> {
        let users = installation.list(words)?;
        users.iter().map(|user| text(user, "userId")).collect()
    };
    let first = one.administrator.user;
    let all = format!("user list --org {}", one.organization);
    assert_eq!(ids(&all)?, [&first, &ada, &bob].map(Clone::clone));
    let part = installation.run(&format!("{all} --limit 2"))?;
    assert_eq!(part.stdout.lines().count(), 2, "{part:?}");
    assert!(part.stderr.contains(&format!("--after {ada}")), "{part:?}");
    assert_eq!(
        ids(&format!("{all} --limit 2 --after {ada}"))?,
        slice::from_ref(&bob)
    );

    let mut found = ids("user find ADA@")?;
    let mut expected = vec![ada.clone(), other_ada];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let within = format!("user find ada --org {}", one.organization);
    assert_eq!(ids(&within)?, slice::from_ref(&ada));
    assert_eq!(
        ids(&format!("user find {}", &bob[3..]))?,
        slice::from_ref(&bob)
    );
    assert_eq!(ids("user find nobody")?, Vec::<String>::new());
    let nowhere = "or-6b58p-r53sr-rlrd3l5cj3uc4ome";
    for words in ["user list", "user find ada", "application list"] {
        let refused = installation.run(&format!("{words} --org {nowhere}"))?;
        assert!(refused.error()?.contains(nowhere), "{refused:?}");
    }

    let shown = installation.administrate(&format!("user show --user {ada}"))?;
    assert_eq!(shown["username"], "ada@example.com");
    assert_eq!(shown["credentials"], json!([]));
    let delete = format!("user delete --user {ada}");
    for words in [delete.clone(), format!("{delete} --yes bob@example.com")] {
        let refused = installation.run(&words)?;
        assert!(refused.error()?.contains("ada@example.com"), "{refused:?}");
    }
    let deleted = installation.administrate(&format!("{delete} --yes ada@example.com"))?;
    assert_eq!(deleted, json!({ "userId": ada, "isDeleted": true }));
    let last = installation.run(&format!(
        "user delete --user {first} --yes admin@one.example"
    ))?;
    assert!(
        last.error()?.contains("last active administrator"),
        "{last:?}"
    );
    assert_eq!(ids(&all)?, [first, bob]);
    Ok(())
}

#[tokio::test]
async fn who_helps_a_user_ends_sessions_codes_and_credentials() -> Outcome {
    let installation = installation()?;
    let acme = installation.bootstrap("Acme")?;
    let invited = installation.invite(&acme.organization, "ada@example.com")?;
    let server = installation.start().await?;
    let here = Client::of(&server)?.at("https://one.example");
    let mut passkey = Holder::passkey("https://one.example", ChallengeForm::EncodedTwice);
    register(&here, &invited, &mut passkey).await?;
    let signed_in = sign_in(&here, &invited.organization, None, &mut passkey).await?;
    let code = text(&issue_code(&signed_in, &mut passkey).await?, "code")?;
    let user = &invited.user;

    let shown = installation.administrate(&format!("user show --user {user}"))?;
    assert_eq!(shown["openCode"], "Issued", "{shown}");
    let credentials = installation.list(&format!("credential list --user {user}"))?;
    assert_eq!(credentials.len(), 1);
    assert_eq!(credentials[0]["rpId"], "one.example");
    let first = text(&credentials[0], "credentialUuid")?;
    let deactivate = format!("credential deactivate --user {user} --credential");
    let refused = installation.run(&format!("{deactivate} {first}"))?;
    assert!(refused.error()?.contains("user deactivate"), "{refused:?}");
    let unknown = "cr-00000-00000-00000000000000";
    let refused = installation.run(&format!("{deactivate} {unknown}"))?;
    assert!(
        refused.error()?.contains("no such credential"),
        "{refused:?}"
    );

    let there = Client::of(&server)?.at("https://two.example");
    let mut second = Holder::passkey("https://two.example", ChallengeForm::EncodedTwice);
    enrol(&there, &code, &mut second).await?;
    let done = installation.administrate(&format!("{deactivate} {first}"))?;
    assert_eq!(done["isActive"], false, "{done}");
    signed_in.get("/auth/credentials").await?.refused(401)?;

    let signed_in = sign_in(&there, &invited.organization, None, &mut second).await?;
    let code = text(&issue_code(&signed_in, &mut second).await?, "code")?;
    installation.administrate(&format!("code cancel --user {user}"))?;
    let begin = json!({ "credentialKind": "Key", "code": code });
    let answer = there.post("/auth/credentials/code/init", &begin).await?;
    answer.refused(403)?;
    signed_in.get("/auth/credentials").await?.ok()?;
    installation.administrate(&format!("session end --user {user}"))?;
    signed_in.get("/auth/credentials").await?.refused(401)?;
    Ok(())
}

#[tokio::test]
async fn an_application_is_mended_and_goes_with_its_passkeys_only_on_demand() -> Outcome {
    let installation = installation()?;
    let acme = installation.bootstrap("Acme")?;
    let all = format!("application list --org {}", acme.organization);
    let applications = installation.list(&all)?;
    let [one, two] = [0, 1].map(|index| text(&applications[index], "appId"));
    let (one, two) = (one?, two?);
    let update = |id: &str, words: &str| {
        installation.run(&format!("application update --application {id} {words}"))
    };
    let mended = update(
        &two,
        "--rp-id too.example --origin https://too.example --name Too",
    )?;
    let mended = mended.json()?;
    assert_eq!(mended["rpId"], "too.example");
    assert_eq!(mended["origins"], json!(["https://too.example"]));
    assert_eq!(mended["name"], "Too");
    assert_eq!(mended["changed"], true);
    let same = update(&two, "--name Too")?.json()?;
    assert_eq!(same["changed"], false, "{same}");
    assert_eq!(mended["hasPages"], true);
    let own = "--enrol-url https://too.example/new --pages no";
    let shown = update(&two, own)?.json()?;
    assert_eq!(shown["enrolUrl"], "https://too.example/new");
    assert_eq!(shown["hasPages"], false);
    let elsewhere = update(&two, "--enrol-url https://evil.example/new")?;
    let told = elsewhere.error()?;
    assert!(told.contains("--enrol-url"), "{elsewhere:?}");
    let gone = update(&two, "--enrol-url none")?.json()?;
    assert_eq!(gone.get("enrolUrl"), None);
    let taken = update(
        &two,
        "--origin https://too.example --origin https://one.example",
    )?;
    assert!(taken.error()?.contains("another application"), "{taken:?}");
    let rival = "bootstrap --organization Rival --admin a@b.example --application R \
                 --rp-id one.example --origin https://one.example";
    let taken = installation.run(rival)?;
    assert!(taken.error()?.contains("--origin"), "{taken:?}");
    assert_eq!(installation.list("organization list")?.len(), 1);

    let server = installation.start().await?;
    let here = Client::of(&server)?.at("https://one.example");
    let mut passkey = Holder::passkey("https://one.example", ChallengeForm::EncodedTwice);
    register(&here, &acme.administrator, &mut passkey).await?;
    let bound = update(&one, "--rp-id a.example --origin https://a.example")?;
    assert!(bound.error()?.contains("has 1 passkey, "), "{bound:?}");
    let delete =
        |words: &str| installation.run(&format!("application delete --application {one} {words}"));
    for (words, named) in [
        ("--delete-credentials", "--yes \"one.example\""),
        ("--yes one.example", "--delete-credentials"),
    ] {
        let refused = delete(words)?;
        assert!(refused.error()?.contains(named), "{refused:?}");
    }
    let deleted = delete("--delete-credentials --yes one.example")?.json()?;
    let expected = json!({
        "appId": one,
        "deletedPasskeys": 1,
        "users": 1,
        "lockedOutUsers": 1
    });
    assert_eq!(deleted, expected);
    assert_eq!(installation.list(&all)?.len(), 1);
    Ok(())
}

#[test]
fn links_lead_to_the_origin_at_which_an_application_says_our_pages_are() -> Outcome {
    let installation = installation()?;
    let acme = installation.bootstrap("Acme")?;
    let organization = &acme.organization;
    let listed = installation.list(&format!("application list --org {organization}"))?;
    let one = text(&listed[0], "appId")?;
    let invited = |name: &str| -> Outcome<String> {
        let words = format!("user invite --org {organization} --email {name}@example.com");
        text(&installation.administrate(&words)?, "registrationUrl")
    };
    let update = |words: &str| {
        installation.administrate(&format!("application update --application {one} {words}"))
    };
    // Two origins: the pages are at the first, unless it is said that they are at the other.
    update("--origin https://one.example --origin https://auth.one.example")?;
    let link = invited("ada")?;
    assert!(link.starts_with("https://one.example/register#"), "{link}");
    update("--enrol-url https://auth.one.example/enrol")?;
    let link = invited("bob")?;
    assert!(
        link.starts_with("https://auth.one.example/register#"),
        "{link}"
    );
    // A page of the application's own says nothing of ours.
    update("--enrol-url https://auth.one.example/passkeys/new")?;
    let link = invited("cy")?;
    assert!(link.starts_with("https://one.example/register#"), "{link}");
    Ok(())
}

#[tokio::test]
async fn an_application_has_a_colour_and_a_logo() -> Outcome {
    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    let installation = installation()?;
    let acme = installation.bootstrap("Acme")?;
    let organization = &acme.organization;
    let file = installation.folder().join("logo.svg");
    fs::write(&file, SVG)?;
    let logo = format!("--logo {}", file.display());
    let added = installation.administrate(&format!(
        "application add --org {organization} --name Shop --rp-id shop.example \
         --origin https://shop.example --accent #AA0000 {logo}"
    ))?;
    assert_eq!(added["accent"], "#aa0000");
    assert_eq!(added.get("changed"), None);
    let digest = text(&added, "logo")?;
    let shop = text(&added, "appId")?;
    let update =
        |words: &str| installation.run(&format!("application update --application {shop} {words}"));
    let same = update(&format!("--accent #aa0000 {logo}"))?.json()?;
    assert_eq!(same["changed"], false, "{same}");
    fs::write(&file, format!("{SVG}\n"))?;
    let changed = update(&logo)?.json()?;
    assert_ne!(text(&changed, "logo")?, digest);
    assert_eq!(changed["accent"], "#aa0000");

    let server = installation.start().await?;
    let client = reqwest::Client::new();
    let url = format!("{}/assets/logo", server.url()?);
    let shown = client.get(url).header("host", "shop.example").send();
    let shown = shown.await?;
    assert_eq!(shown.headers()["content-type"], "image/svg+xml");
    assert_eq!(shown.text().await?, format!("{SVG}\n"));

    fs::write(&file, format!("<!DOCTYPE svg>{SVG}"))?;
    for (words, told) in [
        ("--accent red", "--accent"),
        (logo.as_str(), "<!doctype"),
        ("--logo nowhere.png", "--logo"),
    ] {
        let refused = update(words)?;
        assert!(refused.error()?.contains(told), "{refused:?}");
    }
    let gone = update("--accent none --logo none")?.json()?;
    assert_eq!((gone.get("accent"), gone.get("logo")), (None, None));
    Ok(())
}

/// The logs of their own processes are nobody's.
#[tokio::test]
async fn what_commands_do_is_told_by_the_service_once() -> Outcome {
    let installation = installation()?;
    let acme = installation.bootstrap("Acme")?;
    let server = installation.start().await?;
    let told = async |event: &str| server.event(|line| line["event"] == event).await;
    // Before it was started, and while it serves.
    let made = told("create_organization").await?;
    assert_eq!(made["organization"], acme.organization, "{made}");
    let invited = installation.invite(&acme.organization, "ada@example.com")?;
    let file = installation.folder().join("latchkey.backup");
    installation.administrate(&format!("backup {}", file.display()))?;
    let refused = installation.run(&format!(
        "user deactivate --user {}",
        acme.administrator.user
    ))?;
    refused.error()?;
    installation.administrate(&format!("session end --user {}", invited.user))?;
    let ended = told("sign_out_everywhere").await?;
    assert_eq!(ended["user"], invited.user, "{ended}");
    assert_eq!(ended["target"], "latchkey::security", "{ended}");
    assert!(ended["at"].is_i64(), "{ended}");
    let refused = told("deactivate_user").await?;
    assert_eq!(refused["reason"], "last_administrator", "{refused}");
    for event in ["create_organization", "invite_user", "write_backup"] {
        told(event).await?;
        let lines = server.events();
        let times = lines.iter().filter(|line| line["event"] == event).count();
        assert_eq!(times, 1, "{event}");
    }
    server.stop().await?;
    Ok(())
}

#[test]
fn messages_are_listed_tried_again_and_dropped() -> Outcome {
    let installation = installation()?;
    let organization = installation.bootstrap("Acme")?.organization;
    for name in ["ada", "bob"] {
        installation.administrate(&format!(
            "user invite --org {organization} --email {name}@example.com --mail"
        ))?;
    }
    let waiting = installation.list("outbox list --json")?;
    assert_eq!(waiting.len(), 2);
    let first = text(&waiting[0], "messageId")?;
    // Nobody was to send them, which is another thing than to have tried in vain. What is asked for is not asked for
    // again.
    let told = (&waiting[0]["state"], &waiting[0]["tries"]);
    assert_eq!(told, (&json!("kept"), &json!(0)));
    let asked = installation.administrate("outbox retry --all")?;
    assert_eq!(asked, json!({ "messages": 0 }));
    let asked = installation.administrate("outbox retry --kept")?;
    assert_eq!(asked, json!({ "messages": 2 }));
    let refused = installation.run(&format!("outbox retry --message {first}"))?;
    assert!(refused.error()?.contains(&first), "{refused:?}");
    let dropped = installation.administrate(&format!("outbox drop --message {first}"))?;
    assert_eq!(dropped, json!({ "messages": 1 }));
    let again = installation.run(&format!("outbox drop --message {first}"))?;
    assert!(again.error()?.contains(&first), "{again:?}");
    let left = installation.list("outbox list")?;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["messageId"], waiting[1]["messageId"]);
    assert_eq!(left[0]["state"], "waiting");
    let refused = installation.run("outbox drop --all")?;
    let said = refused.error()?;
    assert!(
        said.contains("1 message") && said.contains("--yes"),
        "{said}"
    );
    let dropped = installation.administrate("outbox drop --all --yes")?;
    assert_eq!(dropped, json!({ "messages": 1 }));
    assert!(installation.list("outbox list")?.is_empty());
    Ok(())
}
