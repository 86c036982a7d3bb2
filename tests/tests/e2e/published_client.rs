//! The published TypeScript client against the real binary; the tests themselves are in `node/`.

use std::{path::Path, process::Command};

use latchkey_e2e::{
    Outcome, binary,
    installation::{DatabaseKind, Installation},
};

const MISSING: &str = "run `cargo xtask test`, which installs what these tests need";

#[tokio::test]
async fn the_published_client_works_unchanged() -> Outcome {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let client = project.join("node_modules/@dfns/sdk/package.json");
    assert!(client.exists(), "the npm packages are missing: {MISSING}");

    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let organization = installation.bootstrap("Acme")?.organization;
        let server = installation.start().await?;
        let tests = Command::new("node")
            .args(["--test", "--test-reporter", "spec"])
            .current_dir(&project)
            .envs(installation.environment())
            .env("LATCHKEY_BIN", binary::path()?)
            .env("LATCHKEY_E2E_URL", server.url()?)
            .env("LATCHKEY_E2E_ORGANIZATION", organization)
            .output();
        let output = match tests {
            Ok(output) => output,
            Err(error) => panic!("node cannot be started ({error}): {MISSING}"),
        };
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{kind:?}\n{report}{}\nthe server said:\n{}",
            String::from_utf8_lossy(&output.stderr),
            server.log()
        );
        let all = ["fail 0", "cancelled 0", "skipped 0", "todo 0"];
        assert!(all.iter().all(|count| report.contains(count)), "{report}");
        assert!(!report.contains("pass 0"), "{report}");
    }
    Ok(())
}
