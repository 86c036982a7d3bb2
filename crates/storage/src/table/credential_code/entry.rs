//! Codes that are entered: they are told by their digest, and read with the account of their owner.

use latchkey_domain::{
    credential::CredentialKind,
    credential_code::{CodeDigest, CodeEntry, CodeForm},
    text::Username,
};
use sea_orm::{
    DbBackend, JoinType, QuerySelect as _, QueryTrait as _, Statement, UpdateMany, Value,
    entity::prelude::*,
    sea_query::{
        BinOper, CommonTableExpression, ExprTrait as _, Func, SelectStatement, WithClause,
        WithQuery,
    },
};

use super::{CLAIMED, Column, Entity, ISSUED, Relation, Typed, credential, organization, user};
use crate::{
    authority::active_credential,
    statement::{self, Fixed, Form, Inputs, PLAIN, Step, Tree},
};

/// How codes are told by their digests in one form.
struct ByDigest {
    column: Column,
    found: Fixed,
    claimed: Fixed,
    claim: fn(Form, &mut Inputs) -> Tree,
}

impl ByDigest {
    fn of(form: CodeForm) -> &'static Self {
        static SHORT: ByDigest = ByDigest {
            column: Column::ShortDigest,
            found: Fixed::new(),
            claimed: Fixed::new(),
            claim: |_form, inputs| claim_by(Column::ShortDigest, inputs).into(),
        };
        static LONG: ByDigest = ByDigest {
            column: Column::LongDigest,
            found: Fixed::new(),
            claimed: Fixed::new(),
            claim: |_form, inputs| claim_by(Column::LongDigest, inputs).into(),
        };
        match form {
            CodeForm::Short => &SHORT,
            CodeForm::Long => &LONG,
        }
    }
}

/// Reads the code that has that digest in that form.
pub(super) fn found(backend: DbBackend, form: CodeForm, digest: &CodeDigest) -> Statement {
    let by = ByDigest::of(form);
    let values = [digest.as_bytes().to_vec().into()];
    by.found.with(backend, &values, |[digest]| {
        let mut found = with_owner();
        found.and_where(by.column.eq(digest));
        let organization = Column::OrganizationId.into_expr();
        found.and_where(organization::is_active(organization));
        found
    })
}

/// Claims it, and reads what was claimed.
pub(super) fn claimed(
    backend: DbBackend,
    form: CodeForm,
    digest: &CodeDigest,
    entry: &CodeEntry,
) -> Statement {
    let by = ByDigest::of(form);
    by.claimed.with(backend, &values(digest, entry), |values| {
        with_owner_of(claim_by(by.column, &mut Vec::from(values).into()))
    })
}

/// Claims it.
pub(super) fn claim(form: CodeForm, digest: &CodeDigest, entry: &CodeEntry) -> Step {
    let claim = ByDigest::of(form).claim;
    Step::fixed(PLAIN, values(digest, entry).into(), claim)
}

/// Codes and their owners: a row for each of the owner's credentials.
fn with_owner() -> SelectStatement {
    Entity::find()
        .join(JoinType::InnerJoin, Relation::User.def())
        .select_also(user::Entity)
        .and_also_related(credential::Entity)
        .into_query()
}

/// The same for the codes that a change meets, as it leaves them.
fn with_owner_of(change: UpdateMany<Entity>) -> WithQuery {
    let mut change = change.into_query();
    change.returning_all();
    // It stands in the place of the table.
    let mut met = CommonTableExpression::new();
    met.table_name(Entity).query(change);
    let mut clause = WithClause::new();
    clause.cte(met);
    let mut statement = WithQuery::new();
    statement.with_clause(clause).query(with_owner());
    statement
}

/// Issued → claimed; meets none but one that the [entry claims](CodeEntry::claims), while what its owner allowed by
/// issuing it [stands](Authority::of_code).
fn claim_by(digest: Column, inputs: &mut Inputs) -> UpdateMany<Entity> {
    let date = inputs.take();
    let claimed = Entity::update_many()
        .col_expr(Column::State, Expr::value(CLAIMED))
        .col_expr(Column::Claimed, Expr::val(date.clone()))
        .col_expr(Column::ClaimOrigin, Expr::val(inputs.take()))
        .col_expr(Column::ClaimAddress, Expr::val(inputs.take()))
        .col_expr(Column::ClaimChallenge, Expr::val(inputs.take()))
        .col_expr(Column::ClaimExpires, Expr::val(inputs.take()))
        .filter(digest.eq(inputs.take()))
        .filter(Column::State.eq(ISSUED))
        .filter(Column::Expires.gt(date))
        .filter(Column::OrganizationId.eq(inputs.take()));
    let is_here = Column::ForApplication.eq(inputs.take());
    let is_fido2 = Expr::val(inputs.take());
    let of_no_application = Column::ForApplication.is_null();
    let of_no_kinds = Column::ForKinds.is_null();
    let any_kind = of_no_kinds.and(of_no_application.clone().or(is_fido2));
    let beside = |text: Expr, next: Expr| text.binary(BinOper::Custom("||"), next);
    let kinds = beside(Expr::value(" "), Column::ForKinds.into_expr());
    let kinds = beside(kinds, Expr::value(" "));
    let that_kind = kinds.binary(BinOper::Like, Expr::val(inputs.take()));
    let username = user::Column::UsernameKey.into_expr();
    let said = Func::coalesce([Expr::val(inputs.take()), username.clone()]);
    let owner = user::Entity::find()
        .filter(user::Column::Id.into_expr().eq(Column::UserId.into_expr()))
        .filter(
            user::Column::Epoch
                .into_expr()
                .eq(Column::Epoch.into_expr()),
        )
        .filter(user::Column::IsActive.eq(true))
        .filter(username.eq(said));
    let issuance = [Column::Issuer, Column::UserId, Column::Issued];
    let [issuer, user, since] = issuance.map(Column::into_expr);
    claimed
        .filter(of_no_application.or(is_here))
        .filter(that_kind.or(any_kind))
        .filter(statement::exists(owner))
        .filter(organization::is_active(Column::OrganizationId.into_expr()))
        .filter(statement::exists(active_credential(issuer, user, since)))
}

/// What [`claim_by`] takes.
fn values(digest: &CodeDigest, entry: &CodeEntry) -> [Value; 11] {
    let claim = &entry.claim;
    [
        claim.date.unix_milliseconds().into(),
        claim.origin.clone().map(Typed::from).into(),
        Typed::from(claim.address).into(),
        claim.challenge.as_str().into(),
        claim.expires.unix_milliseconds().into(),
        digest.as_bytes().to_vec().into(),
        entry.organization.as_str().into(),
        entry.application.as_str().into(),
        (entry.kind == CredentialKind::Fido2).into(),
        format!("% {} %", entry.kind).into(),
        entry.username.as_ref().map(Username::key).into(),
    ]
}
