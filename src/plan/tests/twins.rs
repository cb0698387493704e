use super::*;
use crate::composio::model::State;

/// Two accounts with our alias; the first is recorded.
fn two(kept: Row, twin: Row) -> Sight {
    seen_all(vec![kept, twin])
        .recorded("ca_1")
        .link_issued(ago(900))
}

fn twin() -> Row {
    account("ca_2")
}

fn delete_twin() -> Effect {
    Effect::Delete {
        id: "ca_2".into(),
        revoke: false,
    }
}

#[test]
fn of_several_accounts_those_go_that_hold_nobodys_grant() {
    let active = || account("ca_1").active();
    let by_hand = || twin().with(|account| account.state_reason = Some("by an admin".into()));
    check([
        (
            "its sign-in was never finished",
            object(),
            two(active(), twin().never_finished()).connected(ago(100)),
            does(delete_twin()),
        ),
        (
            "also where the kept one waits for its person",
            object(),
            two(account("ca_1"), twin().never_finished()).good_link(),
            does(delete_twin()),
        ),
        (
            "it may be finished yet",
            object(),
            two(active(), twin()).connected(ago(100)),
            nothing(),
        ),
        (
            "it is alive, and nobody knows whose work it is",
            object(),
            two(active(), twin().active()).connected(ago(100)),
            nothing(),
        ),
        (
            "it may have been alive",
            object(),
            two(active(), by_hand().expired()).connected(ago(100)),
            nothing(),
        ),
        (
            "its grant was alive, and revoked",
            object(),
            two(active(), twin().is(State::Revoked)).connected(ago(100)),
            nothing(),
        ),
        (
            "it was made from another auth config, so not by this object",
            object(),
            two(
                active(),
                twin()
                    .never_finished()
                    .with(|account| account.auth_config = "ac_2".into()),
            )
            .connected(ago(100)),
            nothing(),
        ),
        (
            "a refusal is not repeated, and does not stop the rest",
            object().disabled(),
            two(active(), twin().never_finished())
                .connected(ago(100))
                .refused(Kind::Delete, rejected()),
            does(disable()),
        ),
        (
            "what a Secret made can be made again",
            object().made_from_secret(),
            two(active(), twin().active())
                .connected(ago(100))
                .with_secret()
                .sent("uid/7", crate::crd::CredentialsStep::Created),
            does(delete_twin()),
        ),
        (
            "a remembered one is looked at first",
            object(),
            two(active(), twin().never_finished())
                .connected(ago(100))
                .cached(),
            looks(Need::Account),
        ),
    ]);
}

#[test]
fn the_recorded_account_is_kept_even_if_another_is_better() {
    let rows = || vec![account("ca_2").active().0, account("ca_1").expired().0];
    let kept = |recorded| {
        Seen::of(rows(), recorded)
            .account()
            .map(|account| account.id.clone())
    };
    assert_eq!(kept(Some("ca_1")).as_deref(), Some("ca_1"));
    assert_eq!(kept(None).as_deref(), Some("ca_2"), "the best");
    assert_eq!(kept(Some("ca_9")).as_deref(), Some("ca_2"));
}
