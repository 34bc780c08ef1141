//! Keys as data: ordered rules with contexts, the first that fits wins. The user's rules stand before the built-in ones.

mod layout;

use std::fmt;

use crokey::{KeyCombination, KeyCombinationFormat};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde::Deserialize;

const DEFAULT: &str = include_str!("keymap/default.toml");

/// What a key can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Command {
    Quit,
    Suspend,
    Redraw,
    Accept,
    Back,
    NextField,
    PreviousField,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Help,
    Search,
    Bookings,
    Queues,
    Flights,
    Uploads,
    Messages,
    Inspector,
    NextTheme,
    ToggleMouse,
    LogOut,
    AddPassenger,
    RemovePassenger,
    Seats,
    PreviousDay,
    NextDay,
    Sort,
    Filter,
    Details,
    Waitlist,
    Confirm,
    Cancel,
    History,
    Copy,
    New,
    Refresh,
    Clear,
    Errors,
    Save,
    AcceptChanges,
    Rebook,
    Take,
    Done,
    DoneOnly,
    PutOff,
    Leave,
    Place,
    Edit,
    Sources,
    Pause,
    Resume,
    Poll,
    DeadLetters,
    Retry,
}

/// Where a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Context {
    Any,
    /// Wherever somebody is logged in.
    Inside,
    Admin,
    List,
    Form,
    Login,
    Search,
    Results,
    Details,
    Booking,
    Seats,
    Bookings,
    Record,
    /// A booking whose entry of a queue is in hand.
    InHand,
    /// Where a flight is looked for that takes the place of another.
    Replacing,
    Segments,
    Queues,
    Queue,
    Flights,
    Uploads,
    Upload,
    Findings,
    FlightChange,
    Sources,
    Source,
    DeadLetters,
    DeadLetter,
    Question,
    Help,
    Messages,
    Inspector,
}

/// Whether a text field takes what is typed; then characters are never commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Text,
    Commands,
}

/// Why a keymap cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// It is not the TOML that is expected.
    #[error("{0}")]
    Form(String),
    /// A key is not one.
    #[error("{0:?} is not a key")]
    Key(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    on: Keys,
    when: Vec<Context>,
    run: Command,
    describe: String,
    #[serde(default)]
    short: Option<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) keys: Vec<KeyCombination>,
    pub(crate) when: Vec<Context>,
    pub(crate) run: Command,
    pub(crate) describe: String,
    pub(crate) short: Option<String>,
}

impl Rule {
    fn fits(&self, contexts: &[Context]) -> bool {
        self.when
            .iter()
            .any(|c| *c == Context::Any || contexts.contains(c))
    }

    /// The keys as people read them.
    pub(crate) fn keys_text(&self) -> String {
        self.keys
            .iter()
            .map(|key| key_text(*key))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A key as people read it: `F2`, `^Q`, `s`.
pub(crate) fn key_text(key: KeyCombination) -> String {
    let text = KeyCombinationFormat::default()
        .with_control("^")
        .with_implicit_shift()
        .to_string(key);
    match text.as_str() {
        "Left" => "←".to_owned(),
        "Right" => "→".to_owned(),
        "Up" => "↑".to_owned(),
        "Down" => "↓".to_owned(),
        "BackTab" | "Shift-BackTab" => "Shift-Tab".to_owned(),
        _ => text.replace("^-", "^"),
    }
}

/// The rules in force.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keymap {
    rules: Vec<Rule>,
}

impl fmt::Debug for Keymap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keymap({} rules)", self.rules.len())
    }
}

impl Keymap {
    /// The built-in rules.
    pub(crate) fn built_in() -> Result<Self, KeymapError> {
        parse(DEFAULT).map(|rules| Self { rules })
    }

    /// The built-in rules with the user's before them.
    pub(crate) fn with_user(text: &str) -> Result<Self, KeymapError> {
        let mut rules = parse(text)?;
        rules.extend(parse(DEFAULT)?);
        Ok(Self { rules })
    }

    /// The command of a key in these contexts.
    pub(crate) fn command(
        &self,
        key: KeyEvent,
        contexts: &[Context],
        entry: Entry,
    ) -> Option<Command> {
        if entry == Entry::Text && is_text(key) {
            return None;
        }
        let combination = KeyCombination::from(key).normalized();
        self.find(combination, contexts).or_else(|| {
            let latin = layout::on_latin_keys(key)?;
            self.find(KeyCombination::from(latin).normalized(), contexts)
        })
    }

    /// The first key of a command in these contexts, as people read it.
    pub(crate) fn key_of(&self, command: Command, contexts: &[Context]) -> Option<String> {
        let rules = self.in_force(contexts, Entry::Commands).into_iter();
        let mut keys = rules.filter(|rule| rule.run == command);
        Some(key_text(*keys.next()?.keys.first()?))
    }

    /// What keys do in these contexts, as a message says it: `y does it; n leaves it`. A command without a key is left out.
    pub(crate) fn hint(&self, contexts: &[Context], does: &[(Command, &str)]) -> String {
        let hints = does.iter().filter_map(|(command, words)| {
            let key = self.key_of(*command, contexts)?;
            Some(format!("{key} {words}"))
        });
        hints.collect::<Vec<_>>().join("; ")
    }

    fn find(&self, key: KeyCombination, contexts: &[Context]) -> Option<Command> {
        self.rules
            .iter()
            .find(|rule| rule.fits(contexts) && rule.keys.contains(&key))
            .map(|rule| rule.run)
    }

    /// The rules that can be reached in these contexts, each with the keys that no earlier rule takes away.
    pub(crate) fn in_force(&self, contexts: &[Context], entry: Entry) -> Vec<Rule> {
        let mut taken = Vec::new();
        let mut reachable: Vec<Rule> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.fits(contexts)) {
            let mut rule = rule.clone();
            rule.keys.retain(|key| {
                let free = !taken.contains(key);
                taken.push(*key);
                free && !(entry == Entry::Text && is_text_combination(*key))
            });
            if !rule.keys.is_empty() {
                reachable.push(rule);
            }
        }
        reachable
    }
}

fn is_text(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_))
        && !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER)
}

fn is_text_combination(key: KeyCombination) -> bool {
    matches!(key.codes, crokey::OneToThree::One(KeyCode::Char(_)))
        && !key
            .modifiers
            .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER)
}

fn parse(text: &str) -> Result<Vec<Rule>, KeymapError> {
    let file: File = toml::from_str(text).map_err(|e| KeymapError::Form(e.to_string()))?;
    file.rule
        .into_iter()
        .map(|rule| {
            let names = match rule.on {
                Keys::One(name) => vec![name],
                Keys::Several(names) => names,
            };
            let keys = names
                .into_iter()
                .map(|name| {
                    crokey::parse(&name)
                        .map(KeyCombination::normalized)
                        .map_err(|_| KeymapError::Key(name))
                })
                .collect::<Result<_, _>>()?;
            Ok(Rule {
                keys,
                when: rule.when,
                run: rule.run,
                describe: rule.describe,
                short: rule.short,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    fn char(c: char) -> KeyEvent {
        key(KeyCode::Char(c), KeyModifiers::NONE)
    }

    #[test]
    fn a_screens_rule_comes_before_a_general_one() {
        let keymap = Keymap::built_in().unwrap();
        let left = key(KeyCode::Left, KeyModifiers::NONE);
        let at = |contexts: &[Context]| keymap.command(left, contexts, Entry::Commands);
        assert_eq!(
            at(&[Context::Results, Context::List]),
            Some(Command::PreviousDay)
        );
        assert_eq!(at(&[Context::Bookings]), Some(Command::Left));
    }

    #[test]
    fn a_users_rule_comes_first_and_the_others_stay() {
        let text =
            "[[rule]]\non = ['ctrl-s', 'f2']\nwhen = ['any']\nrun = 'bookings'\ndescribe = 'mine'";
        let keymap = Keymap::with_user(text).unwrap();
        let inside = [Context::Inside];
        let f = |n| {
            let key = key(KeyCode::F(n), KeyModifiers::NONE);
            keymap.command(key, &inside, Entry::Commands)
        };
        assert_eq!(f(2), Some(Command::Bookings));
        assert_eq!(f(3), Some(Command::Bookings));
        assert_eq!(f(1), Some(Command::Help));
    }

    #[test]
    fn text_is_never_a_command_in_a_field() {
        let keymap = Keymap::built_in().unwrap();
        let contexts = [Context::List];
        assert_eq!(
            keymap.command(char('q'), &contexts, Entry::Commands),
            Some(Command::Back)
        );
        assert_eq!(keymap.command(char('q'), &contexts, Entry::Text), None);
        assert_eq!(keymap.command(char('й'), &contexts, Entry::Text), None);
        let quit = key(KeyCode::Char('q'), KeyModifiers::CONTROL);
        assert_eq!(
            keymap.command(quit, &contexts, Entry::Text),
            Some(Command::Quit)
        );
    }

    #[test]
    fn other_layouts_reach_the_same_commands() {
        let keymap = Keymap::built_in().unwrap();
        for (c, command) in [
            ('й', Command::Back),
            ('о', Command::Down),
            ('ξ', Command::Down),
        ] {
            let got = keymap.command(char(c), &[Context::List], Entry::Commands);
            assert_eq!(got, Some(command), "{c}");
        }
        let quit = key(KeyCode::Char('й'), KeyModifiers::CONTROL);
        assert_eq!(keymap.command(quit, &[], Entry::Text), Some(Command::Quit));
    }

    #[test]
    fn shifted_letters_are_found() {
        let keymap = Keymap::built_in().unwrap();
        let last = key(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(
            keymap.command(last, &[Context::List], Entry::Commands),
            Some(Command::Last)
        );
    }

    #[test]
    fn what_is_no_keymap_is_refused() {
        for text in [
            "rule = 3",
            "[[rule]]\non='nokey'\nwhen=['any']\nrun='quit'\ndescribe=''",
        ] {
            assert!(Keymap::with_user(text).is_err(), "{text}");
        }
    }

    #[test]
    fn help_leaves_out_what_cannot_be_reached() {
        let keymap = Keymap::built_in().unwrap();
        let contexts = [Context::Results, Context::List];
        let rules = keymap.in_force(&contexts, Entry::Commands);
        assert!(rules.iter().all(|r| r.run != Command::Left));
        assert!(rules.iter().any(|r| r.run == Command::PreviousDay));
        for rule in rules {
            for combination in &rule.keys {
                let event: KeyEvent = (*combination).into();
                assert_eq!(
                    keymap.command(event, &contexts, Entry::Commands),
                    Some(rule.run)
                );
            }
        }
    }
}
