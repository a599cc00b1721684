//! A BREAK, and the letter that belongs to it.

use super::bench::{Bench, locally};
use crate::fault::Code;
use crate::shim::protocol::{Answer, Request};

fn send(bytes: &[u8]) -> Request {
    Request::Send {
        bytes: bytes.to_vec(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_letter_comes_right_behind_the_break_whatever_is_typed_meanwhile() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        let mut other = bench.client().await;
        let letter = Some('h');
        let meanwhile = async {
            while !bench.world.calls.borrow().contains(&"send_break") {
                tokio::task::yield_now().await;
            }
            other.call(send(b"ls\r")).await.unwrap();
            let again = other.call(Request::Break { letter: None }).await;
            assert_eq!(again.unwrap_err().code, Code::Busy);
            bench.world.breaks.notify_one();
        };
        let (sent, ()) = tokio::join!(client.call(Request::Break { letter }), meanwhile);
        assert_eq!(sent.unwrap(), Answer::Done);
        assert_eq!(bench.world.reads(4).await, b"hls\r");
        client.call(Request::Kill).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_break_is_refused_while_bytes_are_on_the_way_and_for_what_is_no_key() {
    locally(async {
        let bench = Bench::new();
        let (mut client, _shim) = bench.running().await;
        for letter in ['\n', ' ', '\u{e9}'] {
            let letter = Some(letter);
            let refused = client.call(Request::Break { letter }).await.unwrap_err();
            assert_eq!(refused.code, Code::InvalidInput);
        }
        #[cfg(target_os = "linux")]
        {
            client.call(send(b"b")).await.unwrap();
            let letter = Some('s');
            let refused = client.call(Request::Break { letter }).await.unwrap_err();
            assert_eq!(refused.code, Code::Busy);
            assert_eq!(bench.world.reads(1).await, b"b");
        }
        assert!(!bench.world.calls.borrow().contains(&"send_break"));
        bench.world.breaks.notify_one();
        client.call(Request::Break { letter: None }).await.unwrap();
        client.call(Request::Kill).await.unwrap();
    })
    .await;
}
