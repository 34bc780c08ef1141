//! Clients that send a byte a second, or nothing, hold nothing up for long.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process::Place;

/// What a connection that is closed within 15 seconds said last.
async fn until_closed(mut stream: TcpStream, mut dribble: &'static [u8]) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    let closed = async {
        loop {
            match timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(read)) => said.extend_from_slice(&buffer[..read]),
                Err(_) => {
                    let Some((byte, rest)) = dribble.split_first() else {
                        continue;
                    };
                    dribble = rest;
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    timeout(Duration::from_secs(15), closed)
        .await
        .expect("closed within 15 seconds");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_slow_client_is_closed_and_others_are_answered_meanwhile() {
    let place = Place::new(1, 1).await;
    let server = place.start().await;
    let open = async |start: &'static [u8]| {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(start).await.unwrap();
        stream
    };
    let head: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let body: &[u8] =
        b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 1000\r\n\r\n{";
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..50 {
        slow.spawn(until_closed(open(b"").await, b""));
        slow.spawn(until_closed(open(b"GET / HT").await, b""));
        slow.spawn(until_closed(open(b"GET /").await, head));
        slow.spawn(until_closed(open(body).await, head));
    }
    let client = reqwest::Client::new();
    let url = format!("http://{}/healthz", server.address);
    let mut answered_late = 0;
    loop {
        let start = Instant::now();
        let answer = timeout(Duration::from_secs(1), client.get(&url).send()).await;
        assert!(
            answer
                .expect("within a second")
                .unwrap()
                .status()
                .is_success()
        );
        tokio::select! {
            ended = slow.join_next() => match ended {
                Some(said) => answered_late += usize::from(said.unwrap().contains(" 408 ")),
                None => break,
            },
            () = tokio::time::sleep(Duration::from_millis(200).saturating_sub(start.elapsed())) => {}
        }
    }
    assert_eq!(answered_late, 50, "those whose head was whole are told why");
}

/// Connections that the server has open, as it says.
async fn connections(client: &reqwest::Client, address: &str) -> usize {
    let url = format!("http://{address}/metrics");
    let answer = client.get(url).send().await.unwrap();
    let figures = answer.text().await.unwrap();
    let line = figures
        .lines()
        .find_map(|line| line.strip_prefix("airside_http_connections "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_closed() {
    let place = Place::empty();
    let server = place.start().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        // Answers that no buffer of the system can take whole.
        let requests = "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50);
        stream.write_all(requests.as_bytes()).await.unwrap();
        sockets.push(stream);
    }
    let client = reqwest::Client::new();
    while connections(&client, &server.address).await < 21 {
        tokio::task::yield_now().await;
    }
    let closed = async {
        while connections(&client, &server.address).await > 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(15), closed)
        .await
        .expect("closed within 15 seconds");
    server.stop().await;
}
