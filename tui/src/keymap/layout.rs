//! Keys on other keyboard layouts: the Latin letter that sits on the same key of a US keyboard.

use crossterm::event::{KeyCode, KeyEvent};

/// The keys of a US keyboard, row by row.
const US: &str = "`qwertyuiop[]asdfghjkl;'zxcvbnm,./";
/// The same keys elsewhere; a blank where a key gives nothing of its own.
const OTHERS: [&str; 5] = [
    // Russian
    "ёйцукенгшщзхъфывапролджэячсмитьбю.",
    // Ukrainian
    "'йцукенгшщзхїфівапролджєячсмитьбю.",
    // Greek
    "`;ςερτυθιοπ[]ασδφγηξκλ΄'ζχψωβνμ,./",
    // Hebrew
    ";/'קראטוןםפ][שדגכעיחלךף,זסבהנמצתץ.",
    // Arabic (101)
    "ذضصثقفغعهخحجدشسيبلاتنمكطئءؤر ىةوزظ",
];

/// The event as it would be on a US keyboard; `None` where the character is Latin already or unknown.
pub(super) fn on_latin_keys(key: KeyEvent) -> Option<KeyEvent> {
    let KeyCode::Char(c) = key.code else {
        return None;
    };
    if c.is_ascii() {
        return None;
    }
    let lower = c.to_lowercase().next()?;
    let at = OTHERS
        .iter()
        .find_map(|keys| keys.chars().position(|k| k == lower))?;
    let latin = US.chars().nth(at)?;
    let latin = if lower == c {
        latin
    } else {
        latin.to_ascii_uppercase()
    };
    Some(KeyEvent {
        code: KeyCode::Char(latin),
        ..key
    })
}
