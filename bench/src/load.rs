//! The load: connections that are kept alive, each with its next request as soon as the last is answered.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::http::Connection;
use super::rounds::quantile;

/// A round ends after so many requests although its time has not come.
const MOST: u64 = 1_000_000;

/// What is sent, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    /// The only status that is right.
    pub(crate) status: u16,
}

/// What a round gave.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) answers: u64,
    /// The bytes of each answer's body.
    pub(crate) sizes: Vec<usize>,
    pub(crate) a_second: f64,
    /// How long each answer took, in milliseconds.
    pub(crate) times: Vec<f64>,
}

impl Outcome {
    /// 99 of 100 answers took no longer, in milliseconds.
    pub(crate) fn slow(&self) -> f64 {
        quantile(self.times.iter().copied(), 0.99)
    }
}

impl Load {
    /// Runs a round, in this thread alone; `next` writes a request. Any other answer than the right one ends the run.
    pub(crate) fn run(self, next: &mut dyn FnMut(&mut Vec<u8>)) -> Outcome {
        self.run_until(next, |begun, sent| {
            begun.elapsed() < self.time && sent < MOST
        })
    }

    /// The same until so many requests were sent, however long it takes.
    pub(crate) fn run_to(self, count: u64, next: &mut dyn FnMut(&mut Vec<u8>)) -> Outcome {
        self.run_until(next, |_, sent| sent < count)
    }

    /// The same for as long as something else goes on.
    pub(crate) fn run_while(
        self,
        next: &mut dyn FnMut(&mut Vec<u8>),
        goes_on: impl Fn() -> bool,
    ) -> Outcome {
        self.run_until(next, |_, sent| goes_on() && sent < MOST)
    }

    fn run_until(
        self,
        next: &mut dyn FnMut(&mut Vec<u8>),
        goes_on: impl Fn(Instant, u64) -> bool,
    ) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(self.round(next, &goes_on))
    }

    async fn round(
        self,
        next: &mut dyn FnMut(&mut Vec<u8>),
        goes_on: &impl Fn(Instant, u64) -> bool,
    ) -> Outcome {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            connections.push(Connection::open(self.address).await.unwrap());
        }
        let next = RefCell::new(next);
        let sent = Cell::new(0);
        let (times, sizes) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let begun = Instant::now();
        join_all(connections.into_iter().map(|mut connection| {
            let (next, sent, times, sizes) = (&next, &sent, &times, &sizes);
            async move {
                let mut request = Vec::new();
                while goes_on(begun, sent.get()) {
                    sent.set(sent.get() + 1);
                    request.clear();
                    (next.borrow_mut())(&mut request);
                    let since = Instant::now();
                    let answer = connection.exchange(&request).await.unwrap();
                    assert_eq!(
                        answer.status,
                        self.status,
                        "{}",
                        String::from_utf8_lossy(answer.body)
                    );
                    times.borrow_mut().push(since.elapsed());
                    sizes.borrow_mut().push(answer.body.len());
                }
            }
        }))
        .await;
        let took = begun.elapsed();
        let (times, sizes) = (times.into_inner(), sizes.into_inner());
        let answers = sizes.len() as u64;
        Outcome {
            answers,
            sizes,
            a_second: answers as f64 / took.as_secs_f64(),
            times: times
                .into_iter()
                .map(|time| time.as_secs_f64() * 1e3)
                .collect(),
        }
    }
}
