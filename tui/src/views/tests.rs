//! Every screen as it looks, at every size, whatever a server sends.

mod hostile;
mod scenes;
mod sizes;
mod themes;

use crate::trial::desk::Desk;

/// Both sizes of a scene below each other.
fn shown(desk: &Desk) -> String {
    let at = |width, height| format!("{width}x{height}\n{}", desk.screen(width, height));
    format!("{}\n{}", at(80, 24), at(200, 60))
}

#[test]
fn every_screen_looks_as_it_did() {
    for (name, desk) in scenes::all() {
        insta::assert_snapshot!(name, shown(&desk));
    }
}
