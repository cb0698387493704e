//! What is reported of a call of unknown outcome.

use super::{facts::time, *};

fn none() -> ObservedBuilder {
    seen_none().unknown_since(ago(90))
}

#[rstest]
#[case::by_a_fresh_look(none(), Reason::AwaitingUser, None)]
// What is not seen, and has the alias, may be it.
#[case::not_where_the_alias_is_in_use(none(), Reason::AliasInUse, Some(ago(90)))]
#[case::not_by_what_is_remembered(none().cached(), Reason::AwaitingUser, Some(ago(90)))]
#[case::not_before_its_time(seen_none().unknown_since(ago(30)), Reason::AwaitingUser, Some(ago(30)))]
fn what_came_to_nothing_is_forgotten_by_a_look_once_it_would_be_there(
    #[case] sight: ObservedBuilder,
    #[case] reason: Reason,
    #[case] left: Option<Timestamp>,
) {
    let status = after(&object(), &sight, waiting(reason));
    assert_eq!(time(&status.unknown_since), left, "{reason} {sight:?}");
}
