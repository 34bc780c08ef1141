//! Meanings and how they look. The terminal's own background is kept.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Meaning {
    /// Plain text.
    Normal,
    /// Of less weight.
    Muted,
    /// Names of things: columns, labels.
    Label,
    /// The title of a screen.
    Title,
    /// The line or seat under the cursor.
    Selected,
    /// A field that can be typed in.
    Field,
    /// The field that is typed in.
    Focus,
    /// Waits for the server.
    Pending,
    /// It is done.
    Good,
    /// It should be looked at.
    Warning,
    /// It is wrong.
    Error,
    /// A key in the footer.
    Key,
    /// The bar at the top.
    Bar,
    /// Money and figures that matter.
    Figure,
}

/// A set of looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Theme {
    /// For dark backgrounds.
    #[default]
    Dark,
    /// For light backgrounds.
    Light,
    /// Strong differences only.
    HighContrast,
    /// No colours at all: bold, dim, underlined, reversed.
    Plain,
}

impl Theme {
    /// The next one, around.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::HighContrast,
            Self::HighContrast => Self::Plain,
            Self::Plain => Self::Dark,
        }
    }

    /// The name, as in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::Plain => "plain",
        }
    }

    /// How a meaning looks.
    pub(crate) fn style(self, meaning: Meaning) -> Style {
        // Modifiers carry the meaning by themselves; colours only help.
        let style = Style::new().add_modifier(modifiers(meaning));
        match self.color(meaning) {
            Some(color) => style.fg(color),
            None => style,
        }
    }

    fn color(self, meaning: Meaning) -> Option<Color> {
        use Meaning as M;
        match (self, meaning) {
            (Self::Dark, M::Muted | M::Field) => Some(Color::Gray),
            (Self::Dark, M::Label) => Some(Color::Cyan),
            (Self::Dark, M::Title | M::Key | M::Focus) => Some(Color::LightCyan),
            (Self::Dark, M::Pending | M::Warning) | (Self::HighContrast, M::Pending) => {
                Some(Color::LightYellow)
            }
            (Self::Dark, M::Good | M::Figure) => Some(Color::LightGreen),
            (Self::Dark, M::Error) | (Self::HighContrast, M::Error | M::Warning) => {
                Some(Color::LightRed)
            }
            (Self::Light, M::Muted | M::Field) => Some(Color::DarkGray),
            (Self::Light, M::Label | M::Title | M::Key | M::Focus) => Some(Color::Blue),
            (Self::Light, M::Pending | M::Warning) => Some(Color::Magenta),
            (Self::Light, M::Good | M::Figure) => Some(Color::Green),
            (Self::Light, M::Error) => Some(Color::Red),
            (Self::Plain | Self::HighContrast, _) | (_, M::Normal | M::Selected | M::Bar) => None,
        }
    }
}

fn modifiers(meaning: Meaning) -> Modifier {
    match meaning {
        Meaning::Normal | Meaning::Good | Meaning::Label => Modifier::empty(),
        Meaning::Muted => Modifier::DIM,
        Meaning::Title | Meaning::Key | Meaning::Figure | Meaning::Warning | Meaning::Error => {
            Modifier::BOLD
        }
        Meaning::Selected | Meaning::Bar => Modifier::REVERSED,
        Meaning::Field => Modifier::UNDERLINED,
        Meaning::Focus => Modifier::UNDERLINED.union(Modifier::BOLD),
        Meaning::Pending => Modifier::ITALIC.union(Modifier::BOLD),
    }
}
