//! Screens that are read: help, messages, inspector.

use crate::store::list::ListCursor;

/// Where the reader is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    pub(crate) list: ListCursor,
}
