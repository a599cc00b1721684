//! HTTP/1.1 over a Unix socket as Firecracker's server speaks it: keep-alive, `Content-Length`, ten
//! connections, one request at a time.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::requests;
use crate::vmm::Vmm;

const MOST_CONNECTIONS: usize = 10;
const LONGEST_BODY: usize = 51_200;

/// A reply: no body, JSON, or a fault.
pub(crate) enum Reply {
    Done,
    Json(serde_json::Value),
    Fault(String),
}

pub(crate) fn serve(listener: &UnixListener, vmm: &Arc<Vmm>) {
    let open = Arc::new(AtomicUsize::new(0));
    let turn = Arc::new(Mutex::new(()));
    for stream in listener.incoming().flatten() {
        if open.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            let _ = (&stream).write_all(b"HTTP/1.1 503 \r\nServer: Firecracker API\r\nConnection: close\r\n\r\nToo many open connections.");
            continue;
        }
        let (vmm, open, turn) = (Arc::clone(vmm), Arc::clone(&open), Arc::clone(&turn));
        std::thread::spawn(move || {
            talk(stream, &vmm, &turn);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Serves one connection until it ends.
fn talk(mut stream: UnixStream, vmm: &Arc<Vmm>, turn: &Mutex<()>) {
    let mut bytes = Vec::new();
    loop {
        let Some((request, length)) = parse(&bytes) else {
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer) {
                Ok(length @ 1..) => bytes.extend_from_slice(&buffer[..length]),
                _ => return,
            }
            continue;
        };
        bytes.drain(..length);
        let turn = turn.lock().expect("no handler panics");
        let step = requests::step(&request.method, &request.path, &request.body);
        vmm.script.maybe_die(&step, vmm.log.as_ref());
        if vmm.script.hangs(&step) {
            drop(turn);
            std::thread::park();
            return;
        }
        let reply = match vmm.script.fault(&step) {
            Some(words) => Reply::Fault(words.to_owned()),
            None if request.too_long => Reply::Fault(format!(
                "Request payload with size {} is larger than the limit of {LONGEST_BODY} allowed by server.\nAll previous unanswered requests will be dropped.",
                request.body.len()
            )),
            None => requests::handle(vmm, &request.method, &request.path, &request.body),
        };
        drop(turn);
        std::thread::sleep(vmm.script.slow);
        let reply = render(&reply);
        if vmm.script.cuts(&step) {
            let _ = stream.write_all(&reply[..reply.len() / 2]);
            return;
        }
        let pieces = if vmm.script.split { 1 } else { reply.len() };
        for piece in reply.chunks(pieces) {
            if stream.write_all(piece).is_err() {
                return;
            }
        }
    }
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
    too_long: bool,
}

/// A whole request and its length.
fn parse(bytes: &[u8]) -> Option<(Request, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head) = request.parse(bytes).ok()? else {
        return None;
    };
    let length = request
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("Content-Length"))
        .and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    let body = bytes.get(head..head + length)?.to_vec();
    let request = Request {
        method: request.method?.to_owned(),
        path: request.path?.to_owned(),
        too_long: length > LONGEST_BODY,
        body,
    };
    Some((request, head + length))
}

fn render(reply: &Reply) -> Vec<u8> {
    const HEAD: &str = "Server: Firecracker API\r\nConnection: keep-alive\r\n";
    let (status, body) = match reply {
        Reply::Done => return format!("HTTP/1.1 204 \r\n{HEAD}\r\n").into_bytes(),
        Reply::Json(json) => (200, json.to_string()),
        Reply::Fault(words) => (
            400,
            serde_json::json!({ "fault_message": words }).to_string(),
        ),
    };
    let length = body.len();
    format!("HTTP/1.1 {status} \r\n{HEAD}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
