//! What a VMM counts, as `info` tells it: a line for each device, in the words of the JSON.

use serde_json::Value;

use crate::vm::Figures;

/// A name and what was counted of it, for all that was.
pub(super) fn lines(figures: &Figures) -> Vec<(String, String)> {
    let Ok(Value::Object(groups)) = serde_json::to_value(figures) else {
        return Vec::new();
    };
    groups
        .into_iter()
        .map(|(group, counted)| match counted {
            Value::Object(counted) => {
                let counted: Vec<String> = counted
                    .iter()
                    .map(|(name, count)| format!("{name} {count}"))
                    .collect();
                (group, counted.join(", "))
            }
            Value::String(since) => ("counted".to_owned(), format!("{group} {since}")),
            other => (group, other.to_string()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::{BalloonFigures, SerialFigures};

    #[test]
    fn what_is_counted_is_told_and_nothing_else() {
        let figures = Figures {
            since: Some(jiff::Timestamp::UNIX_EPOCH),
            exits: [("io_in", 3), ("io_out", 40)]
                .map(|(kind, count)| (kind.to_owned(), count))
                .into(),
            serial: Some(SerialFigures {
                writes: Some(40),
                ..SerialFigures::default()
            }),
            balloon: Some(BalloonFigures {
                actual_bytes: Some(0),
                ..BalloonFigures::default()
            }),
            ..Figures::default()
        };
        let mut told: Vec<String> = lines(&figures)
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        told.sort();
        let expected = [
            "balloon: actual_bytes 0",
            "counted: since 1970-01-01T00:00:00Z",
            "exits: io_in 3, io_out 40",
            "serial: writes 40",
        ];
        assert_eq!(told, expected);
        assert!(lines(&Figures::default()).is_empty());
    }
}
