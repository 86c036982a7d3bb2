//! What statements have in common: how they run, alone or together, and what is made of the rows they met.

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr,
    DeleteMany, EntityName as _, EntityTrait, Insert, QuerySelect as _, QueryTrait, RuntimeErr,
    Select, Statement, UpdateMany,
    sea_query::{
        Alias, CaseStatement, CommonTableExpression, Expr, ExprTrait as _, Query, SelectStatement,
        SubQueryStatement, WithClause, WithQuery,
    },
};

pub(crate) use self::{
    fixed::Fixed,
    step::{Form, Inputs, Insertion, PLAIN, Step, Tree, row_of},
};
use crate::column::Inconsistency;

mod fixed;
mod step;

/// A statement that changes rows of one table.
pub(crate) trait Change: QueryTrait + Sized {
    /// The table.
    type Table: EntityTrait;

    /// Carries it out, and tells how many rows it met.
    async fn count(self, transaction: &DatabaseTransaction) -> Result<u64, StoreError> {
        let result = transaction.execute(&self.into_query()).await;
        Ok(result.map_err(StoreError::new)?.rows_affected())
    }

    /// Carries out what is guarded to meet one row: `false` when the row was not in the expected state.
    /// A statement that names a key cannot meet several.
    async fn meets_one(self, transaction: &DatabaseTransaction) -> Result<bool, StoreError> {
        match self.count(transaction).await? {
            0 => Ok(false),
            1 => Ok(true),
            _ => {
                let table = Self::Table::default().table_name();
                Err(Inconsistency::new(table, "several", "one key has several rows").into())
            }
        }
    }
}

impl<A: ActiveModelTrait> Change for Insert<A> {
    type Table = A::Entity;
}

impl<E: EntityTrait> Change for UpdateMany<E> {
    type Table = E;
}

impl<E: EntityTrait> Change for DeleteMany<E> {
    type Table = E;
}

/// Carries out steps, one statement each, and tells how many rows each met. When one that must meet a row
/// meets none, those that follow are not carried out and have met none.
pub(crate) async fn in_turn(
    transaction: &DatabaseTransaction,
    steps: Vec<Step>,
) -> Result<Vec<u64>, StoreError> {
    let mut met = Vec::with_capacity(steps.len());
    let mut is_over = false;
    for step in steps {
        let is_required = step.is_required();
        let rows = if is_over {
            0
        } else {
            let statement = written(transaction, Way::Alone, vec![step])?;
            let result = transaction.execute_raw(statement).await;
            result.map_err(StoreError::new)?.rows_affected()
        };
        is_over |= is_required && rows == 0;
        met.push(rows);
    }
    Ok(met)
}

/// The same, told to PostgreSQL as one statement, of which each step is a part; SQLite has no such statement,
/// and is told in turn. All parts see the database as it was when the statement began, but for rows that
/// they lock, which are judged anew; so no step can need what another one changes, and no two can change one
/// row.
pub(crate) async fn together(
    transaction: &DatabaseTransaction,
    steps: Vec<Step>,
) -> Result<Vec<u64>, StoreError> {
    let is_postgres = transaction.get_database_backend() == DbBackend::Postgres;
    if !is_postgres || steps.len() < 2 {
        return in_turn(transaction, steps).await;
    }
    let number = steps.len();
    let statement = written(transaction, Way::Counted, steps)?;
    let told = transaction.query_one_raw(statement).await;
    let row = told.map_err(StoreError::new)?;
    let row = row.ok_or_else(|| StoreError::new("a statement without rows counts none"))?;
    let met = (0..number).map(|index| {
        let rows: i64 = row.try_get_by_index(index).map_err(StoreError::new)?;
        u64::try_from(rows).map_err(StoreError::new)
    });
    met.collect()
}

/// Steps as parts of one statement.
struct Parts {
    clause: WithClause,
    /// What each is called.
    names: Vec<String>,
    /// The last one that must meet a row; each of these needs the one before it.
    needed: Option<String>,
}

impl Parts {
    fn of(way: Way, steps: Vec<Step>) -> Result<Self, StoreError> {
        let mut parts = Self {
            clause: WithClause::new(),
            names: Vec::with_capacity(steps.len()),
            needed: None,
        };
        for (index, step) in steps.into_iter().enumerate() {
            let name = format!("step{index}");
            let is_required = step.is_required();
            let mut part = CommonTableExpression::new();
            part.table_name(Alias::new(name.as_str()))
                .query(step.into_part(way, parts.needed.as_deref())?);
            parts.clause.cte(part);
            if is_required {
                parts.needed = Some(name.clone());
            }
            parts.names.push(name);
        }
        Ok(parts)
    }

    /// Tells of each step how many rows it met.
    fn counts(&self) -> SelectStatement {
        let mut counts = Query::select();
        for name in &self.names {
            let count = rows_of(name).expr(Expr::cust("COUNT(*)")).to_owned();
            counts.expr(Expr::from(SubQueryStatement::SelectStatement(count)));
        }
        counts
    }

    /// Tells whether all that must meet a row has met one, see [`at_once`].
    fn outcome(&self) -> Result<SelectStatement, StoreError> {
        let (Some(first), Some(last)) = (self.names.first(), &self.needed) else {
            return Err(StoreError::new("no step must meet a row"));
        };
        let is_met = |name: &str| Expr::exists(rows_of(name).expr(Expr::cust("1")).to_owned());
        let told: Expr = CaseStatement::new()
            .case(is_met(last), Expr::cust("'1'"))
            .case(is_met(first), Expr::cust(TAKEN_BACK))
            .finally(Expr::cust("'0'"))
            .into();
        // A text that is no number is an error.
        Ok(Query::select().expr(told.cast_as("INTEGER")).to_owned())
    }

    /// The statement that has these parts, and tells that of them.
    fn telling(self, told: SelectStatement) -> WithQuery {
        let mut statement = WithQuery::new();
        statement.with_clause(self.clause).query(told);
        statement
    }
}

/// In which statement steps are told.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// A step as one of its own.
    Alone,
    /// All as one that counts what each of them met.
    Counted,
    /// All as one that does all of them or none.
    AtOnce,
}

impl Way {
    /// Writes the statement from the trees of the steps.
    fn write(self, backend: DbBackend, steps: Vec<Step>) -> Result<Statement, StoreError> {
        match self {
            Self::Alone => {
                let step = steps.into_iter().next();
                let step = step.ok_or_else(|| StoreError::new("no step is no statement"))?;
                step.into_tree().build(backend)
            }
            Self::Counted => {
                let parts = Parts::of(self, steps)?;
                let counts = parts.counts();
                Ok(backend.build(&parts.telling(counts)))
            }
            Self::AtOnce => {
                let parts = Parts::of(self, steps)?;
                let outcome = parts.outcome()?;
                Ok(backend.build(&parts.telling(outcome)))
            }
        }
    }
}

/// Steps as a statement, whose text is written once where that of each of them is.
fn written(
    connection: &impl ConnectionTrait,
    way: Way,
    steps: Vec<Step>,
) -> Result<Statement, StoreError> {
    let backend = connection.get_database_backend();
    fixed::of_steps(backend, way, steps)
}

/// The same as all that happens: PostgreSQL is told one statement, outside of any transaction, which carries all
/// steps out, the first of which is not optional, or none, and then it is `false`. When the first meets no row,
/// none of them does anything; when a later one that must meet one does not, or inserts what is taken, the statement
/// fails, and PostgreSQL takes it back. What is told is of the steps that must meet a row, so the others run last: they
/// can make room for none of those.
pub(crate) async fn at_once(
    connection: &impl ConnectionTrait,
    steps: Vec<Step>,
) -> Result<bool, StoreError> {
    if !steps.iter().any(Step::is_required) {
        return Ok(false);
    }
    if steps.len() == 1 {
        // It is all of itself, or nothing.
        let statement = written(connection, Way::Alone, steps)?;
        let result = connection.execute_raw(statement).await;
        return Ok(result.map_err(StoreError::new)?.rows_affected() > 0);
    }
    let statement = written(connection, Way::AtOnce, steps)?;
    match connection.query_one_raw(statement).await {
        Ok(Some(row)) => row
            .try_get_by_index(0)
            .map(|number: i32| number == 1)
            .map_err(StoreError::new),
        Ok(None) => Err(StoreError::new("a selection without tables has no row")),
        Err(error) if is_taken_back(&error) => Ok(false),
        Err(error) => Err(StoreError::new(error)),
    }
}

/// What a statement of [`at_once`] says when a step meets nothing although those before it have met rows. It
/// stands in PostgreSQL's log.
const TAKEN_BACK: &str = "'latchkey: taken back, as it has to be'";

/// Whether a statement of [`at_once`] failed as it is to.
fn is_taken_back(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    cause.as_database_error().is_some_and(|said| {
        said.is_unique_violation() || said.message().contains(TAKEN_BACK.trim_matches('\''))
    })
}

/// Selects from the rows that a part of the statement met.
fn rows_of(part: &str) -> SelectStatement {
    Query::select().from(Alias::new(part)).to_owned()
}

/// That a column is one of a batch of its values. PostgreSQL may carry a selection that stands after `IN` out for each
/// row anew, and each time it passes over what it has locked already; as an array it is carried out once.
pub(crate) fn is_in_batch<C: ColumnTrait>(
    backend: DbBackend,
    column: C,
    batch: SelectStatement,
) -> Expr {
    if backend == DbBackend::Postgres {
        let batch = Expr::from(SubQueryStatement::SelectStatement(batch));
        Expr::cust_with_exprs("$1 = ANY(ARRAY $2)", [column.into_expr(), batch])
    } else {
        column.in_subquery(batch)
    }
}

/// That there is such a row, for the condition of another statement.
pub(crate) fn exists<E: EntityTrait>(rows: Select<E>) -> Expr {
    Expr::exists(rows.select_only().expr(Expr::cust("1")).into_query())
}

/// Whether there is any such row.
pub(crate) async fn any<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    rows: Select<E>,
) -> Result<bool, StoreError> {
    rows.select_only()
        .expr(Expr::cust("1"))
        .limit(1)
        .into_tuple::<i32>()
        .one(connection)
        .await
        .map(|found| found.is_some())
        .map_err(StoreError::new)
}
