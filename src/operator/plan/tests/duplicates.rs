use super::{
    random::draw::{sight_of_several, wanted},
    *,
};
use composio_testing::for_seeds;

use crate::composio::model::State;

/// Two accounts with our alias; the first is recorded.
fn two(kept: Row, duplicate: Row) -> ObservedBuilder {
    seen_all(vec![kept, duplicate])
        .recorded("ca_1")
        .link_issued(ago(900))
}

fn duplicate() -> Row {
    account("ca_2")
}

fn delete_duplicate() -> Effect {
    Effect::Delete {
        id: "ca_2".into(),
        revoke: false,
    }
}

#[test]
fn of_several_accounts_those_go_that_hold_nobodys_grant() {
    let active = || account("ca_1").active();
    let by_hand = || duplicate().with(|account| account.state_reason = Some("by an admin".into()));
    check([
        (
            "its sign-in was never finished",
            object(),
            two(active(), duplicate().never_finished()).connected(ago(100)),
            does(delete_duplicate()),
        ),
        (
            "also where the kept one waits for its person",
            object(),
            two(account("ca_1"), duplicate().never_finished()).good_link(),
            does(delete_duplicate()),
        ),
        (
            "it may be finished yet",
            object(),
            two(active(), duplicate()).connected(ago(100)),
            nothing(),
        ),
        (
            "it is alive, and nobody knows whose work it is",
            object(),
            two(active(), duplicate().active()).connected(ago(100)),
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
            two(active(), duplicate().is(State::Revoked)).connected(ago(100)),
            nothing(),
        ),
        (
            "it was made from another auth config, so not by this object",
            object(),
            two(
                active(),
                duplicate()
                    .never_finished()
                    .with(|account| account.auth_config = "ac_2".into()),
            )
            .connected(ago(100)),
            nothing(),
        ),
        (
            "another object has it on record, and waits for its person",
            object(),
            two(active(), duplicate().never_finished())
                .connected(ago(100))
                .other_is_held("ca_2"),
            nothing(),
        ),
        (
            "a refusal is not repeated, and does not stop the rest",
            object().disabled(),
            two(active(), duplicate().never_finished())
                .connected(ago(100))
                .refused(delete(false), rejected()),
            does(disable()),
        ),
        (
            "what a Secret made can be made again",
            object().made_from_secret(),
            two(active(), duplicate().active())
                .connected(ago(100))
                .with_secret()
                .sent("uid/7", crate::crd::CredentialsStep::Created),
            does(delete_duplicate()),
        ),
        (
            "a remembered one is looked at first",
            object(),
            two(active(), duplicate().never_finished())
                .connected(ago(100))
                .cached(),
            looks(Need::Account),
        ),
        (
            "somebody renamed the kept one, and the other still has the alias of this object",
            object(),
            two(
                account("ca_1").never_finished().called("by-hand"),
                duplicate().never_finished(),
            ),
            does(delete_duplicate()),
        ),
        (
            "somebody renamed the kept one, and made another with its alias: no Secret has made that",
            object().made_from_secret(),
            two(active().called("by-hand"), duplicate().active())
                .connected(ago(100))
                .with_secret()
                .sent("uid/7", crate::crd::CredentialsStep::Created),
            does(rename(ALIAS)),
        ),
    ]);
}

#[test]
fn a_row_that_a_list_repeats_is_one_account() {
    let row = |updated: i64, state: State| {
        account("ca_1").is(state).with(|account| {
            account.updated_at = Timestamp::from_second(updated).ok();
        })
    };
    let seen =
        |rows: Vec<Row>| AccountLookup::of(rows.into_iter().map(|row| row.0).collect(), None);
    let (old, new) = (|| row(1, State::Initiated), || row(2, State::Active));
    for rows in [
        vec![old(), new()],
        vec![new(), old()],
        vec![new(), new(), old()],
    ] {
        assert_eq!(seen(rows), AccountLookup::One(new().0), "the newest counts");
    }
    let equal = vec![row(1, State::Active), row(1, State::Inactive)];
    assert_eq!(
        seen(equal),
        AccountLookup::One(row(1, State::Inactive).0),
        "of equally new ones what was read last"
    );
    let two = seen(vec![new(), account("ca_2").expired(), new()]);
    assert_eq!(
        two,
        AccountLookup::Many(vec![new().0, account("ca_2").expired().0])
    );
}

/// However a look comes to show an account twice, it is no duplicate of itself.
#[test]
fn no_rule_deletes_the_account_that_is_kept_as_a_duplicate() {
    let twice = |row: Row| {
        let rows = vec![row.0.clone(), row.0];
        sight(AccountLookup::Many(rows), true)
            .recorded("ca_1")
            .link_issued(ago(900))
    };
    check([
        (
            "made from a Secret",
            object().made_from_secret(),
            twice(account("ca_1").active())
                .connected(ago(100))
                .with_secret()
                .sent("uid/7", crate::crd::CredentialsStep::Created),
            nothing(),
        ),
        (
            "never signed in to",
            object(),
            twice(account("ca_1").never_finished()),
            Waits(Reason::LinkExpired),
        ),
        (
            "going",
            object().deleted(crate::crd::DeletionPolicy::Revoke),
            twice(account("ca_1").active()).connected(ago(100)),
            does(revoke()),
        ),
    ]);
}

/// What is decided of the account that is kept is what would be decided if it were the only one.
#[test]
fn others_beside_it_never_end_the_account_that_is_kept() {
    let (mut ends, mut others) = (0, 0);
    for_seeds(60_000, |dice| {
        let DesiredBuilder(desired) = wanted(dice);
        let ObservedBuilder(mut observed) = sight_of_several(dice, &desired);
        let AccountLookup::Many(rows) = observed.account.clone() else {
            return;
        };
        let Plan::Do(Effect::Delete { id, .. } | Effect::Revoke { id }) =
            plan(&desired, &observed, NOW)
        else {
            return;
        };
        let kept = match &observed.recorded.connected_account_id {
            Some(recorded) => recorded.clone(),
            None if desired.presence == Presence::Present => rows[0].id.clone(),
            // Which of several is the best is another question.
            None => return,
        };
        if id != kept {
            others += 1;
            return;
        }
        ends += 1;
        let planned = plan(&desired, &observed, NOW);
        observed.account =
            AccountLookup::Many(rows.into_iter().filter(|row| row.id == id).collect());
        assert_eq!(
            plan(&desired, &observed, NOW),
            planned,
            "{desired:?} on {observed:?}"
        );
    });
    assert!(
        std::env::var("SEED").is_ok() || (ends >= 200 && others >= 200),
        "{ends} ends of the kept one, {others} of others"
    );
}

#[test]
fn the_recorded_account_is_kept_even_if_another_is_better() {
    let rows = || vec![account("ca_2").active().0, account("ca_1").expired().0];
    let kept = |recorded| {
        AccountLookup::of(rows(), recorded)
            .account()
            .map(|account| account.id.clone())
    };
    assert_eq!(kept(Some("ca_1")).as_deref(), Some("ca_1"));
    assert_eq!(kept(None).as_deref(), Some("ca_2"), "the best");
    assert_eq!(kept(Some("ca_9")).as_deref(), Some("ca_2"));
}
