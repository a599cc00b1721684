use super::*;
use serde_json::json;
use tokio::io::duplex;

/// What comes of a call to a peer that takes one request and replies so.
async fn answer(
    call: ApiCall,
    reply: &[u8],
    piece: usize,
) -> (Result<Value, BackendError>, String) {
    let (ours, mut theirs) = duplex(64 * 1024);
    let peer = async {
        let mut request = vec![0; 4096];
        let length = theirs.read(&mut request).await.unwrap();
        for bytes in reply.chunks(piece) {
            // Who has heard enough hangs up.
            if theirs.write_all(bytes).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(theirs);
        String::from_utf8(request[..length].to_vec()).unwrap()
    };
    tokio::join!(exchange(ours, &call), peer)
}

fn put() -> ApiCall {
    ApiCall::put("/entropy", json!({}))
}

#[tokio::test]
async fn a_request_is_what_the_server_expects_and_a_question_has_no_body() {
    let done = b"HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n";
    let call = ApiCall::put("/actions", json!({ "action_type": "InstanceStart" }));
    assert_eq!(call.to_string(), "PUT /actions (InstanceStart)");
    let (result, request) = answer(call, done, 4096).await;
    assert_eq!(result.unwrap(), Value::Null);
    assert_eq!(
        request,
        "PUT /actions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 31\r\n\r\n{\"action_type\":\"InstanceStart\"}"
    );
    let (_, request) = answer(ApiCall::get("/version"), done, 4096).await;
    assert_eq!(request, "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

#[tokio::test]
async fn replies_are_understood_however_they_are_split_and_whatever_else_they_say() {
    let version = "{\"firecracker_version\":\"1.13.1\",\"newer\":[1]}";
    let reply = format!(
        "HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\nServer: Firecracker API\r\nX-New: a\r\n\
         content-length: {}\r\n\r\n{version}HTTP/1.1 200 \r\n\r\n",
        version.len()
    );
    for piece in [1, 2, 3, 7, 64, 4096] {
        let (result, _) = answer(ApiCall::get("/version"), reply.as_bytes(), piece).await;
        assert_eq!(result.unwrap()["firecracker_version"], "1.13.1", "{piece}");
    }
}

#[tokio::test]
async fn a_fault_is_told_in_firecrackers_words_with_the_call_and_without_control_characters() {
    let body = "{\"fault_message\":\"No such \\u001b[31mfile\\n or\\tdirectory\"}";
    let reply = format!(
        "HTTP/1.1 400 \r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let call = ApiCall::put("/drives/rootfs", json!({}));
    let (result, _) = answer(call, reply.as_bytes(), 1).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "Firecracker refused `PUT /drives/rootfs`: No such [31mfile or directory"
    );
    let long = "x".repeat(100_000);
    let reply = format!(
        "HTTP/1.1 500 \r\nContent-Length: {}\r\n\r\n{long}",
        long.len()
    );
    let (result, _) = answer(put(), reply.as_bytes(), 4096).await;
    let told = result.unwrap_err().to_string();
    assert!(told.contains("status 500") && told.len() < 600, "{told}");
}

#[tokio::test]
async fn a_reply_that_is_cut_off_anywhere_is_a_closed_connection() {
    let whole = b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}";
    for length in 0..whole.len() {
        let (result, _) = answer(put(), &whole[..length], 4096).await;
        let error = result.unwrap_err();
        assert!(
            matches!(error, BackendError::Disconnected { .. }),
            "{length}: {error}"
        );
    }
    assert!(answer(put(), whole, 4096).await.0.is_ok());
}

#[tokio::test]
async fn what_is_no_reply_or_beyond_measure_is_refused_in_bounded_words() {
    let endless_head = format!("HTTP/1.1 200 \r\nX: {}", "y".repeat(40_000));
    for reply in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 \r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 \r\nContent-Length: many\r\n\r\n",
        "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\n{x}",
        &endless_head,
    ] {
        let (result, _) = answer(put(), reply.as_bytes(), 4096).await;
        let error = result.unwrap_err();
        assert!(
            matches!(error, BackendError::Protocol { .. }),
            "{reply}: {error}"
        );
        assert!(error.to_string().len() < 1000);
    }
}

#[tokio::test]
async fn a_socket_that_comes_late_is_found_and_one_that_never_answers_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    let client = Client::new(path.clone());
    let absent = client.call(&put()).await.unwrap_err();
    assert!(
        matches!(absent, BackendError::Disconnected { .. }),
        "{absent}"
    );
    let (reachable, listener) = tokio::join!(client.reachable(), async {
        tokio::task::yield_now().await;
        tokio::net::UnixListener::bind(&path).unwrap()
    });
    reachable.unwrap();
    tokio::time::pause();
    let silent = client.call(&put()).await.unwrap_err();
    assert!(matches!(silent, BackendError::TimedOut { .. }), "{silent}");
    assert!(silent.to_string().contains("PUT /entropy"), "{silent}");
    drop(listener);
}
