//! What is in one column of one row, as both databases and a line of JSON know it.

use data_encoding::BASE64;
use sea_orm::{DbErr, QueryResult, Value};
use serde::{Deserialize, Serialize, Serializer};

use super::schema::Column;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Texts.
    Text,
    /// Bytes, which are base64 in a line.
    Bytes,
    /// Whole numbers, of 32 or of 64 bits.
    Integer,
    /// Yes or no.
    Boolean,
}

/// What is there, or that nothing is; of which kind that nothing is, PostgreSQL wants to know as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Integer(Option<i64>),
    Boolean(Option<bool>),
}

impl Cell {
    /// What a row has at that place.
    pub(super) fn read(row: &QueryResult, index: usize, kind: Kind) -> Result<Self, DbErr> {
        Ok(match kind {
            Kind::Text => Self::Text(row.try_get_by_index(index)?),
            Kind::Bytes => Self::Bytes(row.try_get_by_index(index)?),
            Kind::Integer => Self::Integer(row.try_get_by_index(index)?),
            Kind::Boolean => Self::Boolean(row.try_get_by_index(index)?),
        })
    }

    /// What a line has for these columns; none if it does not fit them.
    pub(super) fn parse_all(line: &[u8], columns: &[Column]) -> Option<Vec<Self>> {
        let values: Vec<serde_json::Value> = serde_json::from_slice(line).ok()?;
        if values.len() != columns.len() {
            return None;
        }
        let cells = values.into_iter().zip(columns);
        cells
            .map(|(value, column)| Self::parse(value, column.kind))
            .collect()
    }

    fn parse(value: serde_json::Value, kind: Kind) -> Option<Self> {
        use serde_json::Value as Json;
        Some(match (kind, value) {
            (Kind::Text, Json::Null) => Self::Text(None),
            (Kind::Text, Json::String(text)) => Self::Text(Some(text)),
            (Kind::Bytes, Json::Null) => Self::Bytes(None),
            (Kind::Bytes, Json::String(text)) => {
                Self::Bytes(Some(BASE64.decode(text.as_bytes()).ok()?))
            }
            (Kind::Integer, Json::Null) => Self::Integer(None),
            (Kind::Integer, Json::Number(number)) => Self::Integer(Some(number.as_i64()?)),
            (Kind::Boolean, Json::Null) => Self::Boolean(None),
            (Kind::Boolean, Json::Bool(is)) => Self::Boolean(Some(is)),
            (Kind::Text | Kind::Bytes | Kind::Integer | Kind::Boolean, _) => return None,
        })
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Bytes(bytes) => bytes
                .as_ref()
                .map(|bytes| BASE64.encode(bytes))
                .serialize(serializer),
            Self::Integer(number) => number.serialize(serializer),
            Self::Boolean(is) => is.serialize(serializer),
        }
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Self {
        match cell {
            Cell::Text(text) => text.into(),
            Cell::Bytes(bytes) => bytes.into(),
            Cell::Integer(number) => number.into(),
            Cell::Boolean(is) => is.into(),
        }
    }
}
