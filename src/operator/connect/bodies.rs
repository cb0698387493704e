//! Bodies of requests. Whoever sends slowly holds up nobody: where there is no room for another body, the one that has been
//! read for longest gives way.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes, to_bytes};
use tokio::time::timeout;

use super::room::Room;

/// How long one may take to come.
const TIME: Duration = Duration::from_secs(10);
/// So many are read at a time.
const ROOM: usize = 32;

/// The bodies that are being read.
pub(super) struct Bodies {
    longest: usize,
    room: Arc<Room>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// It had to make room for others.
    GaveWay,
    /// It is too long, takes too long, or ends before its end.
    Wrong,
}

impl Bodies {
    /// Of at most so many bytes each.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            longest,
            room: Room::new(ROOM),
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn read(&self, body: Body) -> Result<Bytes, NoBody> {
        let place = self.room.enter();
        tokio::select! {
            biased;
            read = timeout(TIME, to_bytes(body, self.longest)) => match read {
                Ok(Ok(body)) => Ok(body),
                Ok(Err(_)) | Err(_) => Err(NoBody::Wrong),
            },
            () = place.given_away().cancelled() => Err(NoBody::GaveWay),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_body_that_is_read_for_longest_gives_way_and_each_ends_in_time() {
        let bodies = Bodies::new(8);
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
        let long = bodies.read(Body::from("too long by far")).await;
        assert_eq!(long, Err(NoBody::Wrong));
    }
}
