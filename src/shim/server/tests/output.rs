//! Serial output on its way to logs and clients.

use super::bench::{Bench, locally, output, status};
use crate::shim::client::Client;
use crate::shim::log::FILE_CAP;
use crate::shim::protocol::{Answer, ClientFrame, ReplayFrom, Request, ServerFrame};
use crate::shim::server::console::RECENT;

/// Numbered lines, so that every place looks different.
fn lines(bytes: usize) -> Vec<u8> {
    let mut all: Vec<u8> = Vec::new();
    let mut number = 0;
    while all.len() < bytes {
        all.extend(format!("line {number}\r\n").bytes());
        number += 1;
    }
    all.truncate(bytes);
    all
}

async fn attach(
    client: Client,
    from: ReplayFrom,
) -> (
    crate::shim::client::Listener,
    crate::shim::client::Talker,
    u64,
) {
    let (mut listener, mut talker) = client.split();
    let request = Request::Attach { from };
    talker
        .say(ClientFrame::Request { id: 9, request })
        .await
        .unwrap();
    loop {
        if let Some(ServerFrame::Answer { id: 9, result }) = listener.next().await.unwrap() {
            let Ok(Answer::Attached { from, .. }) = result else {
                panic!("{result:?}")
            };
            return (listener, talker, from);
        }
    }
}

async fn printed(client: &mut Client, end: u64) {
    while status(client).await.console_end < end {}
}

#[tokio::test(start_paused = true)]
async fn replays_are_exact_from_any_offset_also_over_rotation() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let truth = lines(9 << 20);
        bench.world.prints(&truth).await;
        let end = truth.len() as u64;
        printed(&mut client, end).await;
        for wanted in [
            0,
            5 << 20,
            end - FILE_CAP - 1,
            end - RECENT as u64 - 1,
            end - 5,
            end,
            end + 9,
        ] {
            let attached = attach(bench.client().await, ReplayFrom::Offset(wanted)).await;
            let (mut listener, _talker, from) = attached;
            if wanted == 0 {
                assert!(from > 0 && end - from <= 2 * FILE_CAP, "{from}");
            } else if wanted >= 5 << 20 {
                assert_eq!(from, wanted.min(end));
            }
            let (bytes, missed) = output(&mut listener, from, end).await;
            assert_eq!(missed, 0);
            assert!(bytes == truth[usize::try_from(from).unwrap()..]);
            let live = listener.next().await.unwrap();
            assert_eq!(live, Some(ServerFrame::Live { offset: end }));
        }
        let (.., from) = attach(bench.client().await, ReplayFrom::Recent).await;
        assert_eq!(from, end - RECENT as u64);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_has_a_gap_and_the_guest_and_others_lose_nothing() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let (mut slow, _talker, _) = attach(bench.client().await, ReplayFrom::Now).await;
        assert_eq!(
            slow.next().await.unwrap(),
            Some(ServerFrame::Live { offset: 0 })
        );
        let (mut quick, _talker, _) = attach(bench.client().await, ReplayFrom::Now).await;
        let truth = lines(3 << 20);
        let end = truth.len() as u64;
        // The guest is done although one of its listeners has read nothing.
        let ((), (heard, _)) = tokio::join!(bench.world.prints(&truth), output(&mut quick, 0, end));
        printed(&mut client, end).await;
        assert_eq!(heard.len(), truth.len());
        let (late, missed) = output(&mut slow, 0, end).await;
        assert!(missed > 0 && missed < end, "{missed}");
        assert_eq!(late.len(), truth.len());
        assert!(
            late.iter()
                .zip(&truth)
                .all(|(got, real)| got == real || *got == 0)
        );
        assert!(late.ends_with(&truth[truth.len() - 1000..]));
        // It goes on live.
        bench.world.prints(b"more").await;
        let (more, missed) = output(&mut slow, end, end + 4).await;
        assert_eq!((&*more, missed), (&b"more"[..], 0));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_and_never_reads_is_cut_off_before_its_answers_fill_the_shim() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let (rows, columns) = (100, 200);
        let size = Request::Resize {
            rows,
            columns,
            push: None,
        };
        client.call(size).await.unwrap();
        let page = vec![b'x'; 20_000];
        bench.world.prints(&page).await;
        printed(&mut client, 20_000).await;
        let (listener, mut talker) = bench.client().await.split();
        let mut asked = 0;
        while let Ok(()) = talker
            .say(ClientFrame::Request {
                id: asked,
                request: Request::Screen,
            })
            .await
        {
            asked += 1;
            assert!(asked < 100, "it is still served");
            // By then the shim has heard it.
            status(&mut client).await;
        }
        drop(listener);
        // Who does read is served however much it asks for.
        for _ in 0..10 {
            client.call(Request::Screen).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_arrives_whole_and_in_order_and_holds_up_nobody_else() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let (_listener, mut talker) = bench.client().await.split();
        let truth = lines(1 << 20);
        let typed = truth.clone();
        // Far more than the guest takes: this client waits, and only this one.
        let typing = tokio::task::spawn_local(async move {
            for piece in typed.chunks(10_000) {
                talker
                    .say(ClientFrame::Input(piece.to_vec()))
                    .await
                    .unwrap();
            }
            talker
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!typing.is_finished());
        status(&mut client).await;
        assert!(bench.world.reads(truth.len()).await == truth);
        typing.await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn send_is_one_piece_and_notes_where_the_output_stood() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        bench.world.prints(b"/ # ").await;
        printed(&mut client, 4).await;
        let (.., from) = attach(bench.client().await, ReplayFrom::LastSend).await;
        assert_eq!(from, 0);
        let bytes = b"echo hi\n".to_vec();
        client.call(Request::Send { bytes }).await.unwrap();
        assert_eq!(bench.world.reads(8).await, b"echo hi\n");
        assert_eq!(bench.vm().state.last_send, Some(4));
        bench.world.prints(b"hi\r\n").await;
        let (mut listener, _talker, from) =
            attach(bench.client().await, ReplayFrom::LastSend).await;
        assert_eq!(from, 4);
        assert_eq!(output(&mut listener, 4, 8).await.0, b"hi\r\n");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_guests_query_is_answered_though_nobody_is_attached_and_the_screen_is_told() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        client
            .call(Request::Resize {
                rows: 10,
                columns: 40,
                push: None,
            })
            .await
            .unwrap();
        assert!(bench.world.agent_hears().await.contains("resize"));
        bench.world.prints(b"hello\x1b[6n").await;
        assert_eq!(bench.world.reads(6).await, b"\x1b[1;6R");
        let Ok(Answer::Screen {
            rows,
            columns,
            text,
            ansi,
        }) = client.call(Request::Screen).await
        else {
            panic!()
        };
        assert_eq!((rows, columns), (10, 40));
        assert!(text.starts_with("hello\n"), "{text:?}");
        assert!(ansi.contains("hello"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_on_the_socket_ends_that_connection_and_nothing_else() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let path = bench.run_dir().join("shim.sock");
        let mut random = fastrand::Rng::with_seed(6);
        for _ in 0..50 {
            let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
            let junk: Vec<u8> = (0..random.usize(5..200)).map(|_| random.u8(..)).collect();
            let _ = stream.write_all(&junk).await;
            // The hello's deadline passes for what looks like the begin of a frame.
            assert_eq!(stream.read(&mut [0; 64]).await.unwrap_or(0), 0);
        }
        status(&mut client).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_vmm_may_print_until_it_is_gone_and_all_of_it_is_kept() {
    locally(async {
        let bench = Bench::new();
        let (mut client, shim) = bench.running().await;
        let (mut listener, _talker, _) = attach(bench.client().await, ReplayFrom::Now).await;
        let truth = lines(100_000);
        bench.world.prints(&truth).await;
        let end = async { bench.world.end(crate::backends::ProcessExit::Signal(9)) };
        let (ended, ()) = tokio::join!(client.call(Request::WaitExit), end);
        ended.unwrap();
        let (heard, missed) = output(&mut listener, 0, truth.len() as u64).await;
        assert!(heard == truth && missed == 0);
        shim.await.unwrap().unwrap();
        let log = std::fs::read(bench.store.paths(&bench.name).console_log).unwrap();
        assert!(log == truth);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_piece_of_a_paste_is_answered_when_the_guest_has_taken_it_and_nothing_is_lost() {
    locally(async {
        let bench = Bench::new();
        let (client, _shim) = bench.running().await;
        let (mut listener, mut talker) = client.split();
        let truth = lines(1 << 20);
        let came = std::cell::Cell::new(0);
        let types = async {
            let (mut under_way, mut taken, mut most_ahead) = (0, 0, 0);
            for (piece, id) in truth.chunks(2048).zip(10..) {
                let bytes = piece.to_vec();
                let request = Request::Type { bytes };
                let frame = ClientFrame::Request { id, request };
                talker.say(frame).await.unwrap();
                under_way += 1;
                while under_way == 2 {
                    let frame = listener.next().await.unwrap();
                    if let Some(ServerFrame::Answer { id: 10.., result }) = frame {
                        assert_eq!(result, Ok(Answer::Done));
                        under_way -= 1;
                        taken += 2048;
                        most_ahead = most_ahead.max(taken - came.get().min(taken));
                    }
                }
            }
            most_ahead
        };
        let reads = async {
            let mut heard = Vec::new();
            while heard.len() < truth.len() {
                heard.extend(bench.world.reads(64).await);
                came.set(heard.len());
            }
            heard
        };
        let (most_ahead, heard) = tokio::join!(types, reads);
        assert!(heard == truth);
        // What is taken is with the guest, but for what its line holds.
        assert!(most_ahead <= 32 << 10, "{most_ahead} bytes ahead");
    })
    .await;
}
