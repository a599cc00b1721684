//! Colours by meaning. A theme is a file of roles; each state also has a glyph and a word, so that a
//! theme without any colour loses nothing.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};

use crate::fault::{Code, Fault};
use crate::vm::Phase;

/// Declares the roles and their names in theme files.
macro_rules! roles {
    ($($(#[$meta:meta])* $role:ident = $name:literal),+ $(,)?) => {
        /// What a colour means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Role {
            $($(#[$meta])* $role),+
        }

        impl Role {
            /// All roles.
            pub const ALL: &'static [Self] = &[$(Self::$role),+];

            /// Its name in theme files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$role => $name),+ }
            }
        }
    };
}

roles! {
    /// Text as it stands.
    Text = "text",
    /// What matters less.
    Muted = "muted",
    /// Names of screens and panels.
    Title = "title",
    /// Lines between regions, frames of panels.
    Rule = "rule",
    /// What is chosen: the tab shown, the field in focus.
    Accent = "accent",
    /// The selected row.
    Selection = "selection",
    /// The console has the keys.
    Focus = "focus",
    /// A key that can be pressed.
    Key = "key",
    /// A VM that runs.
    Running = "running",
    /// A VM on its way from one phase to another.
    Changing = "changing",
    /// A VM that is paused.
    Paused = "paused",
    /// A VM that does not run.
    Stopped = "stopped",
    /// A VM that crashed; a check that fails; an error.
    Failed = "failed",
    /// A limit to know of; an emulated guest.
    Warning = "warning",
    /// A check that passes; an operation that went well.
    Good = "good",
    /// The guest's share of a figure.
    Guest = "guest",
    /// The VMM's share of a figure.
    Vmm = "vmm",
    /// What a pattern matches.
    Found = "found",
    /// What is selected to be copied.
    Marked = "marked",
}

/// Why a theme cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// No theme of that name.
    #[error("there is no theme `{0}`")]
    Unknown(String),
    /// A theme's file is wrong; ours are tested.
    #[error("the theme `{theme}` is wrong at `{role}`: {why}")]
    Wrong {
        /// Which theme.
        theme: String,
        /// At which role.
        role: String,
        /// What is wrong.
        why: String,
    },
}

impl Fault for ThemeError {
    fn code(&self) -> Code {
        Code::ConfigError
    }

    fn hint(&self) -> Option<String> {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        Some(format!("themes: {}", names.join(", ")))
    }
}

const BUILT_IN: [(&str, &str); 4] = [
    ("default", include_str!("../../assets/themes/default.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    (
        "deuteranopia",
        include_str!("../../assets/themes/deuteranopia.toml"),
    ),
    ("mono", include_str!("../../assets/themes/mono.toml")),
];

/// A style for each role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    styles: Vec<Style>,
    color: bool,
}

impl Theme {
    /// The names of the built-in themes.
    pub const NAMES: [&str; 4] = [BUILT_IN[0].0, BUILT_IN[1].0, BUILT_IN[2].0, BUILT_IN[3].0];

    /// The built-in theme of that name; without colour always `mono`.
    pub fn named(name: &str, color: bool) -> Result<Self, ThemeError> {
        let built_in = |name: &str| BUILT_IN.iter().find(|(known, _)| *known == name);
        let text = built_in(name).ok_or_else(|| ThemeError::Unknown(name.to_owned()))?;
        let (name, text) = if color {
            text
        } else {
            built_in("mono").unwrap_or(text)
        };
        Self::parse(name, text, color)
    }

    /// A theme that gives each role a colour of its own, so that a test can read roles off a screen.
    #[cfg(test)]
    pub(super) fn probe() -> Self {
        let styles = (0..Role::ALL.len())
            .map(|index| Style::new().fg(Color::Indexed(u8::try_from(index).unwrap() + 100)))
            .collect();
        Self {
            styles,
            color: true,
        }
    }

    fn parse(theme: &str, text: &str, color: bool) -> Result<Self, ThemeError> {
        let wrong = |role: &str, why: &str| ThemeError::Wrong {
            theme: theme.to_owned(),
            role: role.to_owned(),
            why: why.to_owned(),
        };
        let mut roles: BTreeMap<String, String> =
            toml::from_str(text).map_err(|error| wrong("file", error.message()))?;
        let styles = Role::ALL
            .iter()
            .map(|role| {
                let name = role.name();
                let words = roles.remove(name).ok_or_else(|| wrong(name, "missing"))?;
                style(&words).ok_or_else(|| wrong(name, &words))
            })
            .collect::<Result<_, _>>()?;
        match roles.keys().next() {
            Some(unknown) => Err(wrong(unknown, "no such role")),
            None => Ok(Self { styles, color }),
        }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Whether a guest's own colours are shown.
    pub fn has_color(&self) -> bool {
        self.color
    }

    /// The role of a phase.
    pub fn phase(phase: Phase) -> Role {
        match phase {
            Phase::Running => Role::Running,
            Phase::Starting | Phase::Stopping => Role::Changing,
            Phase::Paused => Role::Paused,
            Phase::Created | Phase::Stopped => Role::Stopped,
            Phase::Crashed => Role::Failed,
        }
    }
}

/// A style in words: attributes and a colour, then `on` and a colour: `bold white on blue`.
fn style(words: &str) -> Option<Style> {
    let mut style = Style::new();
    let mut background = false;
    for word in words.split_whitespace() {
        let attribute = match word {
            "on" => {
                background = true;
                continue;
            }
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underlined" => Modifier::UNDERLINED,
            "reversed" => Modifier::REVERSED,
            color => {
                let color: Color = color.parse().ok()?;
                style = if background {
                    style.bg(color)
                } else {
                    style.fg(color)
                };
                continue;
            }
        };
        style = style.add_modifier(attribute);
    }
    Some(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_has_every_role_and_no_other() {
        for (name, _) in BUILT_IN {
            for color in [true, false] {
                Theme::named(name, color).unwrap();
            }
        }
    }

    #[test]
    fn without_colour_no_style_has_one() {
        let theme = Theme::named("default", false).unwrap();
        for role in Role::ALL {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
    }

    #[test]
    fn an_unknown_theme_is_told_with_those_that_are_known() {
        let error = Theme::named("neon", true).unwrap_err();
        assert_eq!(error.to_string(), "there is no theme `neon`");
        assert!(error.hint().unwrap().contains("deuteranopia"));
    }
}
