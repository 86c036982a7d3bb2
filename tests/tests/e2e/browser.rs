//! The published packages for browsers in a real one, on domains that are not the service's; the tests
//! themselves are in `node/browser`.

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation},
    node,
};

#[tokio::test]
async fn the_published_packages_work_in_a_browser() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let server = installation.start().await?;
    node::run("browser", &installation, &server, &organization)
}
