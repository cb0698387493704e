//! Room for bodies. Whoever sends slowly holds up nobody: where there is no room for another body, the one that has been
//! read for longest gives way.

use std::{collections::VecDeque, time::Duration};

use axum::body::{Body, Bytes, to_bytes};
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The longest body, in bytes.
pub(super) const LONGEST: usize = 256 * 1024;
/// How long one may take to come.
const TIME: Duration = Duration::from_secs(10);
/// So many are read at a time.
const ROOM: usize = 32;

/// The bodies that are being read.
#[derive(Default)]
pub(super) struct Bodies {
    read: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    next: u64,
    /// The one that has been read for longest is the first.
    underway: VecDeque<(u64, CancellationToken)>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// It had to make room for others.
    GaveWay,
    /// It is too long, takes too long, or ends before its end.
    Wrong,
}

/// The room of one body, for as long as it is read.
struct Room<'a> {
    bodies: &'a Bodies,
    number: u64,
    gives_way: CancellationToken,
}

impl Bodies {
    /// Reads a body of at most [`LONGEST`] bytes.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, NoBody> {
        let room = self.room();
        tokio::select! {
            biased;
            read = timeout(TIME, to_bytes(body, LONGEST)) => match read {
                Ok(Ok(body)) => Ok(body),
                Ok(Err(_)) | Err(_) => Err(NoBody::Wrong),
            },
            () = room.gives_way.cancelled() => Err(NoBody::GaveWay),
        }
    }

    fn room(&self) -> Room<'_> {
        let mut read = self.read.lock();
        if read.underway.len() >= ROOM
            && let Some((_, longest)) = read.underway.pop_front()
        {
            longest.cancel();
        }
        let (number, gives_way) = (read.next, CancellationToken::new());
        read.next += 1;
        read.underway.push_back((number, gives_way.clone()));
        Room {
            bodies: self,
            number,
            gives_way,
        }
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut read = self.bodies.read.lock();
        read.underway.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_body_that_is_read_for_longest_gives_way_and_each_ends_in_time() {
        let bodies = Bodies::default();
        let slow = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let mut slow: Vec<_> = (0..ROOM).map(|_| Box::pin(bodies.read(slow()))).collect();
        for one in &mut slow {
            assert_eq!(one.as_mut().now_or_never(), None, "it is read");
        }
        assert_eq!(bodies.read(Body::from("body")).await, Ok("body".into()));
        assert_eq!(slow.remove(0).await, Err(NoBody::GaveWay));
        // Now there is room for one.
        assert_eq!(bodies.read(Body::from("body")).await, Ok("body".into()));
        assert_eq!(slow[0].as_mut().now_or_never(), None, "it goes on");
        for one in slow {
            assert_eq!(one.await, Err(NoBody::Wrong), "it takes too long");
        }
        assert!(bodies.read.lock().underway.is_empty());
    }
}
