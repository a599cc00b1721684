//! Every screen of the dashboard, and how it comes about.

use crate::app::fixture::{
    acceptable, console_says, counted, empty, examine, fleet, key, line, measured, mending_says,
    name, name_taken, past, press, send, silent, slow_boot, vm,
};
use crate::app::log::{Line, LogPart};
use crate::app::message::{Message, SessionEvent};
use crate::app::state::State;
use crate::console::Notable;
use crate::console::reader::{Marks, Span};
use crate::fault::{Code, Failure};
use crate::shim::log::When;
use crate::vm::{BackendKind, Phase};

/// A screen's name, and how it comes about at a size.
pub(super) type Case = (&'static str, fn((u16, u16)) -> State);

/// All screens by name.
#[expect(clippy::too_many_lines, reason = "one entry for each screen")]
pub(super) fn screens() -> Vec<Case> {
    vec![
        ("empty", |size| {
            let mut state = empty(size);
            send(&mut state, 0.0, Message::Vms(Ok(Vec::new())));
            let images = Vec::new();
            send(&mut state, 0.0, Message::Offered { name: None, images });
            state
        }),
        ("store_failure", |size| {
            let mut state = empty(size);
            let failure = Failure::new(Code::RuntimeError, "could not list `/data/vms`: denied");
            send(
                &mut state,
                0.0,
                Message::Vms(Err(failure.with_hint("make it readable"))),
            );
            send(&mut state, 20.0, Message::Wake);
            state
        }),
        ("overview", |size| {
            let mut state = fleet(size);
            examine(&mut state);
            state
        }),
        ("overview_crashed", |size| {
            let mut state = fleet(size);
            select(&mut state, "db");
            state
        }),
        ("overview_damaged", |size| {
            let mut state = fleet(size);
            select(&mut state, "zoo");
            state
        }),
        ("busy", |size| {
            let mut state = fleet(size);
            press(&mut state, "s r");
            state
        }),
        ("console", |size| {
            let mut state = fleet(size);
            press(&mut state, "enter");
            console_says(
                &mut state,
                b"\x1b[32m[  OK  ]\x1b[0m Started\r\n\x1b]0;vi\x07\x1b[7minverse\x1b[0m\r\n\xe6\x97\xa5\xe6\x9c\xac\r\n~ # ",
            );
            state
        }),
        ("console_scrolled", |size| {
            let mut state = fleet(size);
            press(&mut state, "enter");
            console_says(&mut state, b"~ # ");
            state.console.offset = 12;
            state.console.new_lines = 3;
            state
        }),
        ("console_dead", |size| {
            let mut state = fleet(size);
            select(&mut state, "db");
            press(&mut state, "2");
            let screen = "a line\r\n".repeat(60);
            console_says(
                &mut state,
                format!("{screen}Kernel panic - not syncing").as_bytes(),
            );
            let session = state.console.session;
            let event = SessionEvent::LastScreen(true);
            send(&mut state, 2.0, Message::Session(session, event));
            state
        }),
        ("console_zoomed", |size| {
            let mut state = fleet(size);
            press(&mut state, "2 z enter");
            console_says(&mut state, b"~ # ls\r\nbin  dev  etc\r\n~ # ");
            state
        }),
        ("console_break", |size| {
            let mut state = fleet(size);
            press(&mut state, "b");
            state
        }),
        ("console_break_asked", |size| {
            let mut state = fleet(size);
            press(&mut state, "b c");
            state
        }),
        ("boot", |size| {
            let mut state = fleet(size);
            press(&mut state, "3");
            let past = Box::new(past(3));
            send(&mut state, 2.0, Message::Boots(name("web"), past));
            state
        }),
        ("history", |size| {
            let mut state = fleet(size);
            press(&mut state, "B");
            let past = past(9);
            let mut boots = [past.others, past.own].concat();
            for (boot, day) in boots.iter_mut().zip(0..) {
                boot.at += jiff::SignedDuration::from_hours(5 * day);
            }
            boots[8].boot_args.push_str(" quiet");
            send(&mut state, 2.0, Message::History(boots));
            state
        }),
        ("boot_slow", slow),
        ("boot_tried", |size| {
            let mut state = slow(size);
            press(&mut state, "t");
            send(&mut state, 3.0, Message::Tried(Ok(Box::new(measured()))));
            press(&mut state, "z");
            state
        }),
        ("boot_live", |size| {
            let mut state = fleet(size);
            select(&mut state, "worker");
            press(&mut state, "3");
            state
        }),
        ("console_reading", |size| {
            let mut state = fleet(size);
            press(&mut state, "2 v ? 4 enter");
            console_says(&mut state, b"line 4\r\n\x1b[7mline 44\x1b[m\r\n~ # ");
            let span = |row, columns| Span { row, columns };
            state.console.offset = 12;
            state.console.new_lines = 3;
            state.console.marks = Marks {
                cursor: Some((1, 2)),
                selected: vec![span(0, 0..6), span(1, 0..3)],
                found: vec![span(0, 5..6), span(1, 5..6), span(1, 6..7)],
            };
            state
        }),
        ("log", with_log),
        ("log_reading", |size| {
            let mut state = with_log(size);
            press(&mut state, "v & 7 enter ctrl-f 9 7 enter V k");
            state
        }),
        ("log_wrong_pattern", |size| {
            let mut state = with_log(size);
            press(&mut state, "ctrl-f (");
            state
        }),
        ("spec", |size| {
            let mut state = fleet(size);
            press(&mut state, "5");
            state
        }),
        ("spec_planned", |size| {
            let mut state = fleet(size);
            select(&mut state, "api");
            press(&mut state, "5");
            let invocation = crate::vm::Invocation {
                argv: ["/usr/bin/firecracker", "--api-sock", "/run/fc.sock"]
                    .map(str::to_owned)
                    .into(),
                api_calls: vec![crate::vm::ApiCall::put(
                    "/machine-config",
                    serde_json::json!({ "vcpu_count": 1, "mem_size_mib": 256 }),
                )],
            };
            let planned = Message::Planned(name("api"), Ok(Box::new(invocation)));
            send(&mut state, 2.0, planned);
            state
        }),
        ("metrics", |size| {
            let mut state = fleet(size);
            counted(&mut state);
            state
        }),
        ("metrics_failed", |size| {
            let mut state = fleet(size);
            press(&mut state, "6");
            let failure = Failure::new(
                Code::Timeout,
                "the figures of VM `web` took longer than 4 s",
            );
            send(&mut state, 2.0, Message::Counted(name("web"), Err(failure)));
            state
        }),
        ("silent", |size| {
            let mut state = fleet(size);
            silent(&mut state);
            state
        }),
        ("doctor_pending", |size| {
            let mut state = fleet(size);
            press(&mut state, "D");
            let names = ["platform", "kvm", "qemu"].map(str::to_owned).to_vec();
            let planned = crate::doctor::Progress::Planned(names);
            send(&mut state, 2.0, Message::Doctor(planned));
            state
        }),
        ("doctor", |size| {
            let mut state = fleet(size);
            press(&mut state, "D");
            examine(&mut state);
            state
        }),
        ("mend", |size| {
            let mut state = fleet(size);
            press(&mut state, "D");
            examine(&mut state);
            press(&mut state, "f");
            state
        }),
        ("mend_running", |size| {
            let mut state = fleet(size);
            press(&mut state, "D");
            examine(&mut state);
            press(&mut state, "f y");
            mending_says(&mut state, b"[sudo] password for ann: ");
            state
        }),
        ("mend_failed", |size| {
            let mut state = fleet(size);
            press(&mut state, "D");
            examine(&mut state);
            press(&mut state, "f y");
            mending_says(
                &mut state,
                b"\x1b[31mE:\x1b[0m Unable to locate package\r\n",
            );
            let how = Err("it failed with exit code 100".to_owned());
            send(&mut state, 2.0, Message::Mended(1, how));
            state
        }),
        ("form", |size| {
            let mut state = fleet(size);
            press(&mut state, "n w e b tab tab tab tab tab tab 8");
            send(&mut state, 2.0, acceptable(4, BackendKind::Firecracker));
            send(&mut state, 2.0, name_taken(4));
            let images = vec!["tiny".to_owned(), "debian".to_owned()];
            send(&mut state, 2.0, Message::Offered { name: None, images });
            state
        }),
        ("confirm", |size| {
            let mut state = fleet(size);
            press(&mut state, "d");
            state
        }),
        ("help", |size| {
            let mut state = fleet(size);
            press(&mut state, "?");
            state
        }),
        ("messages", |size| {
            let mut state = fleet(size);
            let failure = Failure::new(Code::Timeout, "could not stop `web`: the guest is silent")
                .with_hint("`K` kills it")
                .with_details("qemu: terminating\non signal 15");
            send(&mut state, 3.0, Message::Notice(failure));
            send(&mut state, 65.0, key("m"));
            state
        }),
        ("toasts", |size| {
            let mut state = fleet(size);
            let failure = Failure::new(Code::Timeout, "could not stop `web`: the guest is silent");
            send(
                &mut state,
                3.0,
                Message::Notice(failure.with_hint("`K` kills it")),
            );
            send(&mut state, 4.0, key("f5"));
            state
        }),
        ("log_times", with_times),
        ("filter", |size| {
            let mut state = fleet(size);
            press(&mut state, "/ w");
            state
        }),
    ]
}

fn with_log(size: (u16, u16)) -> State {
    let mut state = fleet(size);
    press(&mut state, "4");
    let lines = (0..200).map(|n| format!("[    0.{n:06}] line {n} of the kernel"));
    let part = LogPart {
        is_first: true,
        lines: lines.map(|text| line(&text)).collect(),
        ..LogPart::default()
    };
    send(&mut state, 2.0, Message::Log(name("web"), part));
    state
}

/// A log whose lines came apart, one while nobody listened, one that matters.
fn with_times(size: (u16, u16)) -> State {
    let mut state = fleet(size);
    press(&mut state, "4 t");
    let mut lines = Vec::new();
    for n in 0..20_u16 {
        lines.push(Line {
            when: Some(When {
                boot: 3,
                t_us: u64::from(n) * 1_234_567,
                missed: n == 12,
            }),
            silent_us: if n % 5 == 3 {
                u64::from(n) * 400_000
            } else {
                0
            },
            notable: (n % 6 == 3).then_some(Notable::Panic),
            ..line(&format!(
                "line {n} {}",
                "is long ".repeat(usize::from(n % 4 * 5))
            ))
        });
    }
    let part = LogPart {
        is_first: true,
        lines,
        ..LogPart::default()
    };
    send(&mut state, 2.0, Message::Log(name("web"), part));
    state
}

/// Moves the selection to the VM of that name.
pub(super) fn select(state: &mut State, text: &str) {
    press(state, "home");
    while state.selected != Some(name(text)) {
        press(state, "down");
    }
}

/// A boot that took longer than any before.
fn slow(size: (u16, u16)) -> State {
    let mut state = fleet(size);
    press(&mut state, "3");
    let mut vm = vm("web", Phase::Running);
    let last = vm.state.boot.as_mut().unwrap();
    *last = slow_boot(9);
    send(
        &mut state,
        2.0,
        Message::Vm(name("web"), Some(Box::new(vm))),
    );
    let past = Box::new(past(9));
    send(&mut state, 2.0, Message::Boots(name("web"), past));
    state
}
