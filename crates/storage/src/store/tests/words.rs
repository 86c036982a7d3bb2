//! What a failure says.

use std::iter::successors;

use super::*;

/// Has PostgreSQL fail with that code.
fn failing(code: &str) -> String {
    format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")
}

fn words(error: &StoreError) -> String {
    let first: &(dyn Error + 'static) = error;
    let causes = successors(Some(first), |error| (**error).source());
    let causes = causes.map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

/// PostgreSQL tells the line of its own source.
#[tokio::test]
async fn a_failure_says_what_postgres_says_and_what_to_do_and_nothing_of_its_source() {
    let world = World::postgres(LONG).await;
    for (code, is_passing, said) in [
        ("42501", true, "no: let the role in database.url own"),
        ("25006", true, "no"),
        ("53300", true, "no"),
        ("42P01", true, "no"),
        // A defect.
        ("22012", false, "no"),
    ] {
        let sql = failing(code);
        let asked = sql.clone();
        let read = world
            .store
            .read(async move |reader| run(&reader, &asked).await);
        let read = read.await.unwrap_err();
        let written = world
            .store
            .write(async move |tx: Transaction| run(&*tx, &sql).await);
        let written = written.await.unwrap_err();
        for error in [read, written] {
            let is_told_so = matches!(error, StoreError::Unavailable(_));
            let words = words(&error);
            assert_eq!(is_told_so, is_passing, "{code}: {words}");
            assert!(words.contains(&format!(": {said}")), "{words}");
            assert!(!words.contains("at line"), "{words}");
        }
    }
}
