//! Values of SQL as JSON has them. Blobs are arrays of bytes, as in D1; here they stay bytes, so that they take no more memory than
//! they must.

use rusqlite::types::{Value as Cell, ValueRef};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A parameter, as SQLite takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Param(pub Cell);

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Params)
    }
}

struct Params;

impl<'de> Visitor<'de> for Params {
    type Value = Param;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a boolean, a number, a string or an array of bytes")
    }

    fn visit_unit<E>(self) -> Result<Param, E> {
        Ok(Param(Cell::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Param, E> {
        Ok(Param(Cell::Integer(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Param, E> {
        Ok(Param(Cell::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Param, E> {
        // What no integer of SQLite holds is a number all the same.
        Ok(Param(i64::try_from(value).map_or(Cell::Real(value as f64), Cell::Integer)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Param, E> {
        Ok(Param(Cell::Real(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Param, E> {
        Ok(Param(Cell::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Param, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(Param(Cell::Blob(bytes)))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Param, A::Error> {
        Err(A::Error::custom("Type 'object' not supported for value '[object Object]'"))
    }
}

/// A value that came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Datum {
    /// Null.
    Null,
    /// An integer.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text; what is no UTF-8 is replaced.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Datum {
    /// Of a column.
    #[must_use]
    pub fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Real(value) => Self::Real(value),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Blob(bytes.to_owned()),
        }
    }

    /// Bytes that it takes as JSON, about.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) | Self::Real(_) => 24,
            Self::Text(text) => 24 + text.len(),
            Self::Blob(bytes) => 24 + bytes.len().saturating_mul(4),
        }
    }
}
