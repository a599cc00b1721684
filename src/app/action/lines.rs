//! What can be asked of the lines of the console and the log: when they came.

use super::{Action, ActionSpec, Context};

/// What is to be known of an action on lines.
pub(super) fn spec(action: Action) -> ActionSpec {
    use Context as C;
    let (name, summary, bindings): (_, _, &'static [(C, &'static str)]) = match action {
        Action::Clock => (
            "clock",
            "Show when lines came: since power-on, time of day, off",
            &[(C::Dashboard, "t"), (C::Reading, "t")],
        ),
        // Every other one is in the tables before.
        _ => ("", "", &[]),
    };
    ActionSpec {
        name,
        summary,
        bindings,
    }
}
