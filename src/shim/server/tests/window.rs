//! The size of the guest's terminal: whose it is, and who hears of a change.

use super::bench::{Bench, READY, locally};
use crate::fault::Code;
use crate::shim::client::{Client, Listener};
use crate::shim::protocol::{Answer, Event, Push, Request, ServerFrame};

fn resize(rows: u16, columns: u16, push: Push) -> Request {
    Request::Resize {
        rows,
        columns,
        push: Some(push),
    }
}

async fn size(client: &mut Client) -> (u16, u16) {
    match client.call(Request::Screen).await.unwrap() {
        Answer::Screen { rows, columns, .. } => (rows, columns),
        other => panic!("{other:?}"),
    }
}

async fn next_size(listener: &mut Listener) -> (u16, u16) {
    loop {
        if let Some(ServerFrame::Event(Event::Size { rows, columns })) =
            listener.next().await.unwrap()
        {
            return (rows, columns);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_console_fits_a_guest_whose_agent_is_there_and_later_ones_do_not() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let (mut other, _talker) = bench.client().await.split();
        client.call(resize(40, 120, Push::FirstOnly)).await.unwrap();
        assert_eq!(size(&mut client).await, (24, 80), "nobody is there yet");
        bench.world.agent_says(READY).await;
        assert!(bench.world.agent_hears().await.contains("120"));
        assert_eq!(
            next_size(&mut other).await,
            (40, 120),
            "everybody hears of it"
        );
        client.call(resize(9, 9, Push::FirstOnly)).await.unwrap();
        assert_eq!(size(&mut client).await, (40, 120));
        client
            .call(resize(50, 132, Push::ByAnyMeans))
            .await
            .unwrap();
        assert!(bench.world.agent_hears().await.contains("132"));
        assert_eq!(next_size(&mut other).await, (50, 132));
        let window = bench.vm().state.window.unwrap();
        assert_eq!((window.rows, window.columns), (50, 132));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_an_agent_the_size_is_typed_at_a_prompt_and_never_elsewhere() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        for busy in [
            &b"\x1b[?1049h~ # "[..],
            b"\x1b[?1049l\x1bcvi\r\n~\r\n",
            b"\x1bc\x1b[?1h~ # ",
        ] {
            bench.world.prints(busy).await;
            // An answered query: all of it was taken in.
            bench.world.prints(b"\x1b[5n").await;
            bench.world.reads(4).await;
            let refused = client.call(resize(40, 120, Push::ByAnyMeans)).await;
            let failure = refused.unwrap_err();
            assert_eq!(failure.code, Code::Refused, "{failure:?}");
            assert_eq!(size(&mut client).await, (24, 80));
        }
        bench.world.prints(b"\x1bc~ # \x1b[5n").await;
        bench.world.reads(4).await;
        client
            .call(resize(40, 120, Push::ByAnyMeans))
            .await
            .unwrap();
        let typed = b" stty rows 40 cols 120\r";
        assert_eq!(bench.world.reads(typed.len()).await, typed);
        assert_eq!(size(&mut client).await, (40, 120));
    })
    .await;
}
