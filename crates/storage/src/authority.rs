//! Exercising an authority: what every change requires first, in one place.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::Arc,
};

use latchkey_domain::{
    authority::Authority,
    id::{ApplicationId, CredentialUuid},
};
use latchkey_service::ports::store::{AuthorityConflict, StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, JoinType, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, RelationTrait as _, Select, Value,
    sea_query::{Condition, Expr, ExprTrait as _, SelectStatement, SubQueryStatement},
};

use crate::{
    statement::{self, Step, together},
    store::SqlStore,
    table::{self, application, credential, organization, user},
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
    let (spends, messages) = (authority.spends(), authority.messages());
    if spends.is_empty() && !stands(transaction, authority).await? {
        return Err(why_void(transaction, authority).await?.into());
    }
    let mut met = together(transaction, all_steps(authority, steps)).await?;
    let mut refused = spends.iter().zip(&met).enumerate();
    if let Some((place, (spend, _none))) = refused.find(|(_, (_, rows))| **rows == 0) {
        let is_void = place == 0 && !stands(transaction, authority).await?;
        return Err(if is_void {
            why_void(transaction, authority).await?.into()
        } else {
            AuthorityConflict::Spent(spend.item).into()
        });
    }
    Ok(met.split_off(spends.len() + messages.len()))
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

/// All that [`exercise_with`] does, as steps that can be told at once. There are none when the authority spends
/// nothing: then none of them would ask whether it stands.
pub(crate) fn exercise_at_once(authority: &Authority, steps: Vec<Step>) -> Vec<Step> {
    if authority.spends().is_empty() {
        return vec![];
    }
    all_steps(authority, steps)
}

/// The same for what follows from several rows of the authority's user: nobody who has the user's lock changes
/// any of them meanwhile, or nothing is done.
pub(crate) fn exercise_locked_at_once(authority: &Authority, steps: Vec<Step>) -> Vec<Step> {
    let mut all = exercise_at_once(authority, steps);
    if !all.is_empty() {
        all.insert(0, user::lock_at_once(authority.user()).into());
    }
    all
}

/// The steps that use up what an authority spends, and tell of what it is for, before these.
fn all_steps(authority: &Authority, steps: Vec<Step>) -> Vec<Step> {
    // The first thing is used up only if the authority stands, and whatever else is done only after that.
    let mut if_it_stands = Some(standing(authority).select_only().into_query());
    let used_up = authority.spends().iter().map(|spend| {
        let condition = if_it_stands.take().unwrap_or_default();
        Step::from(table::spent::insertion(spend, condition))
    });
    let told = authority
        .messages()
        .iter()
        .map(|message| Step::from(table::message::insertion(message)));
    used_up.chain(told).chain(steps).collect()
}

/// Whether all that the authority requires is so.
pub(crate) async fn stands(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<bool, StoreError> {
    statement::any(transaction, standing(authority)).await
}

/// One row if all that the authority requires is so, and otherwise none.
pub(crate) fn standing(authority: &Authority) -> Select<organization::Entity> {
    organization::Entity::find()
        .join(
            JoinType::InnerJoin,
            user::Relation::Organization.def().rev(),
        )
        .filter(organization::Column::Id.eq(authority.organization().as_str()))
        .filter(organization::Column::IsActive.eq(true))
        .filter(user::Column::Id.eq(authority.user().as_str()))
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::Epoch.eq(authority.epoch().number()))
        .filter(session_is_not_ended(authority))
        .filter(applications_are_active(authority))
        .filter(credentials_are_active(authority))
        .filter(none_is_fresh(authority))
}

fn applications_are_active(authority: &Authority) -> Condition {
    let applications = authority.applications().iter();
    let ids: BTreeSet<_> = applications.map(ApplicationId::as_str).collect();
    let active = application::Entity::find()
        .select_only()
        .expr(Expr::col(application::Column::Id).count())
        .filter(application::Column::Id.is_in(ids.clone()))
        .filter(application::Column::OrganizationId.eq(authority.organization().as_str()))
        .filter(application::Column::IsActive.eq(true));
    all_of(ids.len(), active.into_query())
}

/// That the session was not ended in which the change is made, where it is made in one.
fn session_is_not_ended(authority: &Authority) -> Condition {
    let ended = authority.session().map(|session| {
        let entry = table::spent::entry(session.as_str());
        Expr::exists(entry).not()
    });
    Condition::all().add_option(ended)
}

/// They must be the user's and not have been activated since the moment of each, and the applications they
/// belong to must be active as well.
fn credentials_are_active(authority: &Authority) -> Condition {
    let mut by_moment: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (credential, since) in authority.credentials() {
        by_moment.entry(*since).or_default().push(credential);
    }
    let of_each_moment = by_moment.into_iter().map(|(since, credentials)| {
        let ids = credentials.iter().map(|credential| credential.as_str());
        let active = credential::Entity::find()
            .select_only()
            .expr(Expr::col((credential::Entity, credential::Column::Id)).count())
            .join(JoinType::LeftJoin, credential::Relation::Application.def())
            .filter(credential::Column::Id.is_in(ids))
            .filter(credential::Column::UserId.eq(authority.user().as_str()))
            .filter(credential::Column::IsActive.eq(true))
            .filter(not_activated_since(since.unix_milliseconds()))
            .filter(
                Condition::any()
                    .add(credential::Column::ApplicationId.is_null())
                    .add(application::Column::IsActive.eq(true)),
            );
        all_of(credentials.len(), active.into_query())
    });
    of_each_moment.fold(Condition::all(), Condition::add)
}

/// That a credential was not activated after that moment.
pub(crate) fn not_activated_since(moment: impl Into<Value>) -> Condition {
    Condition::any()
        .add(credential::Column::Activated.is_null())
        .add(credential::Column::Activated.lte(moment))
}

/// That none of the credentials is fresh, where that is required. An organization that says nothing has nothing
/// fresh: what is added to it is then no moment, and not later than any.
fn none_is_fresh(authority: &Authority) -> Condition {
    let Some(at) = authority.settled_at() else {
        return Condition::all();
    };
    let ids = authority.credentials().keys().map(CredentialUuid::as_str);
    let created = Expr::col((credential::Entity, credential::Column::Created));
    let freshness = Expr::col((organization::Entity, organization::Column::Freshness));
    let fresh = credential::Entity::find()
        .select_only()
        .column(credential::Column::Id)
        .filter(credential::Column::Id.is_in(ids))
        .filter(credential::Column::MadeBy.eq(credential::MADE_WITH_CODE))
        .filter(created.add(freshness).gt(at.unix_milliseconds()));
    Condition::all().add(Expr::exists(fresh.into_query()).not())
}

/// That a statement counts as many rows as are required; when none are, nothing need be counted.
fn all_of(required: usize, counted: SelectStatement) -> Condition {
    if required == 0 {
        return Condition::all();
    }
    let required = i64::try_from(required).unwrap_or(i64::MAX);
    Condition::all().add(Expr::from(SubQueryStatement::SelectStatement(counted)).eq(required))
}
