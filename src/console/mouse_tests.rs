use super::*;

fn mouse(kind: MouseKind) -> Mouse {
    Mouse {
        kind,
        column: 9,
        row: 4,
        shift: false,
        alt: false,
        ctrl: false,
    }
}

fn told(mouse: Mouse, wanted: MouseWanted, form: MouseForm) -> String {
    let modes = Modes {
        mouse: wanted,
        mouse_form: form,
        ..Modes::default()
    };
    String::from_utf8_lossy(&mouse.encode(modes)).replace('\x1b', "^")
}

#[test]
fn a_guest_is_told_in_the_form_that_it_asked_for() {
    let press = mouse(MouseKind::Press(Button::Left));
    let release = mouse(MouseKind::Release(Button::Right));
    let drag = mouse(MouseKind::Drag(Button::Middle));
    let wheel = Mouse {
        ctrl: true,
        ..mouse(MouseKind::Press(Button::WheelDown))
    };
    for (form, expected) in [
        (MouseForm::Bytes, ["^[M *%", "^[M#*%", "^[MA*%", "^[Mq*%"]),
        (MouseForm::Utf8, ["^[M *%", "^[M#*%", "^[MA*%", "^[Mq*%"]),
        (
            MouseForm::Sgr,
            ["^[<0;10;5M", "^[<2;10;5m", "^[<33;10;5M", "^[<81;10;5M"],
        ),
        (
            MouseForm::Urxvt,
            ["^[32;10;5M", "^[35;10;5M", "^[65;10;5M", "^[113;10;5M"],
        ),
    ] {
        let all = [press, release, drag, wheel].map(|mouse| told(mouse, MouseWanted::Motion, form));
        assert_eq!(all, expected, "{form:?}");
    }
}

#[test]
fn a_guest_is_told_no_more_than_it_asked_for() {
    let kinds = [
        MouseKind::Press(Button::Left),
        MouseKind::Press(Button::WheelUp),
        MouseKind::Release(Button::Left),
        MouseKind::Drag(Button::Left),
        MouseKind::Move,
    ];
    for (wanted, count) in [
        (MouseWanted::Nothing, 0),
        (MouseWanted::Presses, 1),
        (MouseWanted::Buttons, 3),
        (MouseWanted::Drags, 4),
        (MouseWanted::Motion, 5),
    ] {
        let told = kinds.map(|kind| told(mouse(kind), wanted, MouseForm::Sgr));
        assert_eq!(
            told.iter().filter(|told| !told.is_empty()).count(),
            count,
            "{wanted:?}"
        );
    }
}

#[test]
fn a_place_that_a_form_has_no_number_for_is_not_told() {
    let far = Mouse {
        column: 300,
        ..mouse(MouseKind::Press(Button::Left))
    };
    assert_eq!(told(far, MouseWanted::Buttons, MouseForm::Bytes), "");
    assert_eq!(
        told(far, MouseWanted::Buttons, MouseForm::Utf8),
        "^[M \u{14d}%"
    );
    assert_eq!(
        told(far, MouseWanted::Buttons, MouseForm::Sgr),
        "^[<0;301;5M"
    );
}

#[test]
fn on_the_alternate_screen_the_wheel_is_cursor_keys_unless_the_guest_wants_the_mouse() {
    let modes = Modes {
        alternate_scroll: true,
        application_cursor: true,
        ..Modes::default()
    };
    let wheel = mouse(MouseKind::Press(Button::WheelUp));
    assert_eq!(wheel.encode(modes), b"\x1bOA\x1bOA\x1bOA");
    assert!(wheel.is_guests(modes) && !wheel.is_guests(Modes::default()));
    assert!(
        mouse(MouseKind::Press(Button::Left))
            .encode(modes)
            .is_empty()
    );
    let held = Mouse {
        shift: true,
        ..wheel
    };
    assert!(!held.is_guests(modes), "with shift it is the user's own");
}
