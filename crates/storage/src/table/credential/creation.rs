//! Credentials are made.

use latchkey_domain::credential::Credential;
use latchkey_service::ports::{credential_store::CreateError, store::StoreError};
use sea_orm::{
    DatabaseTransaction, QuerySelect as _, QueryTrait as _,
    entity::prelude::*,
    sea_query::{Condition, ExprTrait as _, SubQueryStatement},
};

use super::{Column, Entity, Summary, summaries, to_row};
use crate::statement::{Form, Inputs, Insertion, Step, Tree, in_turn, row_of};

/// Makes a credential of a user who is locked; meets none when the user has as many as are allowed, or the
/// organization has one of that credential id. What came of that, [`insert_in_place`] tells.
pub(crate) fn insertion(credential: &Credential) -> Step {
    insertion_beside(credential, |form, inputs| {
        in_room(form, inputs, Condition::all()).into()
    })
}

/// Makes a credential as that tree says, see [`in_room`].
pub(super) fn insertion_beside(
    credential: &Credential,
    tree: fn(Form, &mut Inputs) -> Tree,
) -> Step {
    let (form, mut values) = row_of(&to_row(credential));
    values.extend([
        credential.user.as_str().into(),
        credential.created.unix_milliseconds().into(),
    ]);
    Step::fixed(form, values, tree)
}

/// Makes a credential; of those that the user has, these are counted.
pub(super) fn in_room(form: Form, inputs: &mut Inputs, counted: Condition) -> Insertion {
    let insertion = Insertion::of_row::<Entity>(form, inputs).unless_taken();
    let user = Column::UserId.eq(inputs.take());
    let is_there = Condition::any()
        .add(Column::WaitsUntil.is_null())
        .add(Column::WaitsUntil.gt(inputs.take()));
    let held = Entity::find()
        .select_only()
        .expr(Column::Id.count())
        .filter(user)
        .filter(counted.add(is_there))
        .into_query();
    let maximum = i64::try_from(Credential::MAXIMUM_PER_USER).unwrap_or(i64::MAX);
    insertion.only_if(Expr::from(SubQueryStatement::SelectStatement(held)).lt(maximum))
}

/// Makes a credential, however many there are.
fn free_insertion(credential: &Credential) -> Step {
    Step::row_unless_taken(&to_row(credential))
}

/// Makes a credential whose [`insertion`] met none: that can be in the place of one that has waited in vain,
/// whoever's it is.
///
/// # Errors
/// [`CreateError`].
pub(crate) async fn insert_in_place(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<(), CreateError> {
    insert_in_place_beside(transaction, credential, |_held| true).await
}

pub(super) async fn insert_in_place_beside(
    transaction: &DatabaseTransaction,
    credential: &Credential,
    is_counted: fn(&Summary) -> bool,
) -> Result<(), CreateError> {
    let held = summaries(transaction, &credential.user).await?;
    let is_there = |held: &&Summary| is_counted(held) && !held.state.is_gone(credential.created);
    if held.iter().filter(is_there).count() >= Credential::MAXIMUM_PER_USER {
        Err(CreateError::TooMany)
    } else if free_and_insert(transaction, credential).await? {
        Ok(())
    } else {
        Err(CreateError::CredentialIdTaken)
    }
}

/// Makes a credential, however many there are, if need be in the place of one that has waited in vain; `false`
/// when the organization has one of that credential id.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let made = in_turn(transaction, vec![free_insertion(credential)]).await?;
    Ok(made == [1] || free_and_insert(transaction, credential).await?)
}

async fn free_and_insert(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let freed = Entity::delete_many()
        .filter(Column::OrganizationId.eq(credential.organization.as_str()))
        .filter(Column::CredentialKey.eq(credential.id.key()))
        .filter(Column::WaitsUntil.lte(credential.created.unix_milliseconds()));
    let steps = vec![freed.into(), free_insertion(credential)];
    Ok(in_turn(transaction, steps).await? == [1, 1])
}

/// Credentials in the one order in which they are made, so that two callers who bring the same ids never
/// wait for each other.
pub(crate) fn in_order(credentials: &[Credential]) -> Vec<&Credential> {
    let mut in_order: Vec<_> = credentials.iter().collect();
    in_order.sort_by(|one, other| one.id.key().cmp(other.id.key()));
    in_order
}

/// Makes credentials of users who are locked.
///
/// # Errors
/// [`CreateError`].
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    credentials: &[Credential],
) -> Result<(), CreateError> {
    for credential in in_order(credentials) {
        let made = in_turn(transaction, vec![insertion(credential)]).await?;
        if made != [1] {
            insert_in_place(transaction, credential).await?;
        }
    }
    Ok(())
}
