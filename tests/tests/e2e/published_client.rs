//! The published TypeScript client against the real binary; the tests themselves are in `node/client`.

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation},
    node,
};

#[tokio::test]
async fn the_published_client_works_unchanged() -> Outcome {
    for kind in DatabaseKind::ALL {
        // So many calls from one address are more than a person makes.
        let installation = Installation::empty(kind)?.with("LIMITS__ENABLED", "false");
        let organization = installation.bootstrap("Acme")?.organization;
        let server = installation.start().await?;
        node::run("client", &installation, &server, &organization)?;
    }
    Ok(())
}
