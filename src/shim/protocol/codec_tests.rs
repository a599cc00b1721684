use super::*;
use crate::fault::Code;
use crate::shim::protocol::{Push, ReplayFrom, Status};
use crate::vm::{BootPhase, Exit, ExitReason, Phase};

fn requests() -> Vec<Request> {
    vec![
        Request::Status,
        Request::Stop {
            timeout_ms: Some(5),
        },
        Request::Kill,
        Request::Restart { timeout_ms: None },
        Request::Pause,
        Request::Resume,
        Request::WaitReady,
        Request::WaitExit,
        Request::WaitRunning,
        Request::Attach {
            from: ReplayFrom::Offset(u64::MAX),
        },
        Request::Attach {
            from: ReplayFrom::Recent,
        },
        Request::Detach,
        Request::Send {
            bytes: vec![0, 255, 10],
        },
        Request::Type { bytes: vec![0x1b] },
        Request::Resize {
            rows: 2,
            columns: 80,
            push: None,
        },
        Request::Resize {
            rows: 2,
            columns: 80,
            push: Some(Push::ByAnyMeans),
        },
        Request::Screen,
        Request::Figures,
        Request::Break { letter: Some('h') },
        Request::Break { letter: None },
    ]
}

fn client_frames() -> Vec<ClientFrame> {
    let hello = ClientFrame::Hello {
        protocol: 1,
        version: "0.1".to_owned(),
    };
    let requests = requests()
        .into_iter()
        .zip(0..)
        .map(|(request, id)| ClientFrame::Request { id, request });
    [
        hello,
        ClientFrame::Input(vec![]),
        ClientFrame::Input(b"\x1b[A".to_vec()),
    ]
    .into_iter()
    .chain(requests)
    .collect()
}

fn server_frames() -> Vec<ServerFrame> {
    let exit = Exit {
        reason: ExitReason::Signal,
        code: None,
        signal: Some(9),
        meaning: None,
        at: Some(jiff::Timestamp::UNIX_EPOCH),
        detail: Some("ü".to_owned()),
    };
    let answers = [
        Ok(Answer::Done),
        Ok(Answer::Figures(Box::default())),
        Ok(Answer::Status(Status {
            phase: Phase::Crashed,
            ready: true,
            exit: Some(exit.clone()),
            console_end: 7,
            unsaved: None,
        })),
        Ok(Answer::Attached {
            from: 3,
            rows: 24,
            columns: 80,
        }),
        Err(Failure::new(Code::Busy, "busy").with_hint("wait")),
    ];
    let mut frames: Vec<_> = answers
        .into_iter()
        .map(|result| ServerFrame::Answer { id: 4, result })
        .collect();
    frames.extend([
        ServerFrame::Hello {
            protocol: 1,
            version: "0.1".to_owned(),
            pid: 3,
        },
        ServerFrame::Event(Event::Phase {
            phase: Phase::Stopped,
            exit: Some(exit),
        }),
        ServerFrame::Event(Event::Size {
            rows: 50,
            columns: 132,
        }),
        ServerFrame::Event(Event::Boot {
            phase: BootPhase::Kernel,
            offset_us: 12,
            console: 0,
        }),
        ServerFrame::Output {
            offset: 1,
            t_us: 2,
            bytes: vec![7; 1000],
        },
        ServerFrame::Live { offset: 9 },
        ServerFrame::Gap {
            offset: 9,
            missing: 8,
        },
    ]);
    frames
}

fn encoded(frames: &[impl Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.encode(&mut bytes).unwrap();
    }
    bytes
}

/// Feeds `bytes` in random pieces and returns the frames that came out.
fn in_pieces<F: Frame>(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<Incoming<F>> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(random.usize(1..=rest.len().min(40)));
        decoder.buffer().extend_from_slice(piece);
        while let Some(frame) = decoder.take().unwrap() {
            frames.push(frame);
        }
        rest = tail;
    }
    frames
}

#[test]
fn frames_survive_the_line_however_it_splits_them() {
    let mut random = fastrand::Rng::with_seed(1);
    let (client, server) = (client_frames(), server_frames());
    for _ in 0..200 {
        let got = in_pieces::<ClientFrame>(&encoded(&client), &mut random);
        assert_eq!(
            got,
            client
                .iter()
                .cloned()
                .map(Incoming::Frame)
                .collect::<Vec<_>>()
        );
        let got = in_pieces::<ServerFrame>(&encoded(&server), &mut random);
        assert_eq!(
            got,
            server
                .iter()
                .cloned()
                .map(Incoming::Frame)
                .collect::<Vec<_>>()
        );
    }
}

fn raw(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    binary(&mut bytes, kind, &[], payload).unwrap();
    bytes
}

fn decode<F: Frame>(bytes: &[u8]) -> Result<Option<Incoming<F>>, CodecError> {
    let mut decoder = Decoder::default();
    decoder.buffer().extend_from_slice(bytes);
    decoder.take()
}

#[test]
fn a_newer_peer_is_tolerated() {
    let request = raw(
        kind::REQUEST,
        br#"{"id":7,"request":{"do":"warp","speed":9}}"#,
    );
    let Ok(Some(Incoming::Unknown { id: Some(7), .. })) = decode::<ClientFrame>(&request) else {
        panic!("an unknown request must keep its id");
    };
    for bytes in [
        raw(99, b"whatever"),
        raw(kind::EVENT, br#"{"event":"warp"}"#),
    ] {
        assert!(matches!(
            decode::<ServerFrame>(&bytes),
            Ok(Some(Incoming::Unknown { id: None, .. }))
        ));
    }
    let extra = raw(
        kind::REQUEST,
        br#"{"id":7,"request":{"do":"kill"},"why":"new"}"#,
    );
    assert!(matches!(
        decode::<ClientFrame>(&extra),
        Ok(Some(Incoming::Frame(ClientFrame::Request { id: 7, .. })))
    ));
}

#[test]
fn nonsense_is_an_error_and_never_a_panic() {
    assert_eq!(
        decode::<ClientFrame>(&[0, 0, 0, 0]),
        Err(CodecError::Length(0))
    );
    assert!(matches!(
        decode::<ClientFrame>(&[255, 255, 255, 255]),
        Err(CodecError::Length(_))
    ));
    for bytes in [
        raw(kind::REQUEST, b"{"),
        raw(kind::REQUEST, b"\xff\xfe"),
        raw(kind::CLIENT_HELLO, b""),
    ] {
        assert!(matches!(
            decode::<ClientFrame>(&bytes),
            Err(CodecError::Malformed { .. })
        ));
    }
    for kind in [kind::OUTPUT, kind::LIVE, kind::GAP] {
        assert!(decode::<ServerFrame>(&raw(kind, b"short")).is_err());
    }
    let mut random = fastrand::Rng::with_seed(2);
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> = (0..random.usize(1..64)).map(|_| random.u8(..)).collect();
        if random.bool() {
            // A plausible head, so that the payload is looked at.
            bytes = raw(
                random
                    .choice([1, 2, 3, 129, 130, 131, 132, 133, 134])
                    .unwrap(),
                &bytes,
            );
        }
        let _ = decode::<ClientFrame>(&bytes);
        let _ = decode::<ServerFrame>(&bytes);
    }
}

#[test]
fn a_frame_that_is_too_long_is_not_sent() {
    let mut out = b"before".to_vec();
    let long = ClientFrame::Input(vec![0; LONGEST_FRAME]);
    assert!(matches!(long.encode(&mut out), Err(CodecError::Length(_))));
    assert_eq!(out, b"before");
    ClientFrame::Input(vec![0; LONGEST_FRAME - 1])
        .encode(&mut out)
        .unwrap();
}
