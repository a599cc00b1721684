//! The relay of streams, between scripted clients and a scripted agent.

use super::*;
use crate::guest::protocol::message::{Command, Open, Task};

const ANN: ClientId = 1;
const BOB: ClientId = 2;

fn open(credit: u32) -> Message<'static> {
    let task = Task::Run(Command::default());
    Message::Open(Open { credit, task })
}

/// What the agent hears, as stream and message.
fn heard(relayed: &Relayed) -> Vec<(u32, String)> {
    let mut decoder = crate::guest::protocol::frame::Decoder::new(0);
    decoder.expect_frames();
    decoder.push(&relayed.to_guest);
    let mut heard = Vec::new();
    while let Some(crate::guest::protocol::frame::Incoming::Frame(frame)) = decoder.next() {
        heard.push((
            frame.stream,
            format!("{:?}", Message::decode(&frame).unwrap()),
        ));
    }
    heard
}

fn say(streams: &mut Streams, client: ClientId, stream: u32, message: &Message<'_>) -> Relayed {
    streams.hear_client(client, &Piece::new(stream, message))
}

fn answer(streams: &mut Streams, stream: u32, message: &Message<'_>) -> Relayed {
    let (kind, payload) = message.parts();
    streams.hear_agent(&Frame {
        kind,
        stream,
        payload: &payload,
    })
}

fn ended(relayed: &Relayed) -> bool {
    let ends = |(_, piece): &(ClientId, Piece)| matches!(piece.message(), Some(Message::End(_)));
    relayed.to_clients.iter().any(ends)
}

#[test]
fn two_clients_with_the_same_number_have_streams_of_their_own() {
    let mut streams = Streams::default();
    let ids: Vec<u32> = [ANN, BOB]
        .map(|client| heard(&say(&mut streams, client, 1, &open(10)))[0].0)
        .into();
    assert_ne!(ids[0], ids[1]);
    for (client, id) in [(ANN, ids[0]), (BOB, ids[1])] {
        let relayed = answer(&mut streams, id, &Message::Data(b"out"));
        assert_eq!(
            relayed.to_clients,
            [(client, Piece::new(1, &Message::Data(b"out")))]
        );
        let relayed = say(&mut streams, client, 1, &Message::Signal(2));
        assert_eq!(heard(&relayed), [(id, "Signal(2)".to_owned())]);
    }
    let over = answer(&mut streams, ids[0], &Message::End(End::Exited(3)));
    assert!(ended(&over));
    assert_eq!(
        answer(&mut streams, ids[0], &Message::Data(b"x")),
        Relayed::default()
    );
    assert_eq!(say(&mut streams, ANN, 1, &Message::Eof), Relayed::default());
}

#[test]
fn a_guest_that_sends_more_than_there_is_room_for_loses_the_stream() {
    let mut streams = Streams::default();
    say(&mut streams, ANN, 1, &open(5));
    assert!(!ended(&answer(&mut streams, 1, &Message::Data(b"12345"))));
    say(&mut streams, ANN, 1, &Message::Credit(2));
    assert!(!ended(&answer(&mut streams, 1, &Message::Errors(b"67"))));
    let relayed = answer(&mut streams, 1, &Message::Data(b"8"));
    assert!(ended(&relayed));
    assert_eq!(heard(&relayed), [(1, "Close".to_owned())]);
}

#[test]
fn a_client_that_sends_or_asks_for_more_than_a_window_loses_the_stream() {
    let mut streams = Streams::default();
    let chunk = vec![0; 32 * 1024 - 12];
    say(&mut streams, ANN, 1, &open(0));
    assert!(!ended(&say(&mut streams, ANN, 1, &Message::Data(&chunk))));
    assert!(!ended(&say(&mut streams, ANN, 1, &Message::Data(&chunk))));
    answer(&mut streams, 1, &Message::Credit(64));
    assert!(!ended(&say(&mut streams, ANN, 1, &Message::Data(&[0; 64]))));
    let relayed = say(&mut streams, ANN, 1, &Message::Data(&chunk));
    assert!(ended(&relayed));
    assert_eq!(heard(&relayed), [(1, "Close".to_owned())]);

    assert!(ended(&say(&mut streams, ANN, 2, &open(OUTPUT_WINDOW + 1))));
    say(&mut streams, ANN, 3, &open(OUTPUT_WINDOW));
    assert!(ended(&say(&mut streams, ANN, 3, &Message::Credit(1))));
    assert!(streams.open.is_empty());
}

#[test]
fn an_agent_that_grants_more_than_its_window_is_not_believed() {
    let mut streams = Streams::default();
    say(&mut streams, ANN, 1, &open(0));
    for more in [1, u32::MAX, INPUT_WINDOW] {
        assert_eq!(
            answer(&mut streams, 1, &Message::Credit(more)),
            Relayed::default()
        );
    }
    assert_eq!(streams.open[&1].to_guest, INPUT_WINDOW);
}

#[test]
fn what_runs_for_a_client_that_is_gone_is_closed_and_for_others_is_not() {
    let mut streams = Streams::default();
    for (client, stream) in [(ANN, 1), (BOB, 1), (ANN, 2)] {
        say(&mut streams, client, stream, &open(0));
    }
    let closed: Vec<u32> = heard(&streams.forget(ANN))
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(closed, [1, 3]);
    let told = streams.end_all("the VM ended");
    assert_eq!(told.to_clients.len(), 1);
    assert!(ended(&told) && streams.open.is_empty());
}

#[test]
fn there_are_no_more_streams_than_the_agent_carries() {
    let mut streams = Streams::default();
    for stream in 0..u32::try_from(MOST_STREAMS).unwrap() {
        assert!(!ended(&say(&mut streams, ANN, stream, &open(0))));
    }
    assert!(ended(&say(&mut streams, ANN, u32::MAX, &open(0))));
    let nonsense = Piece {
        stream: 9999,
        kind: 77,
        payload: Vec::new(),
    };
    assert!(ended(&streams.hear_client(ANN, &nonsense)));
}
