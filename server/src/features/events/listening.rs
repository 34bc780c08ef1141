//! One stream: what waits in its queue, signs of life, and its end.

use std::sync::Arc;
use std::time::Duration;

use airside_common::user::SessionId;
use hyper::body::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::Instant;

use super::frames;
use super::listeners::ListenerId;
use super::live::{Heard, Live, Request};

/// A sign of life, which also says how far the client has heard, comes so often where nothing else does.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// From one piece of a stream to the next: many events are sent as one.
const PACE: Duration = Duration::from_millis(50);

/// Bytes of one piece, after which it is sent.
const PIECE: usize = 64 * 1024;

/// The shortest time after which a client is told to come back; up to thrice as long, so that not all come at once.
const COME_BACK: Duration = Duration::from_millis(500);

/// When a client is to come back that has lost its stream.
pub(super) fn come_back() -> Duration {
    COME_BACK.mul_f32(1.0 + 2.0 * rand::random::<f32>())
}

/// Somebody who listens, until this is dropped.
pub struct Listening {
    live: Arc<Live>,
    id: ListenerId,
    session: SessionId,
    /// What is sent before all else.
    first: Option<Bytes>,
    heard: Heard,
    queue: mpsc::Receiver<Bytes>,
    /// When the access token expires.
    expires: Instant,
    /// When the next sign of life is due.
    alive: Instant,
    /// Nothing is sent before.
    next: Instant,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Ended,
}

impl Listening {
    pub(super) fn new(
        live: Arc<Live>,
        id: ListenerId,
        request: &Request,
        first: String,
        heard: Heard,
        queue: mpsc::Receiver<Bytes>,
    ) -> Self {
        let now = Instant::now();
        let left = request.expires.duration_since(live.clock.now());
        // What has expired by this clock ends at once.
        let left = Duration::try_from(left).unwrap_or_default();
        Self {
            id,
            session: request.caller.session,
            first: Some(first.into()),
            heard,
            queue,
            expires: now + left,
            alive: now + live.heartbeat,
            next: now,
            stage: Stage::Open,
            live,
        }
    }

    /// The next piece of the stream, made of whole messages; `None` at its end.
    pub async fn next(&mut self) -> Option<Bytes> {
        if self.stage == Stage::Ended {
            return None;
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let live = Arc::clone(&self.live);
        let begun = tokio::select! {
            biased;
            () = live.closing.cancelled() => {
                self.stage = Stage::Ended;
                return Some(frames::retry(come_back()).into());
            }
            // By far the most of all waiting is for this, and it is one timer.
            () = tokio::time::sleep_until(self.expires.min(self.alive)) => None,
            begun = self.waited() => {
                // Cut off: all that was sent before has been taken.
                let Some(begun) = begun else {
                    self.stage = Stage::Ended;
                    return None;
                };
                Some(begun)
            }
        };
        let now = Instant::now();
        if begun.is_none() && (now >= self.expires || live.revocations.contains(self.session)) {
            self.stage = Stage::Ended;
            return None;
        }
        // Before the queue is emptied: all up to here is in it.
        let reached = live.reached(self.heard);
        let mut piece: Vec<u8> = begun.map(Vec::from).unwrap_or_default();
        while piece.len() < PIECE {
            match self.queue.try_recv() {
                Ok(message) => piece.extend_from_slice(&message),
                Err(TryRecvError::Empty) if now >= self.alive => {
                    piece.extend_from_slice(frames::heartbeat(reached).as_bytes());
                    self.alive = now + live.heartbeat;
                    break;
                }
                // One that was cut off has not heard all up to there.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if piece.is_empty() {
            self.stage = Stage::Ended;
            return None;
        }
        self.next = now + PACE;
        Some(piece.into())
    }

    /// The next message, not before it is time.
    async fn waited(&mut self) -> Option<Bytes> {
        // Where it is past already, the timer costs nothing.
        tokio::time::sleep_until(self.next).await;
        self.queue.recv().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.live.leave(self.id);
    }
}
