use super::*;
use crate::app::fixture::{fleet, press};

fn when(t_us: u64, missed: bool) -> When {
    When {
        boot: 3,
        t_us,
        missed,
    }
}

#[test]
fn a_key_goes_from_no_gutter_to_power_on_to_the_time_of_day() {
    let mut state = fleet((80, 24));
    press(&mut state, "4");
    assert_eq!(
        (state.gutter(), state.clock_text(Some(when(1, false))).len()),
        (0, 0)
    );
    press(&mut state, "t");
    assert_eq!(state.gutter(), WIDTH);
    assert_eq!(state.text_area().x, WIDTH);
    assert_eq!(state.clock_text(Some(when(4_213_999, false))), "4.213");
    assert_eq!(
        state.clock_text(Some(when(86_400_000_000, true))),
        "≤86400.000"
    );
    assert_eq!(state.clock_text(None), "");
    press(&mut state, "t");
    let began = state
        .selected_row()
        .unwrap()
        .vm
        .state
        .boot
        .clone()
        .unwrap()
        .at;
    let expected = (began + Duration::from_millis(61_005)).to_string();
    let shown = state.clock_text(Some(when(61_005_000, false)));
    assert!(
        expected.contains(&shown) && shown.len() == 12,
        "{shown} of {expected}"
    );
    // Of a boot that is not known there is no time of day.
    let other = When {
        boot: 99,
        ..When::default()
    };
    assert_eq!(state.clock_text(Some(other)), "");
    press(&mut state, "t");
    assert_eq!(state.gutter(), 0);
}

#[test]
fn only_pages_of_lines_have_a_gutter() {
    let mut state = fleet((80, 24));
    press(&mut state, "4 t 3");
    assert_eq!(state.gutter(), 0);
    press(&mut state, "t");
    assert_eq!(state.clock, Clock::PowerOn);
    assert!(
        state
            .journal
            .entries()
            .any(|entry| entry.text.contains("show one of them first"))
    );
    press(&mut state, "2");
    assert_eq!(state.gutter(), 0);
    press(&mut state, "v");
    assert_eq!(state.gutter(), WIDTH);
}
