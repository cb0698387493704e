//! What is reported of a call of unknown outcome.

use super::{facts::time, *};

#[test]
fn what_came_to_nothing_is_forgotten_by_a_look_once_it_would_be_there() {
    let none = || seen_none().unknown_since(ago(90));
    for (sight, reason, left) in [
        (none(), Reason::AwaitingUser, None),
        // What is not seen, and has the alias, may be it.
        (none(), Reason::AliasInUse, Some(ago(90))),
        (none().cached(), Reason::AwaitingUser, Some(ago(90))),
        (
            seen_none().unknown_since(ago(30)),
            Reason::AwaitingUser,
            Some(ago(30)),
        ),
    ] {
        let status = after(&object(), &sight, waiting(reason));
        assert_eq!(time(&status.unknown_since), left, "{reason} {sight:?}");
    }
}
