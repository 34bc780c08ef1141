//! Paths as they are typed: completed like in a shell.

use std::path::PathBuf;

use airside_common::text::printable;

/// The most that are shown.
const MOST: usize = 200;

/// What a path may be completed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What was typed.
    pub text: String,
    /// As far as all that fit are the same.
    pub common: String,
    /// What fits: names, folders with `/`.
    pub choices: Vec<String>,
}

/// The file of a path; `~` is the user's own folder.
pub fn file(path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => match etcetera::home_dir() {
            Ok(home) => home.join(rest),
            Err(_) => PathBuf::from(path),
        },
        None => PathBuf::from(path),
    }
}

/// Completes a path by what there is. Names that a terminal could not show as they are do not fit.
pub fn complete(text: &str) -> Completion {
    let (folder, begun) = text.split_at(text.rfind('/').map_or(0, |at| at + 1));
    let place = if folder.is_empty() {
        PathBuf::from(".")
    } else {
        file(folder)
    };
    let mut choices: Vec<String> = std::fs::read_dir(place)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !begun.starts_with('.');
            let fits = name.starts_with(begun) && !hidden && printable(&name) == name;
            let is_folder = entry.path().is_dir();
            fits.then(|| if is_folder { format!("{name}/") } else { name })
        })
        .collect();
    choices.sort();
    let common = choices.iter().skip(1).fold(
        choices.first().cloned().unwrap_or_else(|| begun.to_owned()),
        |common, name| {
            let same = common.chars().zip(name.chars()).take_while(|(a, b)| a == b);
            same.map(|(a, _)| a).collect()
        },
    );
    choices.truncate(MOST);
    Completion {
        text: text.to_owned(),
        common: format!("{folder}{common}"),
        choices,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_completed_as_far_as_it_is_clear() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("{}/{name}", folder.path().display());
        for name in ["summer-1.csv", "summer-2.csv", ".hidden", "su\u{1b}[2J"] {
            std::fs::write(at(name), "").unwrap();
        }
        std::fs::create_dir(at("winter")).unwrap();
        let all = complete(&at(""));
        assert_eq!(all.choices, ["summer-1.csv", "summer-2.csv", "winter/"]);
        assert_eq!(all.common, at(""));
        let summer = complete(&at("s"));
        assert_eq!(summer.common, at("summer-"));
        assert_eq!(summer.choices.len(), 2);
        let one = complete(&at("summer-2"));
        assert_eq!((one.common, one.choices.len()), (at("summer-2.csv"), 1));
        assert_eq!(complete(&at("w")).common, at("winter/"));
        let none = complete(&at("x"));
        assert_eq!((none.common, none.choices.len()), (at("x"), 0));
        assert_eq!(complete(&at(".h")).common, at(".hidden"));
    }
}
