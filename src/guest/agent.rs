//! The lines of the agent's protocol: one JSON object each, either side may restart. They travel
//! over a virtio-serial port, or over a virtio socket where the machine has no such port; there the
//! agent is the one that calls, and calls again when the host's end was gone. Between them go the
//! frames of `super::protocol`.
//!
//! The agent itself (`src/bin/smolvm-agent/`) is dependency-free apart from `nix` and keeps its own
//! small writer and reader of these lines, `wire.rs`; the tests here include it and hold the two
//! together. Others of its files that do no I/O are tested in the same way.

use serde::{Deserialize, Serialize};

/// The version of this protocol.
pub const PROTOCOL: u32 = 2;

/// The first version that knows frames.
pub const FRAMES: u32 = 2;

/// The name of the virtio-serial port, as QEMU and `/dev/virtio-ports` have it.
pub const PORT_NAME: &str = "org.smolvm.agent.0";

/// The port of the host that the agent calls where there is a vsock device, its other way to us.
pub const VSOCK_PORT: u32 = 1024;

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromAgent {
    /// The guest is ready: a shell reads on the serial line. Said again when the host reconnects
    /// and asks with [`ToAgent::Hello`].
    Ready {
        /// [`PROTOCOL`] of the agent.
        protocol: u32,
        /// The agent's version.
        version: String,
        /// The guest's own clock at each of the agent's stages, in µs since the guest's boot.
        #[serde(default)]
        stages: std::collections::BTreeMap<String, u64>,
        /// The session of the host's hello, in which frames flow from here on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<u64>,
    },
    /// A request was understood and is being carried out.
    Ack {
        /// The request's word.
        what: String,
    },
}

/// What the host says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToAgent {
    /// Who are you? Answered with [`FromAgent::Ready`] once that is true.
    Hello {
        /// [`PROTOCOL`] of the host.
        protocol: u32,
        /// A number of the host's own choice, another one each time. What ran for the session
        /// before it is killed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<u64>,
    },
    /// Sync file systems and power off.
    PowerOff,
    /// Sync file systems and reboot.
    Reboot,
    /// What time it is: a guest that was paused does not know.
    Clock {
        /// µs since 1970.
        unix_us: u64,
    },
    /// The size of the terminal on the serial line.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

#[cfg(test)]
#[path = "../bin/smolvm-agent/backoff.rs"]
mod backoff;
#[cfg(test)]
#[path = "../bin/smolvm-agent/devices.rs"]
mod devices;
#[cfg(test)]
#[path = "../bin/smolvm-agent/wire.rs"]
mod wire;

#[cfg(test)]
#[path = "agent_parts_tests.rs"]
mod parts_tests;

#[cfg(test)]
mod tests {
    use super::wire::{self, Request};
    use super::*;

    #[test]
    fn the_agent_speaks_the_protocol_that_the_host_reads() {
        assert_eq!(wire::PROTOCOL, PROTOCOL);
        assert_eq!(wire::PORT_NAME, PORT_NAME);
        assert_eq!(wire::VSOCK_PORT, VSOCK_PORT);
        let stages = [("init", 999_189), ("odd \"stage\"\\\u{1}é", u64::MAX)];
        let line = wire::ready("0.1.0", Some(u64::MAX), stages.into_iter());
        assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
        let FromAgent::Ready {
            protocol,
            version,
            stages: read,
            session,
        } = serde_json::from_str(&line).unwrap()
        else {
            panic!("{line}")
        };
        assert_eq!((protocol, version.as_str()), (PROTOCOL, "0.1.0"));
        assert_eq!((read.len(), session), (2, Some(u64::MAX)));
        assert!(
            stages
                .iter()
                .all(|(stage, at)| read.get(*stage) == Some(at))
        );
        let none = wire::ready("0", None, std::iter::empty());
        let none = serde_json::from_str::<FromAgent>(&none).unwrap();
        assert!(matches!(none, FromAgent::Ready { session: None, .. }));
    }

    #[test]
    fn the_agent_reads_every_request_that_the_host_writes_and_acknowledges_it() {
        let requests = [
            (
                ToAgent::Hello {
                    protocol: PROTOCOL,
                    session: Some(u64::MAX),
                },
                Request::Hello {
                    session: Some(u64::MAX),
                },
            ),
            (
                ToAgent::Hello {
                    protocol: 1,
                    session: None,
                },
                Request::Hello { session: None },
            ),
            (ToAgent::PowerOff, Request::PowerOff),
            (ToAgent::Reboot, Request::Reboot),
            (
                ToAgent::Clock {
                    unix_us: 1_800_000_000_000_000,
                },
                Request::Clock {
                    unix_us: 1_800_000_000_000_000,
                },
            ),
            (
                ToAgent::Resize {
                    rows: 50,
                    columns: u16::MAX,
                },
                Request::Resize {
                    rows: 50,
                    columns: u16::MAX,
                },
            ),
        ];
        for (said, expected) in requests {
            let line = serde_json::to_string(&said).unwrap();
            assert!(line.len() < wire::LONGEST_LINE);
            assert_eq!(Request::parse(&line), Some(expected), "{line}");
            let spaced = line.replace(':', " : ").replace(',', " , ");
            assert_eq!(Request::parse(&spaced), Some(expected), "{spaced}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let FromAgent::Ack { what } = serde_json::from_str(&wire::ack(expected)).unwrap()
            else {
                panic!()
            };
            assert_eq!(value["say"], what.as_str());
        }
    }

    #[test]
    fn a_key_from_a_newer_host_is_ignored_and_so_is_a_line_that_makes_no_sense() {
        let newer = r#"{"say":"resize","rows":1,"columns":2,"pixels":true,"why":"because"}"#;
        let resize = Request::Resize {
            rows: 1,
            columns: 2,
        };
        assert_eq!(Request::parse(newer), Some(resize));
        for line in [
            "",
            "{",
            "{}",
            "null",
            r#"{"say":"dance"}"#,
            r#"{"say":"resize","rows":70000,"columns":1}"#,
            r#"{"say":"resize","rows":1}"#,
            r#"{"say":"hello",}"#,
            r#"{"say":"hello" "x":1}"#,
            r#"{"say":{"hello":1}}"#,
            r#"{"say":"hello"#,
            r#"{"say":"hel\u006co"}"#,
            "{\"say\":\"hello\",\"x\":\u{0}}",
        ] {
            assert_eq!(Request::parse(line), None, "{line}");
        }
    }
}
