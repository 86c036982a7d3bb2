//! Codes that are entered: they are told by their digest, and read with their owner.

use latchkey_domain::{
    application::RpId,
    credential::{CredentialId, CredentialKind, passkey::Transports},
    credential_code::{CodeDigest, CodeEntry, CodeForm},
    id::{CredentialCodeId, CredentialUuid},
    text::{CredentialName, Username},
    time::Timestamp,
    user::User,
};
use latchkey_service::ports::{
    account_store::HeldPasskey,
    credential_code_store::{ClaimedCode, FoundCode},
    store::StoreError,
};
use sea_orm::{
    DbBackend, DerivePartialModel, FromQueryResult as _, PartialModelTrait, QueryResult,
    QuerySelect as _, QueryTrait as _, Statement, UpdateMany, Value,
    entity::prelude::*,
    sea_query::{
        BinOper, CommonTableExpression, ExprTrait as _, Func, Query, SelectStatement, WithClause,
        WithQuery,
    },
};

use super::{CLAIMED, Column, Entity, ISSUED, Model, Typed, credential, organization, user};
use crate::{
    authority::active_credential,
    column::{self, FIRST, Joined, SECOND, THIRD},
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
        let mut found = with_owner::<Model>();
        found.and_where(by.column.eq(digest));
        let organization = Column::OrganizationId.into_expr();
        found.and_where(organization::is_active(organization));
        found
    })
}

/// Claims it, and reads what was claimed, on PostgreSQL.
pub(super) fn claimed(form: CodeForm, digest: &CodeDigest, entry: &CodeEntry) -> Statement {
    let by = ByDigest::of(form);
    let backend = DbBackend::Postgres;
    by.claimed.with(backend, &values(digest, entry), |values| {
        with_owner_of(claim_by(by.column, &mut Vec::from(values).into()))
    })
}

/// Claims it.
pub(super) fn claim(form: CodeForm, digest: &CodeDigest, entry: &CodeEntry) -> Step {
    let claim = ByDigest::of(form).claim;
    Step::fixed(PLAIN, values(digest, entry).into(), claim)
}

/// This of codes, their owners, and what challenges list of the owner's passkeys: a row for each of these.
fn with_owner<M: PartialModelTrait>() -> SelectStatement {
    let rows = M::select_cols_nested(Entity::find().select_only(), Some(FIRST), None);
    let rows = user::Model::select_cols_nested(rows, Some(SECOND), None);
    let mut rows = PasskeyRow::select_cols_nested(rows, Some(THIRD), None).into_query();
    let id = user::Column::Id.into_expr();
    let holder = credential::Column::UserId.into_expr();
    let is_passkey = credential::Column::Kind.eq(CredentialKind::Fido2.as_str());
    rows.inner_join(user::Entity, id.clone().eq(Column::UserId.into_expr()))
        .left_join(credential::Entity, holder.eq(id).and(is_passkey));
    rows
}

/// What a change that claims a code leaves of it, with its owner.
fn with_owner_of(change: UpdateMany<Entity>) -> WithQuery {
    let needed = [Column::Id, Column::UserId, Column::Issuer, Column::ForName];
    let mut change = change.into_query();
    change.returning(Query::returning().columns(needed));
    // It stands in the place of the table.
    let mut met = CommonTableExpression::new();
    met.table_name(Entity).query(change);
    let mut clause = WithClause::new();
    clause.cte(met);
    let mut statement = WithQuery::new();
    let rows = with_owner::<ClaimedRow>();
    statement.with_clause(clause).query(rows);
    statement
}

type OfCredential<T> = column::Typed<credential::Entity, T>;

#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct ClaimedRow {
    id: Typed<CredentialCodeId>,
    issuer: Typed<CredentialUuid>,
    for_name: Option<Typed<CredentialName>>,
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "credential::Entity")]
struct PasskeyRow {
    id: OfCredential<CredentialUuid>,
    credential_id: OfCredential<CredentialId>,
    rp_id: Option<OfCredential<RpId>>,
    transports: Option<OfCredential<Transports>>,
    is_active: bool,
    waits_until: Option<OfCredential<Timestamp>>,
    created: OfCredential<Timestamp>,
}

impl TryFrom<PasskeyRow> for HeldPasskey {
    type Error = StoreError;

    fn try_from(row: PasskeyRow) -> Result<Self, StoreError> {
        let rp_id = row.rp_id.map(OfCredential::into_inner);
        Ok(Self {
            rp_id: rp_id.ok_or_else(|| credential::lacks_of_passkeys(&row.id))?,
            state: credential::state(&row.id, row.is_active, row.waits_until)?,
            id: row.credential_id.into_inner(),
            transports: row
                .transports
                .map(OfCredential::into_inner)
                .unwrap_or_default(),
        })
    }
}

/// The code of the rows of [`found`].
pub(super) fn found_in(rows: &[QueryResult]) -> Result<Option<FoundCode>, StoreError> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let code = Model::from_query_result(first, FIRST).map_err(StoreError::new)?;
    Ok(Some(FoundCode {
        code: code.try_into()?,
        owner: owner_in(first)?,
        passkeys: passkeys_in(rows)?,
    }))
}

/// The code of the rows of [`claimed`].
pub(super) fn claimed_in(rows: &[QueryResult]) -> Result<Option<ClaimedCode>, StoreError> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let code = ClaimedRow::from_query_result(first, FIRST).map_err(StoreError::new)?;
    Ok(Some(ClaimedCode {
        id: code.id.into_inner(),
        issuer: code.issuer.into_inner(),
        name: code.for_name.map(Typed::into_inner),
        owner: owner_in(first)?,
        passkeys: passkeys_in(rows)?,
    }))
}

fn owner_in(row: &QueryResult) -> Result<User, StoreError> {
    let owner = user::Model::from_query_result(row, SECOND);
    Ok(owner.map_err(StoreError::new)?.into())
}

fn passkeys_in(rows: &[QueryResult]) -> Result<Vec<HeldPasskey>, StoreError> {
    let held = rows.iter().map(|row| {
        let held = Joined::<PasskeyRow>::from_query_result_optional(row, THIRD);
        held.map_err(StoreError::new)
    });
    let held: Result<Vec<_>, _> = held.collect();
    let mut held: Vec<_> = held?.into_iter().flatten().map(|Joined(row)| row).collect();
    credential::put_in_order(&mut held, |row| (row.created.0, &row.id.0));
    held.into_iter().map(HeldPasskey::try_from).collect()
}

/// Issued → claimed; meets none but one that the [entry claims](CodeEntry::claims), while what its owner allowed by
/// issuing it [stands](Authority::of_code). It meets what its challenge has claimed already, too.
fn claim_by(digest: Column, inputs: &mut Inputs) -> UpdateMany<Entity> {
    let (date, challenge) = (inputs.take(), inputs.take());
    let is_claimed_so = Column::State.eq(CLAIMED);
    let is_claimed_so = is_claimed_so.and(Column::ClaimChallenge.eq(challenge.clone()));
    let claimed = Entity::update_many()
        .col_expr(Column::State, Expr::value(CLAIMED))
        .col_expr(Column::Claimed, Expr::val(date.clone()))
        .col_expr(Column::ClaimOrigin, Expr::val(inputs.take()))
        .col_expr(Column::ClaimAddress, Expr::val(inputs.take()))
        .col_expr(Column::ClaimChallenge, Expr::val(challenge))
        .col_expr(Column::ClaimExpires, Expr::val(inputs.take()))
        .filter(digest.eq(inputs.take()))
        .filter(Column::State.eq(ISSUED).or(is_claimed_so))
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
        .filter(statement::exists(active_credential(
            issuer,
            user,
            since,
            &[],
        )))
}

/// What [`claim_by`] takes.
fn values(digest: &CodeDigest, entry: &CodeEntry) -> [Value; 11] {
    let claim = &entry.claim;
    [
        claim.date.unix_milliseconds().into(),
        claim.challenge.as_str().into(),
        claim.origin.clone().map(Typed::from).into(),
        Typed::from(claim.address).into(),
        claim.expires.unix_milliseconds().into(),
        digest.as_bytes().to_vec().into(),
        entry.organization.as_str().into(),
        entry.application.as_str().into(),
        (entry.kind == CredentialKind::Fido2).into(),
        format!("% {} %", entry.kind).into(),
        entry.username.as_ref().map(Username::key).into(),
    ]
}
