//! The channel to a scripted agent.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::guest::protocol::frame::Frame;
use crate::guest::protocol::message::{Command, Message, Open, Task};

const READY: &[u8] = b"{\"say\":\"ready\",\"protocol\":1,\"version\":\"0.1\"}\n";

/// The scripted guest at the far end.
struct Guest {
    stream: UnixStream,
    decoder: Decoder,
}

impl Guest {
    fn new(stream: UnixStream) -> Self {
        let decoder = Decoder::new(4096);
        Self { stream, decoder }
    }

    /// The next line that is said to it.
    async fn line(&mut self) -> serde_json::Value {
        loop {
            if let Some(Incoming::Line(line)) = self.decoder.next() {
                return serde_json::from_slice(line).unwrap();
            }
            self.read().await;
        }
    }

    async fn frame(&mut self) -> (u32, String) {
        loop {
            if let Some(Incoming::Frame(frame)) = self.decoder.next() {
                let message = Message::decode(&frame).unwrap();
                return (frame.stream, format!("{message:?}"));
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let mut chunk = [0; 4096];
        let count = self.stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the shim hung up");
        self.decoder.push(&chunk[..count]);
    }

    /// Hears the hello and answers it.
    async fn agree(&mut self) {
        let session = loop {
            if let Some(session) = self.line().await["session"].as_u64() {
                break session;
            }
        };
        self.decoder.expect_frames();
        self.say(&format!(
            "\n{{\"say\":\"ready\",\"protocol\":2,\"version\":\"0.1\",\"session\":{session}}}\n"
        ))
        .await;
    }

    async fn say(&mut self, line: &str) {
        self.stream.write_all(line.as_bytes()).await.unwrap();
    }

    async fn send(&mut self, stream: u32, message: &Message<'_>) {
        let mut bytes = Vec::new();
        message.encode(stream, &mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }
}

fn open() -> Piece {
    let task = Task::Run(Command::default());
    Piece::new(1, &Message::Open(Open { credit: 10, task }))
}

/// What an agent says, up to its next piece for a client.
async fn pieces(agent: &mut Agent) -> Vec<(ClientId, Piece)> {
    let mut buffer = [0; 4096];
    loop {
        agent.ready().await;
        let said = agent.read(&mut buffer);
        if !said.pieces.is_empty() {
            return said.pieces;
        }
    }
}

/// Goes on until the agent is agreed with.
async fn agreed(agent: &mut Agent) {
    let mut buffer = [0; 4096];
    while agent.session != Session::Agreed {
        agent.ready().await;
        agent.write();
        agent.read(&mut buffer);
    }
}

fn why(pieces: &[(ClientId, Piece)]) -> String {
    match pieces[0].1.message() {
        Some(Message::End(End::Failed { why, .. })) => why,
        other => panic!("{other:?}"),
    }
}

fn standing(anew: bool) -> (Agent, Guest) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let agent = Agent::new(AgentChannel::Standing(ours), anew);
    (agent, Guest::new(theirs))
}

#[test]
fn the_agent_is_understood_amid_noise_and_however_its_lines_are_split() {
    let mut bytes = b"\xff\xfe\x00garbage\n{}\n{\"say\":\"warp\"}\n\n[[[\n".to_vec();
    bytes.extend(vec![b'x'; 3 * LONGEST_LINE]);
    bytes.push(b'\n');
    bytes.extend(READY);
    bytes.extend(vec![b'{'; LONGEST_LINE]);
    bytes.extend(b"\n{\"say\":\"ack\",\"what\":\"power_off\"}\n");
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..20 {
        let (mut decoder, mut said) = (Decoder::new(LONGEST_LINE), Vec::new());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(random.usize(1..=rest.len().min(5000)));
            decoder.push(piece);
            while let Some(Incoming::Line(line)) = decoder.next() {
                said.extend(serde_json::from_slice::<FromAgent>(line));
            }
            rest = tail;
        }
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(matches!(said[0], FromAgent::Ready { protocol: 1, .. }));
        assert!(matches!(&said[1], FromAgent::Ack { what } if what == "power_off"));
    }
}

#[tokio::test]
async fn a_guest_that_never_reads_costs_a_bounded_queue_and_no_wait() {
    let (mut agent, _guest) = standing(true);
    for _ in 0..100_000 {
        agent.hello();
    }
    assert!(agent.queue.len() <= FLUSH.len() + LONGEST_QUEUE);
}

#[tokio::test]
async fn a_guest_may_call_late_and_again_and_is_asked_who_it_is_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent");
    let calls = AgentChannel::Calls(UnixListener::bind(&path).unwrap());
    let mut agent = Agent::new(calls, false);
    agent.say(&ToAgent::PowerOff);
    let mut buffer = [0; 4096];
    for call in 0..2 {
        let mut guest = Guest::new(UnixStream::connect(&path).await.unwrap());
        agent.ready().await;
        agent.write();
        let hello = guest.line().await;
        assert_eq!(hello["say"], "hello", "call {call}");
        if call == 0 {
            assert_eq!(guest.line().await["say"], "power_off");
        }
        guest.stream.write_all(READY).await.unwrap();
        // Half a line is left behind.
        guest.stream.write_all(b"{\"say\":").await.unwrap();
        drop(guest);
        let mut said = Vec::new();
        while agent.stream.is_some() {
            agent.ready().await;
            said.extend(agent.read(&mut buffer).lines);
        }
        assert_eq!(said.len(), 1, "call {call}: {said:?}");
    }
}

#[tokio::test]
async fn streams_flow_once_the_agent_has_answered_this_very_hello() {
    let (mut agent, mut guest) = standing(false);
    let early = agent.relay(1, &open(), true);
    assert!(why(&early).contains("not answer yet"), "{early:?}");
    let none = agent.relay(1, &open(), false);
    assert!(why(&none).contains("no agent"), "{none:?}");
    // An answer to another hello is none to this.
    guest
        .say("{\"say\":\"ready\",\"protocol\":2,\"version\":\"0.1\",\"session\":1}\n")
        .await;
    agent.ready().await;
    agent.read(&mut [0; 4096]);
    assert!(matches!(agent.session, Session::Asked(_)));

    guest.agree().await;
    agreed(&mut agent).await;
    assert!(agent.relay(1, &open(), true).is_empty());
    let (stream, message) = guest.frame().await;
    assert!(message.starts_with("Open"), "{message}");
    guest.send(stream, &Message::Data(b"out")).await;
    guest.send(stream, &Message::End(End::Exited(0))).await;
    let heard = pieces(&mut agent).await;
    assert_eq!(heard[0], (1, Piece::new(1, &Message::Data(b"out"))));
}

#[tokio::test]
async fn an_agent_that_knows_no_frames_is_told_none_and_its_client_what_to_do() {
    let (mut agent, mut guest) = standing(false);
    guest.stream.write_all(READY).await.unwrap();
    agent.ready().await;
    assert_eq!(agent.read(&mut [0; 4096]).lines.len(), 1);
    let told = agent.relay(1, &open(), true);
    assert!(why(&told).contains("older"), "{told:?}");
}

#[tokio::test]
async fn an_agent_that_begins_anew_ends_what_ran_and_is_agreed_with_again() {
    let (mut agent, mut guest) = standing(false);
    guest.agree().await;
    agreed(&mut agent).await;
    agent.relay(1, &open(), true);
    guest.frame().await;
    // Killed in the midst of a frame, and started again.
    let mut torn = Vec::new();
    Message::Data(&[b'x'; 5000]).encode(1, &mut torn);
    for cut in [1, 7, 12, 3000] {
        guest.stream.write_all(&torn[..cut]).await.unwrap();
        guest.say(&"\n".repeat(FLUSH.len())).await;
        let greeting = "\n{\"say\":\"ready\",\"protocol\":2,\"version\":\"0.1\"}\n";
        guest.say(greeting).await;
        let told = pieces(&mut agent).await;
        assert!(why(&told).contains("went away"), "cut at {cut}: {told:?}");
        guest.decoder.cut();
        guest.agree().await;
        agreed(&mut agent).await;
        assert!(agent.relay(1, &open(), true).is_empty());
        guest.frame().await;
    }
}

#[tokio::test]
async fn a_shim_that_takes_over_completes_whatever_the_one_before_it_was_cut_off_in() {
    let mut torn = Vec::new();
    let frame = Frame {
        kind: 2,
        stream: 1,
        payload: &vec![b'x'; 20_000],
    };
    frame.encode(&mut torn);
    for cut in [1, 11, 12, 4711, torn.len() - 1] {
        let (mut agent, mut guest) = standing(true);
        guest.decoder.expect_frames();
        guest.decoder.push(&torn[..cut]);
        assert_eq!(guest.decoder.next(), None);
        let agreeing = guest.agree();
        tokio::join!(agreeing, agreed(&mut agent));
        assert!(agent.relay(1, &open(), true).is_empty());
        assert!(guest.frame().await.1.starts_with("Open"));
    }
}
