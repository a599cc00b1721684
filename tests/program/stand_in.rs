//! The stand-in for Firecracker, spoken to directly: it proves something of the backend only as far as
//! it is as strict as the real one.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{scripted, wait_until};

/// Ends with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_refuses_what_firecracker_refuses_and_in_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let program = scripted(dir.path(), &[("VERSION", "1.13.1")]);
    let (socket, log_path) = (dir.path().join("api.sock"), dir.path().join("log"));
    let spawn = || {
        Command::new(&program)
            .args(["--id", "web", "--api-sock"])
            .arg(&socket)
            .arg("--log-path")
            .arg(&log_path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    assert_eq!(spawn().wait().unwrap().code(), Some(1), "it made its log");
    fs::write(&log_path, "").unwrap();
    let _peer = Peer(spawn());
    wait_until("its socket", || UnixStream::connect(&socket).is_ok());
    assert_eq!(spawn().wait().unwrap().code(), Some(1), "a taken socket");
    let overlong = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1024));
    let arguments = format!(
        "{{\"kernel_image_path\":\"/dev/null\",\"boot_args\":\"{}\"}}",
        "x".repeat(2048)
    );
    let balloon = r#"{"amount_mib":1024,"deflate_on_oom":true}"#;
    for (request, words) in [
        (overlong, "{ \"error\": \"Header line exceeded"),
        (
            "PUT /vsock HTTP/1.1\r\n\r\n".to_owned(),
            "Empty PUT request.",
        ),
        (
            "PATCH /vm HTTP/1.1\r\n\r\n".to_owned(),
            "Empty PATCH request.",
        ),
        (
            change("/", "{}").replace("PUT", "GET"),
            "GET request cannot have a body.",
        ),
        (
            change("/vsock", &"x".repeat(60_000)),
            "larger than the limit",
        ),
        (
            change("/serial", "{}"),
            "Invalid request method and/or path",
        ),
        (
            change("/entropy", r#"{"bogus":1}"#),
            "unknown field `bogus`",
        ),
        (
            change(
                "/balloon",
                r#"{"amount_mib":0,"deflate_on_oom":true,"free_page_reporting":true}"#,
            ),
            "unknown field `free_page_reporting`",
        ),
        (
            change(
                "/drives/a-b",
                r#"{"drive_id":"a-b","is_root_device":false}"#,
            ),
            "underscores",
        ),
        (
            change("/drives/a", r#"{"drive_id":"b","is_root_device":false}"#),
            "does not match",
        ),
        (
            change(
                "/network-interfaces/eth0",
                r#"{"iface_id":"eth0","host_dev_name":"lo"}"#,
            ),
            // What is no TAP device the kernel refuses, whoever asks.
            "Network device error: Could not create the network device: Open tap device failed: \
             Error while creating ifreq structure: Invalid argument (os error 22). Invalid TUN/TAP \
             Backend provided by lo. Check our documentation on setting up the network devices.",
        ),
        (
            change(
                "/network-interfaces/eth0",
                r#"{"iface_id":"eth0","host_dev_name":"a-name-of-16-oct"}"#,
            ),
            "Open tap device failed: Invalid interface name",
        ),
        (change("/boot-source", &arguments), "too long"),
        (change("/balloon", balloon), "too large"),
        (
            change("/actions", r#"{"action_type":"InstanceStart"}"#),
            "without kernel configuration",
        ),
        (
            change("/vm", r#"{"state":"Paused"}"#).replace("PUT", "PATCH"),
            "not supported before starting",
        ),
    ] {
        refused(&socket, &request, words);
    }
}

fn change(path: &str, body: &str) -> String {
    let length = body.len();
    format!("PUT {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Sends that request, which is refused in these words.
fn refused(socket: &Path, request: &str, words: &str) {
    let mut stream = UnixStream::connect(socket).unwrap();
    // It hangs up on what it has not read, once it has said why.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    let reply = String::from_utf8(reply).unwrap();
    let refused = reply.starts_with("HTTP/1.1 400 \r\nServer: Firecracker API\r\n");
    assert!(refused && reply.contains(words), "{words}: {reply}");
}
