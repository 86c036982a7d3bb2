//! Credential codes, by digest.

mod entry;
mod state;

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::{
    application::Origin,
    approval::{Decision, Verdict},
    authority::Authority,
    credential_code::{
        Binding, CodeDigest, CodeEntry, CodeForm, CredentialCode, Kinds, NewCredentialCode,
        Release, ReleaseReason, ReleasedCode,
    },
    id::{
        ApplicationId, ChallengeId, CredentialCodeId, CredentialUuid, OrganizationId, TokenId,
        UserId,
    },
    text::CredentialName,
    time::Timestamp,
    user::Epoch,
};
use latchkey_service::ports::{
    credential_code_store::{
        ClaimError, ClaimedCode, CredentialCodeStore, DecideError, FoundCode, HeldCode, IssueError,
        RedeemError, Redemption, ReleaseError,
    },
    store::{AuthorityConflict, StoreError},
};
use sea_orm::{
    ActiveValue::Set,
    DatabaseTransaction, DbBackend, JoinType, QueryOrder as _, QuerySelect as _, UpdateMany, Value,
    entity::prelude::*,
    sea_query::{CaseStatement, Condition, ExprTrait as _},
};

use super::{credential, organization, user};
use crate::{
    column,
    connection::Reader,
    statement::{self, Change as _, Inputs, PLAIN, Step, together},
    store::SqlStore,
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credential_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<CredentialCodeId>,
    pub organization_id: Typed<OrganizationId>,
    pub user_id: Typed<UserId>,
    pub epoch: Typed<Epoch>,
    pub issuer: Typed<CredentialUuid>,
    pub session: Typed<TokenId>,
    pub short_digest: Option<Vec<u8>>,
    pub long_digest: Vec<u8>,
    pub issued: Typed<Timestamp>,
    pub expires: Typed<Timestamp>,
    pub state: String,
    pub claimed: Option<Typed<Timestamp>>,
    pub claim_origin: Option<Typed<Origin>>,
    pub claim_address: Option<Typed<std::net::IpAddr>>,
    pub claim_challenge: Option<Typed<ChallengeId>>,
    pub claim_expires: Option<Typed<Timestamp>>,
    pub credential: Option<Typed<CredentialUuid>>,
    /// Whether that credential waits for approval, and what was decided; empty when it need not.
    pub approval: Option<String>,
    pub approval_expires: Option<Typed<Timestamp>>,
    /// When whoever had entered it gave it back; then its state is the one of a cancelled code, which is what
    /// a process takes it for that does not know this column.
    pub released: Option<Typed<Timestamp>>,
    pub release_reason: Option<Typed<ReleaseReason>>,
    /// What it is for, as far as it says so.
    pub for_application: Option<Typed<ApplicationId>>,
    pub for_kinds: Option<Typed<Kinds>>,
    pub for_name: Option<Typed<CredentialName>>,
    pub is_newest: bool,
}

refers_to!(UserId => User of user);

#[async_trait]
impl CredentialCodeStore for SqlStore {
    async fn issue(&self, authority: Authority, new: NewCredentialCode) -> Result<(), IssueError> {
        let user = authority.user().clone();
        let steps = move || Vec::from(issuance(&user, new.clone()));
        self.exercise_locked(authority, steps, async |_tx| Err(IssueError::Taken))
            .await
    }

    async fn find(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
    ) -> Result<Option<FoundCode>, StoreError> {
        let statement = entry::found(self.backend(), form, digest);
        entry::found_in(&self.rows(statement).await?)
    }

    /// The code's own row decides: whatever ends what the authority requires of the owner and of the
    /// credentials ends the code as well, and of a row that somebody has just changed it is asked anew. PostgreSQL
    /// claims a code and reads it in one statement; only where that meets none, the code tells why. The claim has a
    /// challenge of its own, so it may be told again.
    async fn claim(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
        entry: CodeEntry,
    ) -> Result<ClaimedCode, ClaimError> {
        if self.backend() == DbBackend::Postgres {
            let claimed = entry::claimed(form, digest, &entry);
            let found = entry::found(DbBackend::Postgres, form, digest);
            return self
                .write_repeatably(async move |reader| {
                    let rows = reader.query_all_raw(claimed).await;
                    let rows = rows.map_err(StoreError::new)?;
                    if let Some(claimed) = entry::claimed_in(&rows)? {
                        return Ok(claimed);
                    }
                    let rows = reader.query_all_raw(found).await;
                    let rows = rows.map_err(StoreError::new)?;
                    Err(ClaimError::Refused(entry::found_in(&rows)?.map(Box::new)))
                })
                .await;
        }
        let found = self.find(form, digest).await?;
        let found = found.ok_or(ClaimError::Refused(None))?;
        let step = entry::claim(form, digest, &entry);
        let is_claimed = entry.claims(&found.code, &found.owner)
            && self
                .write(async move |tx| step.meets_one(&tx).await)
                .await?;
        if is_claimed {
            Ok(found.into())
        } else {
            Err(ClaimError::Refused(Some(Box::new(found))))
        }
    }

    async fn redeem(
        &self,
        authority: Authority,
        redemption: Redemption,
    ) -> Result<(), RedeemError> {
        let change = Arc::new((authority.clone(), redemption));
        let own = Arc::clone(&change);
        let steps = move || {
            let (authority, redemption) = &*own;
            Vec::from(redemption_steps(authority, redemption))
        };
        self.exercise_locked(authority, steps, async move |tx| {
            let (authority, redemption) = &*change;
            let asked = organization::approval(&tx, authority.organization()).await?;
            let asked = asked.ok_or(AuthorityConflict::Void)?;
            if asked != redemption.approval() {
                return Err(RedeemError::Asks(asked));
            }
            let credential = &redemption.credential;
            // The code comes first: where it was redeemed, the credential is what met nothing.
            let made = Entity::find().filter(Column::Credential.eq(credential.uuid.as_str()));
            let made = made.filter(Column::UserId.eq(credential.user.as_str()));
            if !statement::any(&*tx, made).await? {
                return Err(AuthorityConflict::Void.into());
            }
            Ok(credential::creation::insert_in_place(&tx, credential).await?)
        })
        .await
    }

    /// The code's own row decides, as in [`claim`](Self::claim).
    async fn release(&self, released: ReleasedCode) -> Result<(), ReleaseError> {
        self.meet_one_at_once(release(&released), || ReleaseError::Lost)
            .await
    }

    /// The code decides, because it is what a new code and a cancellation end, too.
    async fn decide(&self, authority: Authority, decision: Decision) -> Result<(), DecideError> {
        let allowed = authority.clone();
        let steps = move || {
            let (user, credential) = (allowed.user(), &decision.credential);
            let effect = match decision.verdict {
                Verdict::Approved => {
                    Step::from(credential::approve(user, credential, decision.date))
                }
                Verdict::Refused => Step::from(credential::deletion(user, credential)),
            };
            vec![decide(&allowed, &decision).into(), effect]
        };
        let otherwise = async |_tx| Err(DecideError::NotWaiting);
        self.exercise_locked(authority, steps, otherwise).await
    }

    async fn find_by_id(&self, code: &CredentialCodeId) -> Result<Option<HeldCode>, StoreError> {
        let that: Condition = Column::Id.eq(code.as_str()).into();
        self.read(async move |reader| held(&reader, that).await)
            .await
    }

    async fn newest(&self, user: &UserId) -> Result<Option<CredentialCode>, StoreError> {
        let newest = Entity::find()
            .filter(is_newest_of(user.as_str()))
            .order_by_desc(Column::Issued)
            .order_by_desc(Column::Id);
        let found = self
            .read(async move |reader| newest.one(&reader).await.map_err(StoreError::new))
            .await?;
        found.map(CredentialCode::try_from).transpose()
    }

    async fn cancel_all(&self, user: &UserId) -> Result<(), StoreError> {
        let user = user.clone();
        self.write(async move |tx| {
            if user::lock(&tx, &user).await? {
                end_all(&tx, &user).await?;
            }
            Ok(())
        })
        .await
    }
}

const ISSUED: &str = "issued";
const CLAIMED: &str = "claimed";
const REDEEMED: &str = "redeemed";
const CANCELLED: &str = "cancelled";

const WAITING: &str = "waiting";
const APPROVED: &str = "approved";
const REFUSED: &str = "refused";

/// The code of that user that was issued last.
fn is_newest_of(user: impl Into<Value>) -> Expr {
    // As the index says it: for a parameter neither database would know that it is enough.
    Column::UserId.eq(user).and(Column::IsNewest.into_expr())
}

/// A code with which a credential was made that waits, or has waited in vain.
fn waits() -> Expr {
    Column::Approval.eq(WAITING)
}

/// A code that can still lead to a credential.
fn is_open() -> Expr {
    Column::State.is_in([ISSUED, CLAIMED])
}

/// Issues a code, and ends what is superseded by it.
pub(crate) fn issuance(user: &UserId, new: NewCredentialCode) -> [Step; 3] {
    [
        supersede(user).optional(),
        credential::deletion_of_waiting(user).optional(),
        insertion(new),
    ]
}

/// Makes an issued code; meets none when a code of the same text exists.
fn insertion(new: NewCredentialCode) -> Step {
    let NewCredentialCode { code, short, long } = new;
    let row = ActiveModel {
        id: Set(code.id.into()),
        organization_id: Set(code.organization.into()),
        user_id: Set(code.user.into()),
        epoch: Set(code.epoch.into()),
        issuer: Set(code.issuer.into()),
        session: Set(code.session.into()),
        short_digest: Set(short.map(|digest| digest.as_bytes().to_vec())),
        long_digest: Set(long.as_bytes().to_vec()),
        issued: Set(code.issued.into()),
        expires: Set(code.expires.into()),
        for_application: Set(code.binding.application.map(Typed::from)),
        for_kinds: Set(code.binding.kinds.map(Typed::from)),
        for_name: Set(code.binding.name.map(Typed::from)),
        state: Set(ISSUED.to_owned()),
        is_newest: Set(true),
        ..Default::default()
    };
    Step::row_unless_taken(&row)
}

/// Makes room for a newer code of a user: the one before it ends, and is the newest no more. Those before that have
/// ended in the same way.
fn supersede(user: &UserId) -> Step {
    Step::fixed(PLAIN, vec![user.as_str().into()], |_form, inputs| {
        ending(is_newest_of(inputs.take()))
            .col_expr(Column::IsNewest, Expr::value(false))
            .into()
    })
}

/// Cancels every open code of a user, whose row is locked, and refuses what waits: every credential that
/// does has a code that says so.
pub(crate) async fn end_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<bool, StoreError> {
    let rows = together(transaction, end_steps(user).into()).await?;
    Ok(rows.iter().any(|rows| *rows > 0))
}

/// What [`end_all`] does, as steps beside others.
pub(crate) fn end_steps(user: &UserId) -> [Step; 2] {
    let codes = Step::fixed(PLAIN, vec![user.as_str().into()], |_form, inputs| {
        ending(is_newest_of(inputs.take()))
            .filter(is_alive())
            .into()
    });
    [codes, credential::deletion_of_waiting(user)]
}

/// The same for everybody who has a passkey for that application, whose rows are locked.
pub(crate) async fn end_all_of_holders(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<(), StoreError> {
    let holders = credential::of_application::holders(application);
    let steps = vec![
        ending(Column::UserId.in_subquery(holders))
            .filter(is_alive())
            .into(),
        credential::of_application::deletion_of_waiting_of_holders(application).into(),
    ];
    together(transaction, steps).await.map(|_rows| ())
}

/// The same for everybody, while nobody else is at work.
pub(crate) async fn end_all_of_everybody(
    transaction: &DatabaseTransaction,
) -> Result<(), StoreError> {
    let codes = ending(Expr::cust("TRUE")).filter(is_alive());
    codes.count(transaction).await?;
    let waiting = credential::deletion_of_all_waiting();
    waiting.count(transaction).await.map(|_credentials| ())
}

/// A code that can still lead to a credential, or to a usable one.
fn is_alive() -> Condition {
    Condition::any().add(is_open()).add(waits())
}

/// Ends whatever of these users' codes can still lead to a credential, or to a usable one.
fn ending(whose: Expr) -> UpdateMany<Entity> {
    let state = CaseStatement::new()
        .case(is_open(), Expr::value(CANCELLED))
        .finally(Expr::col(Column::State));
    let approval = CaseStatement::new()
        .case(waits(), Expr::value(REFUSED))
        .finally(Expr::col(Column::Approval));
    Entity::update_many()
        .col_expr(Column::State, state.into())
        .col_expr(Column::Approval, approval.into())
        .filter(whose)
}

/// Deletes every code of a user, whose row is locked.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<u64, StoreError> {
    let codes = Entity::delete_many().filter(Column::UserId.eq(user.as_str()));
    codes.count(transaction).await
}

/// Decides about the credential that was made with a code of the authority's user and epoch; meets none
/// when it does not wait, or not any more at that date.
fn decide(authority: &Authority, decision: &Decision) -> UpdateMany<Entity> {
    let verdict = match decision.verdict {
        Verdict::Approved => APPROVED,
        Verdict::Refused => REFUSED,
    };
    Entity::update_many()
        .col_expr(Column::Approval, Expr::value(verdict))
        .filter(Column::UserId.eq(authority.user().as_str()))
        .filter(Column::Epoch.eq(authority.epoch().number()))
        .filter(Column::Credential.eq(decision.credential.as_str()))
        .filter(waits())
        .filter(Column::ApprovalExpires.gt(decision.date.unix_milliseconds()))
}

/// A code of that id and user that is claimed by exactly that challenge.
fn is_claimed(inputs: &mut Inputs) -> Condition {
    Condition::all()
        .add(Column::Id.eq(inputs.take()))
        .add(Column::UserId.eq(inputs.take()))
        .add(Column::State.eq(CLAIMED))
        .add(Column::ClaimChallenge.eq(inputs.take()))
}

/// What redeems a code where the organization asks for what the credential is made for, and makes that.
fn redemption_steps(authority: &Authority, redemption: &Redemption) -> [Step; 2] {
    [
        redeem(authority, redemption),
        credential::creation::insertion(&redemption.credential),
    ]
}

/// Claimed → redeemed; meets none when it is not claimed by exactly that challenge (any more), or the organization
/// asks for something else.
fn redeem(authority: &Authority, redemption: &Redemption) -> Step {
    let Redemption {
        redeemed,
        credential,
    } = redemption;
    let expires = credential::waits_until(credential.state);
    let values = vec![
        credential.uuid.as_str().into(),
        expires.map(|_waits| WAITING.to_owned()).into(),
        expires.map(Typed::from).into(),
        redeemed.code().as_str().into(),
        authority.user().as_str().into(),
        redeemed.challenge().as_str().into(),
        authority.organization().as_str().into(),
        redemption.approval().as_str().into(),
    ];
    Step::fixed(PLAIN, values, |_form, inputs| {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(REDEEMED))
            .col_expr(Column::Credential, Expr::val(inputs.take()))
            .col_expr(Column::Approval, Expr::val(inputs.take()))
            .col_expr(Column::ApprovalExpires, Expr::val(inputs.take()))
            .filter(is_claimed(inputs))
            .filter(organization::asks(inputs.take(), inputs.take()))
            .into()
    })
}

/// Claimed → given back; meets none when it is not claimed by exactly that challenge (any more).
fn release(released: &ReleasedCode) -> Step {
    let Release { reason, date } = released.release();
    let values = vec![
        date.unix_milliseconds().into(),
        Typed::from(reason).into(),
        released.code().as_str().into(),
        released.user().as_str().into(),
        released.challenge().as_str().into(),
    ];
    Step::fixed(PLAIN, values, |_form, inputs| {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(CANCELLED))
            .col_expr(Column::Released, Expr::val(inputs.take()))
            .col_expr(Column::ReleaseReason, Expr::val(inputs.take()))
            .filter(is_claimed(inputs))
            .into()
    })
}

/// The code of which this is so, and its owner.
async fn held(reader: &Reader, wanted: Condition) -> Result<Option<HeldCode>, StoreError> {
    let found = Entity::find()
        .find_both_related(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .filter(wanted)
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((code, user)) = found else {
        return Ok(None);
    };
    Ok(Some(HeldCode {
        code: code.try_into()?,
        user: user.into(),
    }))
}

impl TryFrom<Model> for CredentialCode {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            state: row.code_state()?,
            id: row.id.0,
            organization: row.organization_id.0,
            user: row.user_id.0,
            epoch: row.epoch.0,
            issuer: row.issuer.0,
            session: row.session.0,
            issued: row.issued.0,
            expires: row.expires.0,
            binding: Binding {
                application: row.for_application.map(Typed::into_inner),
                kinds: row.for_kinds.map(Typed::into_inner),
                name: row.for_name.map(Typed::into_inner),
            },
        })
    }
}
