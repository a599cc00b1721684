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

/// It reads as much at a time, and no line of a head may be longer.
const BUFFER: usize = 1024;

/// Said to one connection too many; there is no space behind the status.
const FULL: &[u8] = b"HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\nContent-Length: 40\r\n\r\n{ \"error\": \"Too many open connections\" }";

/// A reply: no body, JSON, or a fault.
pub(crate) enum Reply {
    Done,
    Json(serde_json::Value),
    Fault(String),
    /// What the server says by itself, which is no valid JSON.
    Garbled(String),
}

pub(crate) fn serve(listener: &UnixListener, vmm: &Arc<Vmm>) {
    let open = Arc::new(AtomicUsize::new(0));
    let turn = Arc::new(Mutex::new(()));
    for stream in listener.incoming().flatten() {
        if open.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            let _ = (&stream).write_all(FULL);
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
        let (request, length) = match parse(&bytes) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => {
                let mut buffer = [0; BUFFER];
                match stream.read(&mut buffer) {
                    Ok(length @ 1..) => bytes.extend_from_slice(&buffer[..length]),
                    _ => return,
                }
                continue;
            }
            Err(what) => {
                let _ = stream.write_all(&render(&Reply::Garbled(what)));
                return;
            }
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
            None if request.too_long => Reply::Garbled(format!(
                "Request payload is larger than the limit of {LONGEST_BODY} allowed by server."
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

/// A whole request and its length, `None` while it is not whole, or what is wrong with it. Only what
/// has a `Content-Length` has a body.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, String> {
    let whole = bytes.windows(4).position(|end| end == b"\r\n\r\n");
    let mut lines = bytes[..whole.unwrap_or(bytes.len())].split(|&byte| byte == b'\n');
    if lines.any(|line| line.len() >= BUFFER) {
        return Err("Header line exceeded the length limit.".to_owned());
    }
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut fields);
    let head = match request.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(format!("Invalid request: {error}.")),
    };
    let length = request
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("Content-Length"))
        .map_or(Ok(0), |field| {
            let number = std::str::from_utf8(field.value).ok();
            number
                .and_then(|number| number.trim().parse::<usize>().ok())
                .ok_or_else(|| "Invalid value. Key:Content-Length".to_owned())
        })?;
    let too_long = length > LONGEST_BODY;
    let length = if too_long { 0 } else { length };
    let Some(body) = bytes.get(head..head + length) else {
        return Ok(None);
    };
    let request = Request {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        too_long,
        body: body.to_vec(),
    };
    Ok(Some((request, head + length)))
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
        Reply::Garbled(words) => (
            400,
            format!(
                "{{ \"error\": \"{words}\nAll previous unanswered requests will be dropped.\" }}"
            ),
        ),
    };
    let length = body.len();
    format!("HTTP/1.1 {status} \r\n{HEAD}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
