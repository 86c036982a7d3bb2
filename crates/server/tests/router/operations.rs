//! The table of operations is the API, every good request of it succeeds, and costs what it may cost.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use crate::support::{
    body::members,
    description::Description,
    operations::{Budget, Caller, Ceremony, Cost, Operation, cases, operations},
    stage::Stage,
    world::Circumstances,
};

/// Members that say the same as others, or what is not offered.
const OTHERWISE: [&str; 3] = ["tenantId", "credentialKind", "publicKey"];

#[test]
fn the_table_is_the_description_that_is_served() {
    let described: BTreeSet<_> = Description::served()
        .operations()
        .into_iter()
        .map(|(id, described)| (id, described.method, described.path, described.security))
        .collect();
    let rows: BTreeSet<_> = operations()
        .iter()
        .map(|row| (row.id, row.method.as_str(), row.path, security(row)))
        .collect();
    assert_eq!(rows, described);
    assert_eq!(operations().len(), described.len());
}

#[test]
fn every_ceremony_is_begun_by_one_operation_and_completed_by_one() {
    let begun = operations().iter().filter_map(|row| row.begins);
    assert_eq!(begun.collect::<Vec<_>>(), Ceremony::ALL);
    let completed = operations().iter().filter_map(|row| row.completes);
    assert_eq!(completed.collect::<Vec<_>>(), Ceremony::ALL);
    let described = Description::served().operations();
    for row in operations() {
        let members = described[row.id].members.as_ref();
        let names_one = members.is_some_and(|members| members.contains_key("challengeIdentifier"));
        let must_take_one = names_one || row.caller == Caller::Temporary;
        assert_eq!(row.takes().is_some(), must_take_one, "{}", row.id);
    }
}

fn security(row: &Operation) -> BTreeSet<&'static str> {
    let token = match row.caller {
        Caller::Anybody => None,
        Caller::Temporary => Some("temporaryToken"),
        Caller::User | Caller::Administrator(_) => Some("bearer"),
    };
    let action = row.signed.then_some("userAction");
    token.into_iter().chain(action).collect()
}

#[tokio::test]
async fn good_requests_have_the_members_that_are_described() {
    let stage = Stage::new().await;
    let described = Description::served().operations();
    for operation in operations() {
        let described = described[operation.id].members.as_ref();
        let mut sent = BTreeSet::new();
        for case in &operation.cases {
            let body = operation.request_of(&stage, case).await.body;
            assert_eq!(body.is_some(), described.is_some(), "{}", operation.id);
            sent.extend(body.iter().flat_map(members));
        }
        let Some(described) = described else {
            continue;
        };
        let unknown: Vec<_> = sent
            .iter()
            .filter(|path| !described.contains_key(*path))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", operation.id);
        // Objects of one shape stand in several places, and in one of them a member is enough.
        let name = |path: &str| path.rsplit('.').next().unwrap().to_owned();
        let sent: BTreeSet<_> = sent.iter().map(|path| name(path)).collect();
        let missing: Vec<_> = described
            .keys()
            .map(|path| name(path))
            .filter(|name| !sent.contains(name) && !OTHERWISE.contains(&name.as_str()))
            .collect();
        assert!(missing.is_empty(), "{}: {missing:?}", operation.id);
    }
}

#[tokio::test]
async fn every_operation_keeps_to_its_budget_on_sqlite() {
    require_budgets(Circumstances::unlimited()).await;
}

#[tokio::test]
async fn every_operation_keeps_to_its_budget_on_postgres() {
    require_budgets(Circumstances::unlimited().on_postgres()).await;
}

async fn require_budgets(circumstances: Circumstances) {
    let is_postgres = circumstances.is_postgres;
    let stage = Stage::with(circumstances).await;
    let mut over = Vec::new();
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        let place = request.authorized().await;
        stage.world.mail_codes().await;
        stage.world.warm().await;
        let (answer, cost) = stage.world.cost(request.send_from(&place)).await;
        answer.ok();
        let ((), afterwards) = stage.world.cost(stage.world.mail_codes()).await;
        let found: [Cost; 2] = [cost.into(), afterwards.into()];
        let budget = if is_postgres {
            case.cost.postgres
        } else {
            case.cost.sqlite
        };
        if found != [budget, case.afterwards] {
            over.push((operation.id, case.name, found));
        }
    }
    assert!(over.is_empty(), "not as the table says: {over:#?}");
}

#[test]
fn the_architecture_says_what_every_operation_costs() {
    let described = Description::served().operations();
    let mut table = "| calls | cost |\n|---|---|\n".to_owned();
    for family in operations().chunk_by(|one, next| described[one.id].tag == described[next.id].tag)
    {
        let costs: Vec<_> = family.iter().map(costs).collect();
        let tag = described[family[0].id].tag;
        let _ = writeln!(table, "| {tag} | {} |", costs.join(", "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.contains(&table),
        "ARCHITECTURE.md must say:\n\n{table}"
    );
}

fn costs(operation: &Operation) -> String {
    let (usual, others) = operation.cases.split_first().unwrap();
    let mut others: Vec<_> = others
        .iter()
        .map(|case| format!("{}: {}", case.name, told(case.cost)))
        .collect();
    if usual.afterwards != Cost::default() {
        others.push(format!("afterwards: {}", told(usual.afterwards.into())));
    }
    let usual = format!("`{}` {}", operation.id, told(usual.cost));
    if others.is_empty() {
        usual
    } else {
        format!("{usual} ({})", others.join(", "))
    }
}

/// The cost on SQLite, and what is different on PostgreSQL.
fn told(cost: Budget) -> String {
    let Budget { sqlite, postgres } = cost;
    let usual = all_told(sqlite);
    if sqlite == postgres {
        usual
    } else if sqlite.reads == postgres.reads {
        format!("{usual}/{}", postgres.written.unwrap_or_default())
    } else {
        format!("{usual}/{}", all_told(postgres))
    }
}

fn all_told(cost: Cost) -> String {
    let Cost { reads, written } = cost;
    written.map_or_else(
        || reads.to_string(),
        |statements| format!("{reads}+{statements}"),
    )
}
