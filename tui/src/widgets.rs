//! Pieces that screens are made of.

pub(crate) mod footer;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod popup;
pub(crate) mod seat_map;
pub(crate) mod text;
