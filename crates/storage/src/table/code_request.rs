//! Code requests, by digest.

use std::net::IpAddr;

use async_trait::async_trait;
use latchkey_domain::{
    application::Origin,
    authority::Authority,
    code_request::{CodeRequest, RequestDecision, RequestState},
    credential::CredentialKind,
    credential_code::{CodeDigest, CodeForm},
    id::{ApplicationId, CodeRequestId, OrganizationId},
    organization::{Organization, RequestsFrom},
    time::Timestamp,
};
use latchkey_service::ports::{
    code_request_store::{
        CodeRequestStore, DecideRequestError, FoundRequest, OpenRequestError, RefuseRequestError,
    },
    store::StoreError,
};
use sea_orm::{
    ActiveValue::Set, JoinType, QuerySelect as _, UpdateMany, entity::prelude::*,
    sea_query::Condition,
};

use super::{application, credential_code, organization};
use crate::{
    column,
    statement::{self, Insertion, Step, together},
    store::SqlStore,
    transaction::Transaction,
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "code_requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<CodeRequestId>,
    pub organization_id: Typed<OrganizationId>,
    pub application_id: Option<Typed<ApplicationId>>,
    pub origin: Option<Typed<Origin>>,
    pub address: Typed<IpAddr>,
    pub kind: Typed<CredentialKind>,
    pub short_digest: Typed<CodeDigest>,
    pub long_digest: Typed<CodeDigest>,
    pub opened: Typed<Timestamp>,
    pub expires: Typed<Timestamp>,
    pub state: Typed<RequestState>,
}

refers_to!(OrganizationId => Organization of organization, ApplicationId => Application of application);

#[async_trait]
impl CodeRequestStore for SqlStore {
    async fn open(&self, request: CodeRequest) -> Result<(), OpenRequestError> {
        let step = Step::from(insertion(&request));
        let plan = async move |_tx| Ok((vec![step], ()));
        let operation = async move |tx: Transaction| {
            let opened = together(&tx, vec![insertion(&request).into()]).await?;
            if opened == [1] {
                return Ok(());
            }
            let alike = Condition::any()
                .add(has_digest(CodeForm::Short, &request.short))
                .add(has_digest(CodeForm::Long, &request.long));
            let is_taken = statement::any(&*tx, Entity::find().filter(alike)).await?;
            Err(if is_taken {
                OpenRequestError::Taken
            } else {
                OpenRequestError::NotOffered
            })
        };
        self.write_at_once(plan, operation).await
    }

    async fn find(
        &self,
        form: CodeForm,
        digest: &CodeDigest,
    ) -> Result<Option<FoundRequest>, StoreError> {
        let is_of_active_application = Condition::any()
            .add(Column::ApplicationId.is_null())
            .add(application::Column::IsActive.eq(true));
        let wanted = Entity::find()
            .find_both_related(organization::Entity)
            .join(JoinType::LeftJoin, Relation::Application.def())
            .filter(has_digest(form, digest))
            .filter(organization::Column::IsActive.eq(true))
            .filter(is_of_active_application);
        let found = self
            .read(async move |reader| wanted.one(&reader).await.map_err(StoreError::new))
            .await?;
        Ok(found.map(|(request, organization)| FoundRequest {
            request: request.into(),
            from: Organization::from(organization).requests_from,
        }))
    }

    /// The request's own row decides; the user is locked for what a new code supersedes.
    async fn decide(
        &self,
        authority: Authority,
        decision: RequestDecision,
    ) -> Result<(), DecideRequestError> {
        let (organization, user) = (authority.organization().clone(), authority.user().clone());
        let steps = move || {
            let mut steps = vec![Step::from(decide(&organization, &decision))];
            if let Some(granted) = &decision.code {
                steps.extend(credential_code::issuance(&user, granted.clone()));
            }
            steps
        };
        let otherwise = async |_tx| Err(DecideRequestError::NotWaiting);
        self.exercise_locked(authority, steps, otherwise).await
    }

    /// The request's own row decides.
    async fn refuse(
        &self,
        found: &FoundRequest,
        date: Timestamp,
    ) -> Result<(), RefuseRequestError> {
        let change = decide(&found.request.organization, &found.decision(date, None));
        self.meet_one_at_once(change.into(), || RefuseRequestError::NotWaiting)
            .await
    }
}

/// Whether its code of that form has that digest.
fn has_digest(form: CodeForm, digest: &CodeDigest) -> Expr {
    let column = match form {
        CodeForm::Short => Column::ShortDigest,
        CodeForm::Long => Column::LongDigest,
    };
    column.eq(digest.as_bytes().to_vec())
}

/// Keeps a request; meets none when its organization lets no place ask, when the application is not one of it that is
/// active, or when a request of the same text exists.
fn insertion(request: &CodeRequest) -> Insertion {
    let request = request.clone();
    let anywhere = [RequestsFrom::SameNetwork, RequestsFrom::Anywhere];
    let is_offered = organization::lets_ask(&request.organization, &anywhere);
    let is_there = request
        .application
        .as_ref()
        .map(|id| application::is_active_in(request.organization.as_str(), id.as_str()));
    let row = ActiveModel {
        id: Set(request.id.into()),
        organization_id: Set(request.organization.into()),
        application_id: Set(request.application.map(Typed::from)),
        origin: Set(request.origin.map(Typed::from)),
        address: Set(request.address.into()),
        kind: Set(request.kind.into()),
        short_digest: Set(request.short.into()),
        long_digest: Set(request.long.into()),
        opened: Set(request.opened.into()),
        expires: Set(request.expires.into()),
        state: Set(request.state.into()),
    };
    let insertion = Insertion::row(&row).only_if(is_offered).unless_taken();
    match is_there {
        Some(is_there) => insertion.only_if(is_there),
        None => insertion,
    }
}

/// Waiting → granted or refused; meets none when it does not wait any more at that date, or places may not ask as they
/// might when it was decided.
fn decide(organization: &OrganizationId, decision: &RequestDecision) -> UpdateMany<Entity> {
    let state = match decision.code {
        Some(_) => RequestState::Granted,
        None => RequestState::Refused,
    };
    Entity::update_many()
        .col_expr(Column::State, Expr::value(state.as_str()))
        .filter(Column::Id.eq(decision.request.as_str()))
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(Column::State.eq(RequestState::Waiting.as_str()))
        .filter(Column::Expires.gt(decision.date.unix_milliseconds()))
        .filter(organization::lets_ask(organization, &[decision.from]))
}

impl From<Model> for CodeRequest {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.0,
            organization: row.organization_id.0,
            application: row.application_id.map(Typed::into_inner),
            origin: row.origin.map(Typed::into_inner),
            address: row.address.0,
            kind: row.kind.0,
            short: row.short_digest.0,
            long: row.long_digest.0,
            opened: row.opened.0,
            expires: row.expires.0,
            state: row.state.0,
        }
    }
}
