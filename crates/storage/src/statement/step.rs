//! What changes are made of that are carried out together.
//!
//! A step that a ceremony tells is [`Step::fixed`], so that its text is written once; `table::credential_code` has
//! examples. Its tree is made by a function of a [`Form`] and of [`Inputs`]:
//!
//! * It looks at no input. Whatever else its text depends on stands in the form, and so does how many inputs there are.
//! * It takes all of them, in the order in which they are brought, and gives each a place; what has several is cloned.
//! * Two of one type that are exchanged are noticed by nothing but a test that reads them back: those of a row stand
//!   beside the names of their columns ([`row_of`]).
//!
//! Any other step ([`From`]) is written anew whenever it is told, and so is all that is told beside it.

use std::{
    hash::{Hash, Hasher},
    ptr::fn_addr_eq,
    vec,
};

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ActiveModelTrait, DatabaseTransaction, DbBackend, DeleteMany, EntityTrait, Iterable as _,
    QueryTrait as _, Statement, UpdateMany, Value,
    sea_query::{
        Alias, Condition, DeleteStatement, Expr, InsertStatement, IntoCondition, OnConflict, Query,
        SelectStatement, SubQueryStatement, UpdateStatement,
    },
};

use super::{Way, in_turn, rows_of};

/// An insertion of one row, or of none: it may have conditions.
#[derive(Clone)]
pub(crate) struct Insertion {
    into: InsertStatement,
    from: SelectStatement,
    /// Whether it meets none where a row has one of its unique keys; else it fails.
    yields: bool,
}

impl Insertion {
    /// Inserts these values.
    pub(crate) fn of<E: EntityTrait>(
        table: E,
        values: impl IntoIterator<Item = (E::Column, Expr)>,
    ) -> Self {
        let (columns, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let mut into = Query::insert();
        into.into_table(table.table_ref()).columns(columns);
        let from = Query::select().exprs(values).to_owned();
        Self {
            into,
            from,
            yields: false,
        }
    }

    /// Inserts a row.
    pub(crate) fn row<A: ActiveModelTrait>(row: &A) -> Self {
        let (form, values) = row_of(row);
        Self::of_row::<A::Entity>(form, &mut values.into())
    }

    /// Inserts a row of that [form](row_of), which takes its inputs first.
    pub(crate) fn of_row<E: EntityTrait>(form: Form, inputs: &mut Inputs) -> Self {
        Self::of(E::default(), columns_of_row::<E>(form, inputs))
    }

    /// Inserts nothing when this is not so.
    pub(crate) fn only_if(mut self, condition: impl IntoCondition) -> Self {
        self.from.cond_where(condition);
        self
    }

    /// Inserts nothing when that part of a greater statement met no row; it meets one at most.
    fn only_after(mut self, part: &str) -> Self {
        self.from.from(Alias::new(part));
        self
    }

    /// Inserts nothing when a row has one of its unique keys. One that another transaction has just written
    /// is waited for.
    pub(crate) fn unless_taken(self) -> Self {
        Self {
            yields: true,
            ..self
        }
    }

    fn into_query(self) -> Result<InsertStatement, StoreError> {
        let Self {
            mut into,
            mut from,
            yields,
        } = self;
        if yields {
            into.on_conflict(OnConflict::new().do_nothing().to_owned());
        }
        // SQLite takes the conflict clause after a selection for part of a join, unless it has a condition.
        from.and_where(Expr::cust("TRUE"));
        into.select_from(from).map_err(StoreError::new)?;
        Ok(into)
    }
}

/// Which columns a row sets that is to be inserted, a bit for each, and their values.
pub(crate) fn row_of<A: ActiveModelTrait>(row: &A) -> (Form, Vec<Value>) {
    let (mut columns, mut values) = (0, vec![]);
    for (place, column) in <A::Entity as EntityTrait>::Column::iter().enumerate() {
        if let Some(value) = row.get(column).into_value() {
            columns |= 1 << place;
            values.push(value);
        }
    }
    ([columns, 0, 0, 0], values)
}

/// The columns of a row of that [form](row_of), each with its value.
fn columns_of_row<E: EntityTrait>(
    [columns, ..]: Form,
    inputs: &mut Inputs,
) -> Vec<(E::Column, Expr)> {
    let all = E::Column::iter().enumerate();
    let set = all.filter(|(place, _column)| columns & (1 << place) != 0);
    set.map(|(_place, column)| (column, Expr::val(inputs.take())))
        .collect()
}

/// One of several changes that are carried out together. It must meet a row, unless it is said to be
/// optional.
#[derive(Clone)]
pub(crate) struct Step {
    said: Said,
    is_required: bool,
}

#[derive(Clone)]
enum Said {
    Tree(Box<Tree>),
    /// Its text depends on its shape alone.
    Fixed(Shape, Vec<Value>),
}

/// A change as a tree.
#[derive(Clone)]
pub(crate) enum Tree {
    Insert(Box<Insertion>),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

/// The numbers that the tree of a change depends on, whatever they are of.
pub(crate) type Form = [u64; 4];

/// Of a change whose tree depends on none.
pub(crate) const PLAIN: Form = [0; 4];

/// What tells the text of a change: what makes its tree, and what this depends on.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    tree: fn(Form, &mut Inputs) -> Tree,
    form: Form,
}

/// Functions that a compiler has merged do the same, and of one that it has made twice there are two texts.
impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && fn_addr_eq(self.tree, other.tree)
    }
}

impl Eq for Shape {}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tree, self.form).hash(state);
    }
}

/// The values of a step, in the order in which its tree takes them.
pub(crate) struct Inputs(vec::IntoIter<Value>);

impl Inputs {
    /// The next one.
    pub(crate) fn take(&mut self) -> Value {
        // With one that there is not, the text is not told.
        self.0.next().unwrap_or_else(missing)
    }
}

/// What marks the place of the value with that number; no tree has it of its own.
pub(super) fn mark(number: usize) -> Value {
    Value::Bytes(Some(
        format!("the value {number} of a fixed statement").into(),
    ))
}

/// What stands in the place of a value that a tree takes and nobody gives.
pub(super) fn missing() -> Value {
    mark(usize::MAX)
}

impl From<Vec<Value>> for Inputs {
    fn from(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }
}

impl Step {
    /// One whose text is written once for each form.
    pub(crate) fn fixed(
        form: Form,
        values: Vec<Value>,
        tree: fn(Form, &mut Inputs) -> Tree,
    ) -> Self {
        Self {
            said: Said::Fixed(Shape { tree, form }, values),
            is_required: true,
        }
    }

    /// Inserts a row.
    pub(crate) fn row<A: ActiveModelTrait>(row: &A) -> Self {
        let (form, values) = row_of(row);
        Self::fixed(form, values, |form, inputs| {
            Insertion::of_row::<A::Entity>(form, inputs).into()
        })
    }

    /// Inserts a row as [`Insertion::unless_taken`] says.
    pub(crate) fn row_unless_taken<A: ActiveModelTrait>(row: &A) -> Self {
        let (form, values) = row_of(row);
        Self::fixed(form, values, |form, inputs| {
            let insertion = Insertion::of_row::<A::Entity>(form, inputs);
            insertion.unless_taken().into()
        })
    }

    /// The same, whether or not it meets a row.
    pub(crate) fn optional(self) -> Self {
        Self {
            is_required: false,
            ..self
        }
    }

    /// Whether it must meet a row.
    pub(crate) fn is_required(&self) -> bool {
        self.is_required
    }

    /// Carries out alone what is guarded to meet one row: `false` when the row was not in the expected state.
    pub(crate) async fn meets_one(
        self,
        transaction: &DatabaseTransaction,
    ) -> Result<bool, StoreError> {
        match in_turn(transaction, vec![self]).await?.as_slice() {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(StoreError::new("one key has several rows")),
        }
    }

    /// On what its text depends, if that is written once.
    pub(super) fn shape(&self) -> Option<(Shape, bool)> {
        match &self.said {
            Said::Fixed(shape, _values) => Some((*shape, self.is_required)),
            Said::Tree(_) => None,
        }
    }

    /// The values that go into its text, if that is written once.
    pub(super) fn into_values(self) -> Vec<Value> {
        match self.said {
            Said::Fixed(_shape, values) => values,
            Said::Tree(_) => vec![],
        }
    }

    /// The same with marks in the places of its values.
    pub(super) fn marked(mut self, mut mark: impl FnMut() -> Value) -> Self {
        if let Said::Fixed(_shape, values) = &mut self.said {
            values.fill_with(&mut mark);
        }
        self
    }

    /// As a statement of its own.
    pub(super) fn into_tree(self) -> Tree {
        match self.said {
            Said::Tree(tree) => *tree,
            Said::Fixed(Shape { tree, form }, values) => tree(form, &mut values.into()),
        }
    }

    /// The same as part of a greater statement, with a row for each row it meets. It meets none unless the
    /// step that is needed has met a row. Where what that did is taken back when this one must meet a row and meets
    /// none, it fails instead of looking first.
    pub(super) fn into_part(
        self,
        way: Way,
        needed: Option<&str>,
    ) -> Result<SubQueryStatement, StoreError> {
        let may_fail = way == Way::AtOnce && self.is_required && needed.is_some();
        let one = || Query::returning().expr(Expr::cust("1"));
        let is_met = needed.map(|needed| rows_of(needed).expr(Expr::cust("1")).to_owned());
        let is_met = Condition::all().add_option(is_met.map(Expr::exists));
        Ok(match self.into_tree() {
            Tree::Insert(insertion) => {
                let mut insertion = match needed {
                    Some(needed) => insertion.only_after(needed),
                    None => *insertion,
                };
                insertion.yields &= !may_fail;
                let mut statement = insertion.into_query()?;
                statement.returning(one());
                statement.into()
            }
            Tree::Update(mut statement) => {
                statement.cond_where(is_met).returning(one());
                statement.into()
            }
            Tree::Delete(mut statement) => {
                statement.cond_where(is_met).returning(one());
                statement.into()
            }
        })
    }
}

impl Tree {
    /// What it says, in the terms of a database.
    pub(super) fn build(self, backend: DbBackend) -> Result<Statement, StoreError> {
        Ok(match self {
            Self::Insert(insertion) => backend.build(&insertion.into_query()?),
            Self::Update(update) => backend.build(&update),
            Self::Delete(deletion) => backend.build(&deletion),
        })
    }
}

/// One that is written anew whenever it is told, and with it all that is told beside it.
impl<T: Into<Tree>> From<T> for Step {
    fn from(tree: T) -> Self {
        Self {
            said: Said::Tree(Box::new(tree.into())),
            is_required: true,
        }
    }
}

impl From<Insertion> for Tree {
    fn from(insertion: Insertion) -> Self {
        Self::Insert(Box::new(insertion))
    }
}

impl<E: EntityTrait> From<UpdateMany<E>> for Tree {
    fn from(update: UpdateMany<E>) -> Self {
        Self::Update(update.into_query())
    }
}

impl<E: EntityTrait> From<DeleteMany<E>> for Tree {
    fn from(deletion: DeleteMany<E>) -> Self {
        Self::Delete(deletion.into_query())
    }
}
