use super::super::message::{Command, End, Message, Open, Task};
use super::*;

/// Everything that a decoder gives: lines, and frames with kind, stream and payload.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Line(Vec<u8>),
    Frame(u8, u32, Vec<u8>),
}

fn drain(decoder: &mut Decoder, bytes: &[u8], seen: &mut Vec<Seen>) {
    decoder.push(bytes);
    while let Some(incoming) = decoder.next() {
        seen.push(match incoming {
            Incoming::Line(line) => Seen::Line(line.to_vec()),
            Incoming::Frame(frame) => Seen::Frame(frame.kind, frame.stream, frame.payload.to_vec()),
        });
    }
}

/// A conversation of lines and frames, and what is to be seen of it.
fn conversation() -> (Vec<u8>, Vec<Seen>) {
    let mut bytes = b"\n{\"say\":\"a\"}\n".to_vec();
    let mut seen = vec![Seen::Line(b"{\"say\":\"a\"}".to_vec())];
    let long: Vec<u8> = (0..LONGEST_PAYLOAD)
        .map(|at| (at * 7).to_le_bytes()[0])
        .collect();
    let payloads: [&[u8]; 5] = [b"", b"\n", b"\xf5\xf5\n{}\n", &long, b"x"];
    for (stream, payload) in (7..).zip(payloads) {
        let kind = payload.len().to_le_bytes()[0];
        Frame {
            kind,
            stream,
            payload,
        }
        .encode(&mut bytes);
        seen.push(Seen::Frame(kind, stream, payload.to_vec()));
    }
    bytes.extend(b"{}\n");
    seen.push(Seen::Line(b"{}".to_vec()));
    (bytes, seen)
}

fn framed() -> Decoder {
    let mut decoder = Decoder::new(100);
    decoder.expect_frames();
    decoder
}

#[test]
fn lines_and_frames_come_out_as_they_went_in_however_they_are_split() {
    let (bytes, expected) = conversation();
    let mut random = fastrand::Rng::with_seed(3);
    for longest in [1, 2, 13, 5000, bytes.len()] {
        let (mut decoder, mut seen) = (framed(), Vec::new());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(random.usize(1..=longest).min(rest.len()));
            drain(&mut decoder, piece, &mut seen);
            rest = tail;
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn cut_off_at_any_byte_the_next_host_is_heard_and_nothing_of_the_torn_frame_is() {
    // Inside of it stands what would be a request, and a frame.
    let mut inner = b"\n{\"say\":\"power_off\"}\n".to_vec();
    let frame = Frame {
        kind: 1,
        stream: 9,
        payload: b"inner",
    };
    frame.encode(&mut inner);
    let mut torn = Vec::new();
    let frame = Frame {
        kind: 2,
        stream: 1,
        payload: &inner,
    };
    frame.encode(&mut torn);
    for cut in 0..torn.len() {
        let (mut decoder, mut seen) = (framed(), Vec::new());
        drain(&mut decoder, &torn[..cut], &mut seen);
        drain(&mut decoder, &FLUSH, &mut seen);
        drain(&mut decoder, b"{\"say\":\"hello\"}\n", &mut seen);
        assert_eq!(
            seen,
            [Seen::Line(b"{\"say\":\"hello\"}".to_vec())],
            "cut at {cut}"
        );
        assert_eq!(decoder.is_lost(), cut > 0, "cut at {cut}");
        decoder.expect_frames();
        seen.clear();
        drain(&mut decoder, &torn, &mut seen);
        assert_eq!(seen, [Seen::Frame(2, 1, inner.clone())]);
        assert!(!decoder.is_lost());
    }
}

#[test]
fn a_host_that_comes_amid_a_frame_hears_the_answer_to_its_greeting() {
    let (bytes, _) = conversation();
    let answer = b"\n{\"say\":\"ready\"}\n";
    for begin in 0..bytes.len() {
        let (mut decoder, mut seen) = (Decoder::new(100), Vec::new());
        drain(&mut decoder, &bytes[begin..], &mut seen);
        drain(&mut decoder, answer, &mut seen);
        assert_eq!(
            seen.last(),
            Some(&Seen::Line(b"{\"say\":\"ready\"}".to_vec()))
        );
        let frames = seen.iter().filter(|it| matches!(it, Seen::Frame(..)));
        assert_eq!(frames.count(), 0, "no session, no frames");
    }
}

#[test]
fn a_byte_that_was_changed_costs_its_frame_and_those_after_it_up_to_the_next_session() {
    let (bytes, expected) = conversation();
    for at in (0..bytes.len()).step_by(97) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        let (mut decoder, mut seen) = (framed(), Vec::new());
        drain(&mut decoder, &changed, &mut seen);
        let frames = |seen: &[Seen]| {
            let frames = seen.iter().filter(|it| matches!(it, Seen::Frame(..)));
            frames.count()
        };
        assert!(frames(&seen) <= frames(&expected));
        for frame in seen.iter().filter(|it| matches!(it, Seen::Frame(..))) {
            assert!(expected.contains(frame), "byte {at}: {frame:?}");
        }
    }
}

#[test]
fn endless_nonsense_takes_bounded_memory() {
    let mut random = fastrand::Rng::with_seed(1);
    for kind in [&b"x"[..], &[MARK], &[MARK, 2, 0xff, 0x7f], b""] {
        let mut decoder = framed();
        for _ in 0..500 {
            let mut bytes = kind.repeat(1000);
            if kind.is_empty() {
                bytes = (0..4096).map(|_| random.u8(..)).collect();
            }
            drain(&mut decoder, &bytes, &mut Vec::new());
            decoder.expect_frames();
            assert!(decoder.buffer.len() <= HEADER + LONGEST_PAYLOAD + 4096);
        }
    }
}

#[test]
fn the_sum_is_the_same_in_pieces_and_another_for_other_bytes() {
    let sum = |pieces: &[&[u8]]| {
        let mut sum = Sum::default();
        for piece in pieces {
            sum.add(piece);
        }
        sum.finish()
    };
    let bytes: Vec<u8> = (0..100).collect();
    for cut in 0..=100 {
        for next in (cut..=100).step_by(7) {
            let pieces = [&bytes[..cut], &bytes[cut..next], &bytes[next..]];
            assert_eq!(sum(&pieces), sum(&[&bytes]));
        }
    }
    let mut sums: Vec<u64> = (0..100).map(|end| sum(&[&[0; 100][..end]])).collect();
    for at in 0..100 {
        let mut other = bytes.clone();
        other[at] ^= 1;
        sums.push(sum(&[&other]));
    }
    let count = sums.len();
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), count);
}

#[test]
fn every_message_survives_the_wire_and_one_that_is_cut_short_is_none() {
    let command = Command {
        argv: vec![b"sh".to_vec(), b"-c".to_vec(), b"echo \xff 'x y'".to_vec()],
        env: vec![b"A=1".to_vec()],
        cwd: b"/tmp".to_vec(),
        user: b"ann".to_vec(),
        stdin: true,
        tty: Some((24, u16::MAX)),
    };
    let open = Open {
        credit: 7,
        task: Task::Run(command),
    };
    let failed = End::Failed {
        code: 127,
        why: "no such ü".to_owned(),
    };
    let transfer = |task| Message::Open(Open { credit: 1, task });
    for message in [
        Message::Open(open),
        transfer(Task::Fetch(b"/etc".to_vec())),
        transfer(Task::Store {
            path: b"/tmp".to_vec(),
            name: b"x".to_vec(),
        }),
        Message::Data(b"bytes"),
        Message::Errors(b""),
        Message::Eof,
        Message::Credit(u32::MAX),
        Message::Signal(15),
        Message::Resize {
            rows: 1,
            columns: 65535,
        },
        Message::Close,
        Message::End(End::Exited(255)),
        Message::End(End::Signaled(9)),
        Message::End(failed),
    ] {
        let (kind, payload) = message.parts();
        let read = |payload| {
            Message::decode(&Frame {
                kind,
                stream: 0,
                payload,
            })
        };
        assert_eq!(read(&payload), Some(message.clone()));
        let free = matches!(
            message,
            Message::Data(_) | Message::Errors(_) | Message::End(End::Failed { .. })
        );
        for cut in (0..payload.len()).filter(|_| !free) {
            assert_eq!(read(&payload[..cut]), None, "{message:?} cut at {cut}");
        }
    }
}

#[test]
fn a_command_that_does_not_fit_a_frame_or_holds_a_zero_is_none() {
    let open = |word: Vec<u8>| {
        Message::Open(Open {
            credit: 0,
            task: Task::Run(Command {
                argv: vec![word],
                ..Command::default()
            }),
        })
    };
    let mut out = Vec::new();
    assert_eq!(open(vec![b'x'; LONGEST_PAYLOAD]).encode(1, &mut out), None);
    assert!(out.is_empty());
    let (kind, payload) = open(b"a\0b".to_vec()).parts();
    let frame = Frame {
        kind,
        stream: 1,
        payload: &payload,
    };
    assert_eq!(Message::decode(&frame), None);
}
