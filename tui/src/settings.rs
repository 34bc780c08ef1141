//! What the user set: `console.toml` and `keymap.toml` in the settings folder.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::keymap::{Keymap, KeymapError};
use crate::theme::Theme;

/// Whether the mouse is listened to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mouse {
    /// Wheel and clicks work.
    #[default]
    On,
    /// The terminal keeps the mouse, for selecting text.
    Off,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    theme: Theme,
    mouse: Mouse,
}

/// The user's settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) theme: Theme,
    pub(crate) mouse: Mouse,
    pub(crate) keymap: Keymap,
    /// What in the files could not be used; the built-in settings stand in for it.
    pub(crate) faults: Vec<String>,
}

impl Settings {
    /// Reads the settings; a file that is missing or wrong is replaced by what is built in.
    pub(crate) fn read(folder: &Path) -> Result<Self, KeymapError> {
        let mut faults = Vec::new();
        let file: File = match text_of(&folder.join("console.toml")) {
            Ok(text) => toml::from_str(&text).unwrap_or_else(|error| {
                faults.push(format!("console.toml: {error}"));
                File::default()
            }),
            Err(fault) => {
                faults.extend(fault);
                File::default()
            }
        };
        let keymap = match text_of(&folder.join("keymap.toml")) {
            Ok(text) => match Keymap::with_user(&text) {
                Ok(keymap) => keymap,
                Err(error) => {
                    faults.push(format!("keymap.toml: {error}"));
                    Keymap::built_in()?
                }
            },
            Err(fault) => {
                faults.extend(fault);
                Keymap::built_in()?
            }
        };
        let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Ok(Self {
            theme: if colourless { Theme::Plain } else { file.theme },
            mouse: file.mouse,
            keymap,
            faults,
        })
    }
}

/// The file's text; an error without words where there is no file.
fn text_of(path: &Path) -> Result<String, Option<String>> {
    fs::read_to_string(path).map_err(|error| {
        (error.kind() != io::ErrorKind::NotFound).then(|| format!("{}: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_is_told_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("console.toml"), "theme = 'pink'").unwrap();
        fs::write(folder.path().join("keymap.toml"), "[[rule]]").unwrap();
        let settings = Settings::read(folder.path()).unwrap();
        assert_eq!(settings.faults.len(), 2);
        assert_eq!(settings.keymap, Keymap::built_in().unwrap());
    }

    #[test]
    fn no_file_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::read(folder.path()).unwrap();
        assert!(settings.faults.is_empty());
        assert_eq!(settings.mouse, Mouse::On);
    }
}
