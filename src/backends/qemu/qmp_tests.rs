use super::*;
use crate::vm::ExitReason;
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream};

const GREETING: &str = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \
                        \"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n";

/// A peer that follows a script.
struct Peer(BufReader<DuplexStream>);

impl Peer {
    fn new() -> (Self, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(4096);
        (Self(BufReader::new(theirs)), ours)
    }

    async fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// The next command: its name and id.
    async fn hear(&mut self) -> (String, u64) {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        assert!(line.ends_with("\r\n"), "{line:?}");
        let message: Value = serde_json::from_str(&line).unwrap();
        (
            message["execute"].as_str().unwrap().to_owned(),
            message["id"].as_u64().unwrap(),
        )
    }

    async fn greet(&mut self) {
        self.say(GREETING).await;
        let (command, id) = self.hear().await;
        assert_eq!(command, "qmp_capabilities");
        self.say(&format!("{{\"return\": {{}}, \"id\": {id}}}\r\n"))
            .await;
    }
}

async fn connected() -> (Peer, Connection) {
    let (mut peer, stream) = Peer::new();
    let (connection, ()) = tokio::join!(Connection::open(stream), peer.greet());
    (peer, connection.unwrap())
}

#[tokio::test]
async fn a_greeting_is_answered_and_its_version_kept() {
    let (_peer, connection) = connected().await;
    assert_eq!(connection.version.as_deref(), Some("7.2.22"));
}

#[tokio::test]
async fn an_error_is_told_in_qemus_own_words() {
    let (mut peer, connection) = connected().await;
    let script = async {
        let (_, id) = peer.hear().await;
        let text = format!(
            "{{\"id\": {id}, \"error\": {{\"class\": \"CommandNotFound\", \"desc\": \"no\\u001b such\"}}}}\r\n"
        );
        peer.say(&text).await;
    };
    let (result, ()) = tokio::join!(connection.client.call("x-bogus", None), script);
    assert_eq!(
        result.unwrap_err().to_string(),
        "QEMU refused `x-bogus`: no such"
    );
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order_with_events_and_strangers_in_between() {
    let (mut peer, mut connection) = connected().await;
    let client = connection.client.clone();
    let script = async {
        let (first, first_id) = peer.hear().await;
        let (second, second_id) = peer.hear().await;
        let text = format!(
            "{{\"event\": \"OF_TOMORROW\", \"data\": {{\"x\": [1]}}}}\r\n\
             {{\"return\": \"{second}\", \"id\": {second_id}}}\r\n\
             {{\"event\": \"SHUTDOWN\", \"data\": {{\"guest\": true, \"reason\": \"guest-reset\"}}}}\r\n\
             {{\"return\": 1, \"id\": 9999}}\r\n{{\"return\": 1}}\r\n{{\"id\": \"text\"}}\r\n\
             {{\"return\": \"{first}\", \"id\": {first_id}, \"new\": true}}\r\n"
        );
        peer.say(&text).await;
    };
    let (one, two, ()) = tokio::join!(
        client.call("query-status", None),
        connection.client.call("query-cpus-fast", None),
        script
    );
    assert_eq!(one.unwrap(), "query-status");
    assert_eq!(two.unwrap(), "query-cpus-fast");
    assert_eq!(
        connection.events.recv().await,
        Some(MachineEvent::Ending(ExitReason::GuestReset))
    );
}

#[tokio::test]
async fn a_halt_that_we_asked_for_is_no_news_but_any_other_is() {
    let (mut peer, mut connection) = connected().await;
    let script = async {
        let (_, id) = peer.hear().await;
        let text = format!("{{\"event\":\"STOP\"}}\r\n{{\"return\":{{}},\"id\":{id}}}\r\n");
        peer.say(&text).await;
        peer.say("{\"event\":\"RESUME\"}\r\n").await;
    };
    let (result, ()) = tokio::join!(connection.client.call("stop", None), script);
    result.unwrap();
    assert_eq!(connection.events.recv().await, Some(MachineEvent::Resumed));
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let (mut peer, connection) = connected().await;
    let script = async {
        let (_, id) = peer.hear().await;
        for byte in format!("{{\"return\": \"ä\", \"id\": {id}}}\n").bytes() {
            peer.0.get_mut().write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (result, ()) = tokio::join!(connection.client.call("query-status", None), script);
    assert_eq!(result.unwrap(), "ä");
}

#[tokio::test]
async fn the_end_of_the_stream_in_the_middle_of_an_answer_is_a_lost_connection() {
    let (mut peer, connection) = connected().await;
    let client = connection.client.clone();
    let script = async move {
        peer.hear().await;
        peer.say("{\"return\": {\"status").await;
    };
    let (result, ()) = tokio::join!(client.call("query-status", None), script);
    assert!(matches!(result, Err(BackendError::Disconnected { .. })));
    // And so is every call after it.
    let result = client.call("quit", None).await;
    assert!(matches!(result, Err(BackendError::Disconnected { .. })));
}

#[tokio::test]
async fn garbage_and_endless_lines_break_the_connection_and_are_named() {
    for garbage in [
        "GET / HTTP/1.1\r\n".to_owned(),
        "[]\n".to_owned(),
        "x".repeat(2 << 20),
    ] {
        let (mut peer, connection) = connected().await;
        let script = async move {
            peer.hear().await;
            // The client hangs up somewhere within the endless line.
            let _ = peer.0.get_mut().write_all(garbage.as_bytes()).await;
            peer
        };
        let (result, _peer) = tokio::join!(connection.client.call("query-status", None), script);
        let Err(BackendError::Protocol { what, .. }) = result else {
            panic!("{result:?}");
        };
        assert!(what.len() <= 300, "{what}");
    }
}

#[tokio::test]
async fn what_greets_otherwise_is_not_qemu() {
    for (greeting, expected) in [
        (
            "{\"return\": {}}\r\n",
            "QEMU answered `greeting` with something unexpected",
        ),
        (
            "SSH-2.0-OpenSSH\r\n",
            "QEMU answered `greeting` with something unexpected",
        ),
        ("", "QEMU closed its control socket during `greeting`"),
    ] {
        let (mut peer, stream) = Peer::new();
        let script = async move { peer.say(greeting).await };
        let (result, ()) = tokio::join!(Connection::open(stream), script);
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_qemu_that_hangs_is_not_waited_for_without_end() {
    let (_peer, connection) = connected().await;
    let result = connection.client.call("query-status", None).await;
    assert!(matches!(result, Err(BackendError::TimedOut { .. })));
}

#[tokio::test]
async fn a_call_that_is_dropped_disturbs_no_other() {
    let (mut peer, connection) = connected().await;
    let mut dropped = Box::pin(connection.client.call("query-status", None));
    tokio::select! {
        biased;
        _ = &mut dropped => panic!("nobody answered"),
        _ = peer.hear() => {}
    }
    drop(dropped);
    let script = async {
        peer.say("{\"return\": \"late\", \"id\": 2}\r\n").await;
        let (_, id) = peer.hear().await;
        peer.say(&format!("{{\"return\": 5, \"id\": {id}}}\r\n"))
            .await;
    };
    let (result, ()) = tokio::join!(connection.client.call("query-status", None), script);
    assert_eq!(result.unwrap(), 5);
}

#[tokio::test]
async fn the_connection_is_closed_when_nobody_is_left_who_cares() {
    let (mut peer, connection) = connected().await;
    drop(connection);
    let mut rest = String::new();
    assert_eq!(peer.0.read_line(&mut rest).await.unwrap(), 0);
}
