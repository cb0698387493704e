//! Room for those that may be slow. Whoever is slow holds up nobody: where no place is left, the one that has been taken
//! for longest is given to whoever comes.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// So many places.
pub(super) struct Room {
    places: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// The one that has been taken for longest is the first.
    all: VecDeque<(u64, CancellationToken)>,
}

/// A place, for as long as it is kept.
pub(super) struct Place {
    room: Arc<Room>,
    number: u64,
    given_away: CancellationToken,
}

impl Room {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places,
            taken: Mutex::default(),
        })
    }

    /// Takes a place; somebody else's where none is left.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let mut taken = self.taken.lock();
        if taken.all.len() >= self.places
            && let Some((_, longest)) = taken.all.pop_front()
        {
            longest.cancel();
        }
        let (number, given_away) = (taken.next, CancellationToken::new());
        taken.next += 1;
        taken.all.push_back((number, given_away.clone()));
        Place {
            room: Arc::clone(self),
            number,
            given_away,
        }
    }
}

impl Place {
    /// Cancelled once somebody else has the place.
    pub(super) fn given_away(&self) -> &CancellationToken {
        &self.given_away
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken.lock();
        taken.all.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_was_taken_for_longest_is_given_away_and_one_that_was_left_is_free() {
        let room = Room::new(2);
        let is_left = |place: &Place| !place.given_away().is_cancelled();
        let (first, second) = (room.enter(), room.enter());
        assert!(is_left(&first) && is_left(&second));
        let third = room.enter();
        assert!(!is_left(&first) && is_left(&second) && is_left(&third));
        drop(first);
        drop(second);
        let fourth = room.enter();
        assert!(is_left(&third) && is_left(&fourth));
        drop((third, fourth));
        assert!(room.taken.lock().all.is_empty());
    }
}
