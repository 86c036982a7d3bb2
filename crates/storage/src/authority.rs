//! Exercising an authority: what every change requires first, in one place.

use std::{error::Error, sync::Arc};

use latchkey_domain::authority::{Authority, Spend, Spendable};
use latchkey_service::ports::store::{AuthorityConflict, StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait, QueryFilter as _, QuerySelect as _,
    QueryTrait as _, Select, Value,
    sea_query::{Condition, Expr, ExprTrait as _, Func, SubQueryStatement},
};

use crate::{
    statement::{self, Form, Inputs, PLAIN, Step, together},
    store::SqlStore,
    table::{application, credential, message, organization, spent, user},
    transaction::Transaction,
};

/// Locks the user and exercises an authority. What follows sees what the lock's former holder did: only a
/// statement that begins after the lock was given does, so the lock is a statement of its own.
///
/// # Errors
/// As [`exercise_with`].
pub(crate) async fn exercise<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<(), E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    user::lock(transaction, authority.user()).await?;
    exercise_with(transaction, authority, vec![])
        .await
        .map(|_none| ())
}

/// A step that uses something up, and meets nothing where that was used before, or the authority does not stand.
pub(crate) struct UsedUp {
    /// What it is.
    pub(crate) item: Spendable,
    /// The step.
    pub(crate) step: Step,
}

/// Exercises an authority together with the changes it is exercised for: requires all that the authority
/// names, uses up what it spends, keeps the messages that tell of the change, and carries the steps out; gives
/// how many rows each met. When it, or what follows, fails, the transaction must be rolled back; then nothing
/// is used up and nobody is told.
///
/// Whoever changes what follows from several rows of a user has locked the user before. Who has not is
/// sure of the rows that the steps themselves meet, which are judged anew when somebody else has just
/// changed them; of the others only that they were so when the statement began, as if what changes them
/// meanwhile came later.
///
/// # Errors
/// [`AuthorityConflict`], or [`StoreError`] when the database fails.
pub(crate) async fn exercise_with<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    steps: Vec<Step>,
) -> Result<Vec<u64>, E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    exercise_by(transaction, authority, None, steps).await
}

/// The same where what follows itself uses something up, first of all.
///
/// # Errors
/// As [`exercise_with`].
pub(crate) async fn exercise_by<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    first: Option<UsedUp>,
    steps: Vec<Step>,
) -> Result<Vec<u64>, E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    let (spends, messages) = (authority.spends(), authority.messages());
    if first.is_none() && spends.is_empty() && !stands(transaction, authority).await? {
        return Err(why_void(transaction, authority).await?.into());
    }
    let own = first.as_ref().map(|first| first.item);
    let items: Vec<_> = own
        .into_iter()
        .chain(spends.iter().map(|spend| spend.item))
        .collect();
    let mut met = together(transaction, standing_steps(authority, first, steps)).await?;
    let mut refused = items.iter().zip(&met).enumerate();
    if let Some((place, (item, _none))) = refused.find(|(_, (_, rows))| **rows == 0) {
        let is_void = place == 0 && !stands(transaction, authority).await?;
        return Err(if is_void {
            why_void(transaction, authority).await?.into()
        } else {
            AuthorityConflict::Spent(*item).into()
        });
    }
    Ok(met.split_off(items.len() + messages.len()))
}

/// Why an authority does not stand: a credential may only be too fresh for it.
async fn why_void(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<AuthorityConflict, StoreError> {
    let is_fresh = authority.settled_at().is_some()
        && stands(transaction, &authority.clone().however_fresh()).await?;
    Ok(if is_fresh {
        AuthorityConflict::Fresh
    } else {
        AuthorityConflict::Void
    })
}

impl SqlStore {
    /// Exercises an authority, and carries out steps that follow from several rows of its user, while nobody who
    /// has the user's lock changes any of them. Where one of the steps that must meet a row meets none, it is
    /// asked what becomes of it, with the lock.
    ///
    /// # Errors
    /// As [`exercise_with`], and what comes of a step that met nothing.
    pub(crate) async fn exercise_locked<E, F>(
        &self,
        authority: Authority,
        steps: impl Fn() -> Vec<Step> + Send + Sync + 'static,
        otherwise: impl FnOnce(Transaction) -> F + Clone + Send + 'static,
    ) -> Result<(), E>
    where
        E: Error + From<AuthorityConflict> + From<StoreError> + Send + 'static,
        F: Future<Output = Result<(), E>> + Send,
    {
        let change = Arc::new((authority, steps));
        let own = Arc::clone(&change);
        let plan = async move |_tx| {
            let (authority, steps) = &*own;
            Ok((exercise_locked_at_once(authority, steps()), ()))
        };
        let operation = async move |tx: Transaction| {
            let (authority, steps) = &*change;
            user::lock(&tx, authority.user()).await?;
            let steps = steps();
            let must_meet: Vec<_> = steps.iter().map(Step::is_required).collect();
            let met = exercise_with::<E>(&tx, authority, steps).await?;
            let is_done = must_meet
                .iter()
                .zip(&met)
                .all(|(must, rows)| !must || *rows > 0);
            if is_done { Ok(()) } else { otherwise(tx).await }
        };
        self.write_at_once(plan, operation).await
    }
}

/// All that [`exercise_by`] does, as steps that can be told at once. There are none when nothing is used up: then none
/// of them would ask whether the authority stands.
pub(crate) fn exercise_at_once(
    authority: &Authority,
    first: Option<UsedUp>,
    steps: Vec<Step>,
) -> Vec<Step> {
    if first.is_none() && authority.spends().is_empty() {
        return vec![];
    }
    standing_steps(authority, first, steps)
}

/// The same for what follows from several rows of the authority's user: nobody who has the user's lock changes
/// any of them meanwhile, or nothing is done. The step that locks asks whether the authority stands.
pub(crate) fn exercise_locked_at_once(authority: &Authority, steps: Vec<Step>) -> Vec<Step> {
    let mut values = vec![authority.user().as_str().into()];
    values.extend(values_of(authority));
    let lock = Step::fixed(form_of(authority), values, |form, inputs| {
        let user = inputs.take();
        user::lock_at_once(&user, standing_of_user(form, inputs)).into()
    });
    let mut all = vec![lock];
    all.extend(all_steps(authority, authority.spends(), steps));
    all
}

/// All steps of an authority that spends something, or is exercised by what does: the first one asks whether it stands.
fn standing_steps(authority: &Authority, first: Option<UsedUp>, steps: Vec<Step>) -> Vec<Step> {
    let spends = authority.spends();
    let (first, others) = match (first, spends) {
        (Some(first), all) => (Some(first.step), all),
        (None, [first, others @ ..]) => (Some(used_up_if_it_stands(authority, first)), others),
        (None, []) => (None, spends),
    };
    let others = all_steps(authority, others, steps);
    first.into_iter().chain(others).collect()
}

/// The steps that use these up, and tell of what the authority is for, before these.
fn all_steps(authority: &Authority, spends: &[Spend], steps: Vec<Step>) -> Vec<Step> {
    let used_up = spends.iter().map(used_up);
    let told = authority.messages().iter().map(message::insertion);
    used_up.chain(told).chain(steps).collect()
}

/// Uses a thing up.
fn used_up(spend: &Spend) -> Step {
    Step::fixed(PLAIN, spent::values(spend).into(), |_form, inputs| {
        spent::insertion(inputs).into()
    })
}

/// Uses a thing up only if all that the authority requires is so.
fn used_up_if_it_stands(authority: &Authority, spend: &Spend) -> Step {
    let mut values = Vec::from(spent::values(spend));
    values.extend(values_of(authority));
    Step::fixed(form_of(authority), values, |form, inputs| {
        let used_up = spent::insertion(inputs);
        used_up.only_if(standing(form, inputs)).into()
    })
}

/// Whether all that the authority requires is so.
pub(crate) async fn stands(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<bool, StoreError> {
    let mut inputs = values_of(authority).into();
    let standing = standing_of_user(form_of(authority), &mut inputs);
    statement::any(transaction, user::Entity::find().filter(standing)).await
}

/// On what of an authority the text of its [`standing`] depends: how many sessions, moments at which nothing may be
/// fresh, applications and credentials it names.
pub(crate) fn form_of(authority: &Authority) -> Form {
    let number = |number| u64::try_from(number).unwrap_or(u64::MAX);
    [
        authority.session().is_some().into(),
        authority.settled_at().is_some().into(),
        number(authority.applications().len()),
        number(authority.credentials().len()),
    ]
}

/// The values that [`standing`] takes.
pub(crate) fn values_of(authority: &Authority) -> Vec<Value> {
    let (user, organization) = (authority.user().as_str(), authority.organization().as_str());
    let mut values: Vec<Value> = vec![
        user.into(),
        organization.into(),
        authority.epoch().number().into(),
        organization.into(),
    ];
    values.extend(authority.session().map(|session| session.as_str().into()));
    values.extend(authority.applications().iter().map(|id| id.as_str().into()));
    values.extend(
        authority
            .settled_at()
            .map(|at| at.unix_milliseconds().into()),
    );
    for (credential, since) in authority.credentials() {
        values.push(credential.as_str().into());
        values.push(user.into());
        values.push(since.unix_milliseconds().into());
    }
    values
}

/// That all that the authority requires is so.
pub(crate) fn standing(form: Form, inputs: &mut Inputs) -> Condition {
    let user = user::Entity::find().filter(required_of_user(inputs));
    Condition::all()
        .add(statement::exists(user))
        .add(required_beside_user(form, inputs))
}

/// The same of the user that is selected.
pub(crate) fn standing_of_user(form: Form, inputs: &mut Inputs) -> Condition {
    required_of_user(inputs).add(required_beside_user(form, inputs))
}

/// What is required of the user's own row.
fn required_of_user(inputs: &mut Inputs) -> Condition {
    Condition::all()
        .add(user::Column::Id.eq(inputs.take()))
        .add(user::Column::OrganizationId.eq(inputs.take()))
        .add(user::Column::Epoch.eq(inputs.take()))
        .add(user::Column::IsActive.eq(true))
}

/// What is required of all else. None of it is joined to another, so that each is asked once and by itself.
fn required_beside_user(
    [sessions, moments, applications, credentials]: Form,
    inputs: &mut Inputs,
) -> Condition {
    let organization = inputs.take();
    let mut required =
        Condition::all().add(organization::is_active(Expr::val(organization.clone())));
    if sessions > 0 {
        // The one in which the change is made was not ended.
        required = required.add(Expr::exists(spent::entry(inputs.take())).not());
    }
    let mut known = vec![];
    for _ in 0..applications {
        let application = inputs.take();
        known.push(application.clone());
        required = required.add(application::is_active_in(organization.clone(), application));
    }
    let settled_at = (moments > 0).then(|| inputs.take());
    for _ in 0..credentials {
        let mut next = || Expr::val(inputs.take());
        let mut active = active_credential(next(), next(), next(), &known);
        if let Some(at) = &settled_at {
            active = active.filter(is_settled(organization.clone(), at.clone()));
        }
        required = required.add(statement::exists(active));
    }
    required
}

/// The credential if it is the user's, active and not activated since that moment, and the application that it
/// belongs to is active as well; of the known ones that is required anyway.
pub(crate) fn active_credential(
    id: Expr,
    user: Expr,
    since: Expr,
    known: &[Value],
) -> Select<credential::Entity> {
    let application = Expr::col((credential::Entity, credential::Column::ApplicationId));
    let is_known = known
        .iter()
        .map(|known| application.clone().eq(known.clone()));
    let of_no_other = is_known.fold(credential::Column::ApplicationId.is_null(), |one, or| {
        one.or(or)
    });
    let active = application::Entity::find()
        .filter(Expr::col((application::Entity, application::Column::Id)).eq(application))
        .filter(application::Column::IsActive.eq(true));
    let activated = credential::Column::Activated.into_expr();
    credential::Entity::find()
        .filter(credential::Column::Id.into_expr().eq(id))
        .filter(credential::Column::UserId.into_expr().eq(user))
        .filter(credential::Column::IsActive.eq(true))
        .filter(activated.clone().is_null().or(activated.lte(since)))
        .filter(of_no_other.or(statement::exists(active)))
}

/// That a credential is not too fresh at that moment. An organization that says nothing has nothing fresh: what is
/// added to it is then no moment.
fn is_settled(organization: Value, at: Value) -> Condition {
    let freshness = organization::Entity::find()
        .select_only()
        .column(organization::Column::Freshness)
        .filter(organization::Column::Id.eq(organization))
        .into_query();
    let freshness = Expr::from(SubQueryStatement::SelectStatement(freshness));
    let created = Expr::col((credential::Entity, credential::Column::Created));
    let is_fresh = Func::coalesce([created.add(freshness).gt(at), Expr::cust("FALSE")]);
    Condition::any()
        .add(credential::Column::MadeBy.ne(credential::MADE_WITH_CODE))
        .add(Expr::from(is_fresh).not())
}
