//! The application in TypeScript that the guide shows, `examples/notes`, in a real browser; the tests
//! themselves are in `node/notes`. (The one in Rust, `examples/bank`, has its tests beside it.)

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation},
    node,
};

#[tokio::test]
async fn an_application_of_ones_own_signs_its_users_in_by_the_published_client() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let server = installation.start().await?;
    node::run("notes", &installation, &server, &organization)
}
