//! QMP events that matter to the owner of a VM. The schema is QEMU's `qapi/run-state.json`; what is
//! not understood is no event of ours.

use serde_json::Value;

use crate::backends::MachineEvent;
use crate::vm::ExitReason;

/// Reads a message as an event; `None` when it is none, or one that we do not pass on.
pub(super) fn read(message: &Value) -> Option<MachineEvent> {
    let name = message.get("event")?.as_str()?;
    let data = |key| message.get("data").and_then(|data| data.get(key));
    match name {
        "STOP" => Some(MachineEvent::Paused),
        "RESUME" => Some(MachineEvent::Resumed),
        "GUEST_PANICKED" => Some(MachineEvent::Ending(ExitReason::GuestPanic)),
        "SHUTDOWN" => {
            let reason = data("reason").and_then(Value::as_str).unwrap_or_default();
            let by_guest = data("guest").and_then(Value::as_bool).unwrap_or(false);
            Some(MachineEvent::Ending(ending(reason, by_guest)))
        }
        _ => None,
    }
}

/// `ShutdownCause` of `qapi/run-state.json`.
fn ending(reason: &str, by_guest: bool) -> ExitReason {
    match reason {
        "guest-shutdown" => ExitReason::GuestShutdown,
        "guest-reset" => ExitReason::GuestReset,
        "guest-panic" => ExitReason::GuestPanic,
        "host-qmp-quit" => ExitReason::Stopped,
        "host-signal" => ExitReason::Signal,
        "host-error" => ExitReason::VmmError,
        _ if by_guest => ExitReason::GuestShutdown,
        _ => ExitReason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_that_matters_is_read_and_no_other() {
        let shutdown = |guest: bool, reason: &str| {
            format!(r#"{{"event":"SHUTDOWN","data":{{"guest":{guest},"reason":"{reason}"}}}}"#)
        };
        let ending = |reason| Some(MachineEvent::Ending(reason));
        let cases = [
            (
                shutdown(true, "guest-shutdown"),
                ending(ExitReason::GuestShutdown),
            ),
            (
                shutdown(true, "guest-reset"),
                ending(ExitReason::GuestReset),
            ),
            (
                shutdown(true, "guest-panic"),
                ending(ExitReason::GuestPanic),
            ),
            (
                shutdown(false, "host-qmp-quit"),
                ending(ExitReason::Stopped),
            ),
            (shutdown(false, "host-signal"), ending(ExitReason::Signal)),
            (shutdown(false, "host-error"), ending(ExitReason::VmmError)),
            (
                shutdown(true, "of-tomorrow"),
                ending(ExitReason::GuestShutdown),
            ),
            (shutdown(false, "of-tomorrow"), ending(ExitReason::Unknown)),
            (
                r#"{"event":"SHUTDOWN"}"#.to_owned(),
                ending(ExitReason::Unknown),
            ),
            (
                r#"{"event":"GUEST_PANICKED","data":{"action":"pause"}}"#.to_owned(),
                ending(ExitReason::GuestPanic),
            ),
            (r#"{"event":"STOP"}"#.to_owned(), Some(MachineEvent::Paused)),
            (
                r#"{"event":"RESUME"}"#.to_owned(),
                Some(MachineEvent::Resumed),
            ),
            (
                r#"{"event":"VSERPORT_CHANGE","data":{"id":"agent0","open":true}}"#.to_owned(),
                None,
            ),
            (
                r#"{"event":"RTC_CHANGE","data":{"offset":1}}"#.to_owned(),
                None,
            ),
            (r#"{"event":7}"#.to_owned(), None),
            (r#"{"return":{}}"#.to_owned(), None),
        ];
        for (text, event) in cases {
            assert_eq!(read(&serde_json::from_str(&text).unwrap()), event, "{text}");
        }
    }
}
