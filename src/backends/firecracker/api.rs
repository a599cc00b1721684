//! Firecracker's API: HTTP/1.1 over a Unix socket, JSON in both directions.
//!
//! One connection for each call: a call that is dropped half-way disturbs no other, a new shim has
//! nothing to take over, and the connection costs some 20 µs. Firecracker serves one request at a
//! time and allows ten connections.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::backends::BackendError;
use crate::fault::io_error;
use crate::vm::ApiCall;

/// The longest head of a reply that is accepted, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// The longest body of a reply that is accepted, in bytes.
const LONGEST_BODY: usize = 1 << 20;

/// Header fields that a reply may have.
const MOST_FIELDS: usize = 32;

/// How long an ordinary call may take. Most take 0.1 ms; this is for a host that swaps.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a start may take: it makes all memory and devices, 25 to 80 ms on an idle host.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long we wait before we look again whether Firecracker listens, which takes it 2 to 10 ms.
const RETRY: Duration = Duration::from_millis(1);

pub(super) const PROGRAM: &str = "Firecracker";

/// Where a Firecracker is asked. Cheap to clone; calls may overlap.
#[derive(Clone, Debug)]
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Returns when Firecracker listens. It makes its socket itself, so there is nothing to wait on.
    pub(super) async fn reachable(&self) -> Result<(), BackendError> {
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(_) => return Ok(()),
                Err(error) if is_too_early(&error) => tokio::time::sleep(RETRY).await,
                Err(source) => return Err(io_error("connect to", &self.socket)(source).into()),
            }
        }
    }

    /// Makes a call and returns the body of the reply, nothing where it has none.
    pub(super) async fn call(&self, call: &ApiCall) -> Result<Value, BackendError> {
        let after = match call.path.as_str() {
            "/actions" | "/snapshot/create" | "/snapshot/load" => START_PATIENCE,
            _ => PATIENCE,
        };
        let exchanged = tokio::time::timeout(after, async {
            let stream = dial(&self.socket).await.map_err(|_| disconnected(call))?;
            exchange(stream, call).await
        });
        exchanged.await.unwrap_or_else(|_| {
            Err(BackendError::TimedOut {
                what: format!("{PROGRAM}'s answer to `{call}`"),
                after,
            })
        })
    }
}

async fn dial(socket: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(socket).await
}

/// The socket is not there yet, or nobody listens on it yet.
fn is_too_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// One request and its reply.
pub(super) async fn exchange<S>(mut stream: S, call: &ApiCall) -> Result<Value, BackendError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // One that hung up may have said why: what counts is the reply.
    let sent = stream.write_all(&request(call)).await;
    let mut bytes = Vec::new();
    let head = loop {
        match head(&bytes) {
            Err(what) => return Err(protocol(call, what)),
            // An interim reply announces the one that counts (RFC 9110, 15.2).
            Ok(Some(head)) if head.status < 200 => drop(bytes.drain(..head.length)),
            Ok(Some(head)) => break head,
            Ok(None) if bytes.len() > LONGEST_HEAD => {
                let what = format!("a head longer than {LONGEST_HEAD} bytes");
                return Err(protocol(call, what));
            }
            Ok(None) => more(&mut stream, &mut bytes, call).await?,
        }
    };
    drop(sent);
    if head.body > LONGEST_BODY {
        let what = format!("a body of {} bytes", head.body);
        return Err(protocol(call, what));
    }
    while bytes.len() < head.length + head.body {
        more(&mut stream, &mut bytes, call).await?;
    }
    let body = &bytes[head.length..head.length + head.body];
    let json = serde_json::from_slice::<Value>(body);
    if !(200..300).contains(&head.status) {
        let fault = json
            .as_ref()
            .ok()
            .and_then(|json| json.get("fault_message"));
        let reason = match fault.and_then(Value::as_str) {
            Some(fault) => excerpt(fault),
            None => excerpt(&format!(
                "status {} {}",
                head.status,
                String::from_utf8_lossy(body)
            )),
        };
        return Err(BackendError::Refused {
            program: PROGRAM,
            command: call.to_string(),
            reason,
        });
    }
    match json {
        Ok(value) => Ok(value),
        Err(_) if body.trim_ascii().is_empty() => Ok(Value::Null),
        Err(_) => Err(protocol(call, excerpt(&String::from_utf8_lossy(body)))),
    }
}

fn request(call: &ApiCall) -> Vec<u8> {
    let body = if call.body.is_null() {
        String::new()
    } else {
        call.body.to_string()
    };
    let (method, path, length) = (call.method.word(), &call.path, body.len());
    // A GET with a body is refused, and so is a length for none by some versions.
    let fields = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}").into_bytes()
}

/// What the head of a reply says.
struct Head {
    status: u16,
    /// Of the head itself, in bytes.
    length: usize,
    /// Of the body after it, in bytes.
    body: usize,
}

/// `None` while it is not whole.
fn head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut reply = httparse::Response::new(&mut fields);
    let length = match reply.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => {
            let what = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
            return Err(format!("{error}: {}", excerpt(&what)));
        }
    };
    let status = reply.code.unwrap_or_default();
    let value = |name: &str| {
        let mut fields = reply.headers.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(field.value).trim().to_owned())
    };
    if let Some(coding) = value("Transfer-Encoding") {
        return Err(format!("a body in the coding {}", excerpt(&coding)));
    }
    let body = match value("Content-Length") {
        // They have none, whatever is said of its length (RFC 9110, 6.4.1).
        _ if status < 200 || status == 204 || status == 304 => 0,
        Some(length) => length
            .parse()
            .map_err(|_| format!("a body of {} bytes", excerpt(&length)))?,
        None => 0,
    };
    Ok(Some(Head {
        status,
        length,
        body,
    }))
}

async fn more<S: AsyncRead + Unpin>(
    stream: &mut S,
    bytes: &mut Vec<u8>,
    call: &ApiCall,
) -> Result<(), BackendError> {
    bytes.reserve(4096);
    match stream.read_buf(bytes).await {
        Ok(length) if length > 0 => Ok(()),
        _ => Err(disconnected(call)),
    }
}

/// The beginning of a text of the peer, fit for an error message.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(500).collect()
}

pub(super) fn protocol(call: &ApiCall, what: String) -> BackendError {
    BackendError::Protocol {
        program: PROGRAM,
        command: call.to_string(),
        what,
    }
}

fn disconnected(call: &ApiCall) -> BackendError {
    BackendError::Disconnected {
        program: PROGRAM,
        command: call.to_string(),
    }
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
