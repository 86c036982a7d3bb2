//! Columns that hold values of the domain, and the error of a row that holds none.

use std::{
    convert::Infallible, fmt, marker::PhantomData, net::IpAddr, num::TryFromIntError,
    str::FromStr as _, time::Duration,
};

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::{
        Origin, RpId,
        look::{Accent, Logo, LogoTag},
        native::{AndroidPackage, AppleAppId},
        pages::EnrolUrl,
    },
    code_request::RequestState,
    credential::{
        CredentialId, CredentialKind,
        key::PublicKey,
        passkey::{Aaguid, Transports},
    },
    credential_code::{CodeDigest, Kinds, ReleaseReason},
    id::{
        AccountCodeId, ApplicationId, ChallengeId, CodeRequestId, CredentialCodeId, CredentialUuid,
        EventId, InstallationId, MessageId, OrganizationId, TokenId, UserId,
    },
    message::{MessageKind, SealedText},
    organization::{Approval, CodeSignIn, Freshness, RequestsFrom},
    text::{ApplicationName, CredentialName, ExternalId, OrganizationName, Username},
    time::Timestamp,
    user::{Epoch, UserKind},
};
use latchkey_service::{
    events::{Event, Reason},
    ports::store::StoreError,
};
use sea_orm::{
    ColIdx, DbErr, EntityTrait, FromQueryResult, IdenStatic as _, Iterable as _,
    PrimaryKeyToColumn as _, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};

/// A row that no part of this program writes: somebody changed the database by hand, or there is a
/// defect. It never becomes a value by guessing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("inconsistent row {row} of table {table}: {problem}")]
pub(crate) struct Inconsistency {
    /// The table.
    pub(crate) table: &'static str,
    /// The row's key.
    pub(crate) row: String,
    /// What is wrong, without the data itself.
    pub(crate) problem: String,
}

impl Inconsistency {
    /// What is wrong with the row of that key.
    pub(crate) fn new(table: &'static str, row: impl fmt::Display, problem: &str) -> Self {
        Self {
            table,
            row: row.to_string(),
            problem: problem.to_owned(),
        }
    }
}

impl From<Inconsistency> for StoreError {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::new(inconsistency)
    }
}

/// What the names of columns begin with in a statement about several tables, the first of them and so on: sea-orm
/// gives them these.
pub(crate) const FIRST: &str = "A_";
pub(crate) const SECOND: &str = "B_";
pub(crate) const THIRD: &str = "C_";

/// A row of a table that is joined, where there is one. Left to itself, sea-orm takes a row that it
/// cannot read for none at all.
pub(crate) struct Joined<M>(pub(crate) M);

impl<M: FromQueryResult> FromQueryResult for Joined<M> {
    fn from_query_result(result: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        M::from_query_result(result, prefix).map(Self)
    }

    fn from_query_result_optional(
        result: &QueryResult,
        prefix: &str,
    ) -> Result<Option<Self>, DbErr> {
        let row = Option::<M>::from_query_result_nullable(result, prefix);
        Ok(row?.map(Self))
    }
}

/// A value of the domain that a column can hold.
pub(crate) trait Stored: Sized {
    /// What the database knows it as.
    type Raw: TryGetable + ValueType + Nullable + Into<Value>;

    /// How it is kept.
    fn keep(&self) -> Self::Raw;

    /// The value that is kept so, or why it is none.
    fn read(raw: Self::Raw) -> Result<Self, String>;
}

/// A column of the table `E` that holds values of the domain: a row that holds none is named by table,
/// key and column whenever it is read.
#[derive(Clone)]
pub struct Typed<E, T>(pub(crate) T, PhantomData<fn() -> E>);

impl<E, T> Typed<E, T> {
    /// The value.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl<E, T> From<T> for Typed<E, T> {
    fn from(value: T) -> Self {
        Self(value, PhantomData)
    }
}

impl<E, T: fmt::Debug> fmt::Debug for Typed<E, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<E, T: PartialEq> PartialEq for Typed<E, T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<E, T: Stored> From<Typed<E, T>> for Value {
    fn from(column: Typed<E, T>) -> Self {
        column.0.keep().into()
    }
}

impl<E: EntityTrait, T: Stored> TryGetable for Typed<E, T> {
    fn try_get_by<I: ColIdx>(result: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let raw = T::Raw::try_get_by(result, index)?;
        T::read(raw).map(Self::from).map_err(|problem| {
            let column = match (index.as_str(), index.as_usize()) {
                (Some(name), _) => name.to_owned(),
                (None, Some(at)) => result.column_names().get(*at).cloned().unwrap_or_default(),
                (None, None) => String::new(),
            };
            // The columns of tables that are read together have the prefixes A_, B_ and so on.
            let (prefix, column) = match column.split_once('_') {
                Some((prefix, _)) if prefix.chars().all(char::is_uppercase) => column.split_at(2),
                Some(_) | None => ("", column.as_str()),
            };
            let key = E::PrimaryKey::iter().map(|key| {
                let name = key.into_column().as_str().to_owned();
                String::try_get(result, prefix, &name).unwrap_or_else(|_unread| "?".to_owned())
            });
            Inconsistency {
                table: E::default().table_name(),
                row: key.collect::<Vec<_>>().join(" "),
                problem: format!("{column} {problem}"),
            }
            .into()
        })
    }
}

impl From<Inconsistency> for TryGetError {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::DbErr(DbErr::Custom(inconsistency.to_string()))
    }
}

impl<E, T: Stored> ValueType for Typed<E, T> {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let raw = <T::Raw as ValueType>::try_from(value)?;
        T::read(raw)
            .map(Self::from)
            .map_err(|_problem| ValueTypeErr)
    }

    fn type_name() -> String {
        T::Raw::type_name()
    }

    fn array_type() -> ArrayType {
        T::Raw::array_type()
    }

    fn column_type() -> ColumnType {
        T::Raw::column_type()
    }
}

impl<E, T: Stored> Nullable for Typed<E, T> {
    fn null() -> Value {
        T::Raw::null()
    }
}

/// No key is a number that the database draws.
impl<E, T: Stored> TryFromU64 for Typed<E, T> {
    fn try_from_u64(_number: u64) -> Result<Self, DbErr> {
        Err(DbErr::ConvertFromU64("a key of the domain"))
    }
}

/// How values of the domain are kept: as which type, how they become it, and how it becomes one.
macro_rules! stored {
    ($($type:ty as $raw:ty: $keep:expr, $read:expr;)*) => {
        $(
            impl Stored for $type {
                type Raw = $raw;

                fn keep(&self) -> $raw {
                    let keep: fn(&Self) -> $raw = $keep;
                    keep(self)
                }

                fn read(raw: $raw) -> Result<Self, String> {
                    let read: fn($raw) -> Result<Self, _> = $read;
                    read(raw).map_err(|error| error.to_string())
                }
            }
        )*
    };
}

macro_rules! texts {
    ($read:ident: $($type:ty),* $(,)?) => {
        stored! {
            $($type as String: Self::to_string, |text| Self::$read(text.as_str());)*
        }
    };
}

texts! {
    from_str: AccountCodeId, AccountCodeKind, ApplicationId, Approval, ChallengeId, CodeRequestId, CodeSignIn, CredentialCodeId, CredentialKind, CredentialUuid, EventId, InstallationId, IpAddr, MessageId, MessageKind, OrganizationId, ReleaseReason, RequestState, RequestsFrom, TokenId, UserId, UserKind,
}

texts! {
    new: Accent, AndroidPackage, AppleAppId, EnrolUrl, LogoTag, Origin, RpId,
}

texts! {
    accepted_before: ApplicationName, CredentialId, CredentialName, ExternalId, OrganizationName, Username,
}

stored! {
    Event as String: |event| event.as_str().to_owned(),
        |text| Self::named(&text).ok_or("names no event");
    Reason as String: |reason| reason.as_str().to_owned(),
        |text| Self::named(&text).ok_or("names no reason");
    Transports as String: |transports| transports.names().join(","),
        |names| Ok::<_, Infallible>(Self::among(names.split(',')));
    Timestamp as i64: |moment| moment.unix_milliseconds(),
        |raw| Ok::<_, Infallible>(Self::from_unix_milliseconds(raw));
    Kinds as String: |kinds| {
        let names: Vec<_> = kinds.as_slice().iter().map(|kind| kind.as_str()).collect();
        names.join(" ")
    }, |raw| kinds(&raw);
    Freshness as i64: |freshness| {
        let milliseconds = freshness.duration().as_millis();
        milliseconds.try_into().unwrap_or(i64::MAX)
    }, freshness;
    Epoch as i64: |epoch| epoch.number(), |raw| Ok::<_, Infallible>(Self::new(raw));
    u32 as i64: |number| i64::from(*number), |raw| raw.try_into();
    Logo as Vec<u8>: |logo| logo.contents().to_vec(), Self::new;
    PublicKey as Vec<u8>: |key| key.spki_der().to_vec(),
        |raw| Ok::<_, Infallible>(Self::from_spki_der(raw));
    Aaguid as Vec<u8>: |aaguid| aaguid.as_bytes().to_vec(),
        |raw| raw.as_slice().try_into().map(Self::new);
    CodeDigest as Vec<u8>: |digest| digest.as_bytes().to_vec(),
        |raw| raw.as_slice().try_into().map(Self::new);
    SealedText as Vec<u8>: |text| text.as_bytes().to_vec(), |raw| Ok::<_, Infallible>(Self::new(raw));
}

/// Kinds of credentials from their names, with a blank between two.
fn kinds(names: &str) -> Result<Kinds, String> {
    let kinds: Result<Vec<CredentialKind>, _> = names.split(' ').map(str::parse).collect();
    let kinds = kinds.map_err(|error| error.to_string())?;
    Kinds::new(&kinds).map_err(|error| error.to_string())
}

/// For so many milliseconds.
fn freshness(milliseconds: i64) -> Result<Freshness, String> {
    let reason = |error: TryFromIntError| error.to_string();
    let duration = Duration::from_millis(milliseconds.try_into().map_err(reason)?);
    Freshness::new(duration).map_err(|error| error.to_string())
}
