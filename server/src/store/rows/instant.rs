//! Instants as databases hold them: an integer of microseconds in SQLite, a timestamp in PostgreSQL.

use airside_common::time::OffsetTime;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, Postgres, types::Oid,
};
use sqlx::sqlite::{Sqlite, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Type};

use super::decode;

/// Microseconds from 1970 to 2000, whence PostgreSQL counts.
const TO_2000: i64 = 946_684_800_000_000;
/// Types that every PostgreSQL numbers so (`pg_type.dat`).
const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);

/// An instant in a row, in microseconds since 1970-01-01 UTC. On PostgreSQL it goes over the wire as the server holds it:
/// functions of SQL that convert it take longer than all the rest of reading a row. In JSON it is an integer, as SQLite has
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoredInstant(pub(crate) i64);

impl From<Timestamp> for StoredInstant {
    fn from(at: Timestamp) -> Self {
        Self(at.as_microsecond())
    }
}

impl StoredInstant {
    /// The instant.
    pub(crate) fn timestamp(self) -> Result<Timestamp, sqlx::Error> {
        Timestamp::from_microsecond(self.0).map_err(decode)
    }

    /// With the offset that stands beside it, in seconds east of UTC.
    pub(crate) fn with_offset(self, offset: i32) -> Result<OffsetTime, sqlx::Error> {
        Ok(OffsetTime::new(
            Timestamp::from_microsecond(self.0).map_err(decode)?,
            Offset::from_seconds(offset).map_err(decode)?,
        ))
    }
}

impl Type<Sqlite> for StoredInstant {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(other: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(other)
    }
}

impl Decode<'_, Sqlite> for StoredInstant {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        <i64 as Decode<Sqlite>>::decode(value).map(Self)
    }
}

impl Type<Postgres> for StoredInstant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for StoredInstant {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Decode<'_, Postgres> for StoredInstant {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros: i64 = Decode::<Postgres>::decode(value)?;
                micros
                    .checked_add(TO_2000)
                    .map(Self)
                    .ok_or_else(|| "an instant beyond the calendar".into())
            }
            PgValueFormat::Text => Err("an instant as text".into()),
        }
    }
}

impl Encode<'_, Postgres> for StoredInstant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0.saturating_sub(TO_2000), buffer)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}
