//! Changes that PostgreSQL is told as one statement.

use super::*;

/// The table `kept`, for steps.
mod kept {
    use sea_orm::{UpdateMany, entity::prelude::*};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "kept")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) number: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Makes another number of one.
    pub(super) fn change(from: i32, to: i32) -> UpdateMany<Entity> {
        Entity::update_many()
            .col_expr(Column::Number, to.into())
            .filter(Column::Number.eq(from))
    }
}

impl World {
    /// Carries these changes out at once; gives whether they were done so, and what of the operation that does it
    /// otherwise.
    async fn at_once(&self, changes: &[(i32, i32)]) -> (Result<&'static str, StoreError>, u64) {
        let before = self.store.statements().write_transactions;
        let steps = changes.iter().map(|(from, to)| kept::change(*from, *to));
        let steps: Vec<Step> = steps.map(Step::from).collect();
        let plan = async move |_tx: Transaction| Ok((steps, "at once"));
        let operation = async |_tx: Transaction| Ok::<_, StoreError>("otherwise");
        let outcome = self.store.write_at_once(plan, operation).await;
        let after = self.store.statements().write_transactions;
        (outcome, after - before)
    }
}

#[tokio::test]
async fn what_is_done_at_once_is_done_whole_or_not_at_all() {
    let world = World::postgres(LONG).await;
    run(world.store.connection(), KEEP).await.unwrap();
    // The first meets nothing, or a later one does not.
    for changes in [&[(2, 3)][..], &[(2, 3), (1, 4)], &[(1, 4), (2, 3)], &[]] {
        let (outcome, transactions) = world.at_once(changes).await;
        assert_eq!((outcome.unwrap(), transactions), ("otherwise", 2));
        assert_eq!(world.kept_as(1).await, 1, "{changes:?}");
    }
    for changes in [&[(1, 2)][..], &[(2, 1)]] {
        let (outcome, transactions) = world.at_once(changes).await;
        assert_eq!((outcome.unwrap(), transactions), ("at once", 1));
    }
    run(world.store.connection(), "INSERT INTO kept VALUES (2)")
        .await
        .unwrap();
    let (outcome, _) = world.at_once(&[(1, 3), (2, 4)]).await;
    assert_eq!(outcome.unwrap(), "at once");
    assert_eq!((world.kept_as(3).await, world.kept_as(4).await), (1, 1));
}

/// It could have taken effect.
#[tokio::test]
async fn what_was_told_at_once_is_not_told_again_when_the_connection_is_lost() {
    let world = World::postgres(LONG).await;
    let connection = world.store.connection();
    for sql in [
        KEEP,
        "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
        "CREATE TRIGGER leave BEFORE UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION leave()",
    ] {
        run(connection, sql).await.unwrap();
    }
    let (outcome, transactions) = world.at_once(&[(1, 2)]).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert_eq!((transactions, world.kept_as(1).await), (1, 1));
    // The connections of then are not used any more.
    assert_eq!(world.at_once(&[(3, 4)]).await.0.unwrap(), "otherwise");
}

/// The pool asks it first whether it has ended.
#[tokio::test]
async fn a_connection_on_which_something_may_still_run_is_not_lent_again() {
    let world = World::postgres(Duration::from_secs(1)).await;
    let plan = async |_tx: Transaction| pending::<Result<(Vec<Step>, ()), StoreError>>().await;
    let operation = async |_tx: Transaction| Ok::<_, StoreError>(());
    let late = world.store.write_at_once(plan, operation).await;
    assert!(is_unavailable(&late), "{late:?}");
    assert_eq!(world.store.pools()[0].free, 0);
}

#[tokio::test]
async fn what_others_are_in_the_way_of_is_done_in_a_transaction() {
    let world = World::postgres(LONG).await;
    let connection = world.store.connection();
    for sql in [
        KEEP,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON kept FOR EACH ROW EXECUTE FUNCTION refuse()",
    ] {
        run(connection, sql).await.unwrap();
    }
    let (outcome, transactions) = world.at_once(&[(1, 2)]).await;
    assert_eq!((outcome.unwrap(), transactions), ("otherwise", 2));
}

#[tokio::test]
async fn sqlite_is_told_nothing_at_once() {
    let world = World::sqlite(LONG).await;
    run(world.store.connection(), KEEP).await.unwrap();
    let (outcome, transactions) = world.at_once(&[(1, 2)]).await;
    assert_eq!((outcome.unwrap(), transactions), ("otherwise", 1));
    assert_eq!(world.kept_as(1).await, 1);
}

/// The plan that a connection keeps is of the moment at which it was made.
#[tokio::test]
async fn rows_are_found_by_an_index_although_the_table_was_empty() {
    let world = World::postgres(LONG).await;
    let connection = world.store.connection();
    run(connection, "CREATE INDEX kept_number ON kept (number)")
        .await
        .unwrap();
    run(connection, "VACUUM ANALYZE kept").await.unwrap();
    let explain = Statement::from_string(
        DbBackend::Postgres,
        "EXPLAIN SELECT 1 FROM kept WHERE number = 1",
    );
    let plan = connection.query_all_raw(explain).await.unwrap();
    let plan: Vec<String> = plan
        .iter()
        .map(|line| line.try_get_by_index(0).unwrap())
        .collect();
    assert!(plan.concat().contains("kept_number"), "{plan:?}");
}
