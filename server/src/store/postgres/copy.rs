//! Rows on their way into a table by `COPY`, in its binary format: the server writes them page by page, while it looks at
//! each row of an `INSERT` by itself.

use sqlx::encode::IsNull;
use sqlx::postgres::PgArgumentBuffer;
use sqlx::{Encode, PgConnection, Postgres as Db};

/// How the format begins: its name, no flags, no extension.
const HEAD: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How it ends: where the next row would say how many values it has.
const END: [u8; 2] = (-1_i16).to_be_bytes();
/// The length of a value that is not there.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Rows in the binary format.
#[derive(Debug)]
pub(super) struct CopyRows(PgArgumentBuffer);

impl CopyRows {
    pub(super) fn new() -> Self {
        let mut buffer = PgArgumentBuffer::default();
        buffer.extend_from_slice(HEAD);
        Self(buffer)
    }

    /// Adds a row. Its values have the very types of the columns: the server converts nothing here.
    pub(super) fn push(&mut self, values: &[&dyn Encode<'_, Db>]) -> Result<(), sqlx::Error> {
        let buffer = &mut self.0;
        let count = i16::try_from(values.len()).map_err(encode)?;
        buffer.extend_from_slice(&count.to_be_bytes());
        for value in values {
            let before = buffer.len();
            buffer.extend_from_slice(&NULL);
            if let IsNull::No = (**value)
                .encode_by_ref(buffer)
                .map_err(sqlx::Error::Encode)?
            {
                let start = before + NULL.len();
                let length = i32::try_from(buffer.len() - start).map_err(encode)?;
                buffer[before..start].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }

    /// Writes the rows. A connection on which this was cut off is lost without knowing it: what the server answers later
    /// would be taken for the answer to the next statement.
    pub(super) async fn copy(
        mut self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> Result<(), sqlx::Error> {
        self.0.extend_from_slice(&END);
        let mut copy = connection.copy_in_raw(statement).await?;
        copy.send(self.0.as_slice()).await?;
        copy.finish().await?;
        Ok(())
    }
}

fn encode(error: std::num::TryFromIntError) -> sqlx::Error {
    sqlx::Error::Encode(error.into())
}
