//! A grant that is not to be used, and one of which nobody knows any more whether it is.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::{sign_ins::page, *};
use crate::{
    composio::model::State,
    crd::{
        Allow, DeletionPolicy, FinishedIn, IdentityVerdict, LinkRequestedBy, ProjectKind, SignIn,
        Verdict,
    },
    plan::{Applied, Outcome, OutcomeKind, Policy},
    report::report,
};

/// The project, which has a connect page that knows who comes, demands that.
fn demanding(demand: Value) -> impl Fn(DesiredBuilder) -> DesiredBuilder {
    let entry: Allow = serde_json::from_value(demand).expect("an entry");
    let kind = ProjectKind::ComposioProject;
    let policy = Arc::new(Policy::new(kind, Some(&[entry])));
    move |wanted| {
        wanted.with(|desired| {
            desired.flags.policy = Some(Arc::clone(&policy));
            desired.flags.page = Some(page("k", true));
        })
    }
}

fn bound() -> DesiredBuilder {
    demanding(json!({"signIn": "Bound"}))(object())
}

fn of_person() -> DesiredBuilder {
    demanding(json!({"identity": "SameAsPerson"}))(object())
}

fn elsewhere(seen: ObservedBuilder) -> ObservedBuilder {
    seen.with(|observed| {
        observed.recorded.sign_in = Some(SignIn {
            request: "asked".into(),
            browser: Some("browser-a".into()),
            finished_in: Some(FinishedIn::Another),
            return_by: None,
            callback_host: None,
        });
    })
}

fn awaited(seen: ObservedBuilder, by: Timestamp) -> ObservedBuilder {
    elsewhere(seen).with(|observed| {
        let sign_in = observed.recorded.sign_in.as_mut().expect("there is one");
        sign_in.finished_in = None;
        sign_in.return_by = Some(Time(by));
    })
}

fn of_another(seen: ObservedBuilder) -> ObservedBuilder {
    seen.recorded_state(State::Active).with(|observed| {
        observed.recorded.identity_verdict = Some(IdentityVerdict {
            account_id: "ca_1".into(),
            expected: "ann@acme.com".into(),
            verdict: Verdict::AnotherIdentity,
        });
    })
}

/// Our account, which the status calls active.
fn active() -> ObservedBuilder {
    seen(account("ca_1").active())
        .recorded("ca_1")
        .connected(ago(60))
        .recorded_state(State::Active)
}

#[test]
fn nothing_that_is_declared_keeps_a_grant_in_use_that_is_not_to_be_used() {
    let cases = [
        ("of another browser", elsewhere(active())),
        ("nobody came back", awaited(active(), ago(1))),
        ("of another person", of_another(active())),
    ];
    for (sentence, sight) in cases {
        check([
            (sentence, object(), sight.clone(), does(disable())),
            (
                sentence,
                object().suspended(),
                sight.clone(),
                does(disable()),
            ),
            (
                "of an object without its marks",
                object().unmarked().suspended(),
                sight.clone(),
                does(disable()),
            ),
            (
                "which names another auth config by now",
                object().through("ac_2"),
                sight.clone(),
                does(disable()),
            ),
            (
                "only on a fresh look",
                object().suspended(),
                sight.clone().cached(),
                looks(Need::Account),
            ),
            (
                "and never of another object",
                object().suspended(),
                sight.clone().held_by("agents/other"),
                Waits(Reason::Suspended),
            ),
            (
                "what Composio refuses waits",
                object().suspended(),
                sight.clone().refused(disable(), rejected()),
                Waits(Reason::Suspended),
            ),
        ]);
    }
    check([
        (
            "the time to come back goes on while it is suspended",
            object().suspended(),
            awaited(active(), ago(-300)),
            WaitsUntil(Reason::Suspended, ago(-300)),
        ),
        (
            "what was disabled meanwhile is not enabled before somebody has come back",
            object(),
            awaited(active(), ago(-300)).with(|observed| {
                let row = observed.account.account_mut("ca_1").expect("it is seen");
                row.state = State::Inactive;
            }),
            WaitsUntil(Reason::AwaitingUser, ago(-300)),
        ),
    ]);
}

/// The status once that account was found and recorded, and what is due then.
fn found(wanted: &DesiredBuilder, row: Row) -> (ConnectedAccountStatus, Plan) {
    let ObservedBuilder(mut observed) = seen(row);
    let plan_before = plan(&wanted.0, &observed, NOW);
    assert_eq!(plan_before, Plan::Do(Effect::Adopt));
    observed.done.push(Effect::Adopt);
    let outcome = Outcome {
        observed: observed.clone(),
        kind: OutcomeKind::Applied(Applied::Adopted),
    };
    let status = report(&wanted.0, &observed.recorded, &outcome, NOW);
    observed.recorded = status.clone();
    let next = plan(&wanted.0, &observed, NOW);
    (status, next)
}

fn of(identity: &str, state: State) -> Row {
    account("ca_1")
        .is(state)
        .with(|row| row.identity = Some(identity.into()))
}

const OWN: &str = "support@acme.com";
const OTHER: &str = "bob@acme.com";

#[rstest]
#[case::where_nothing_is_demanded(object(), of(OTHER, State::Active), nothing())]
#[case::disabled_where_nothing_is_demanded(object(), of(OTHER, State::Inactive), does(enable()))]
#[case::that_nobody_came_back_from(bound(), of(OWN, State::Active), does(disable()))]
#[case::disabled_that_nobody_came_back_from(
    bound(),
    of(OWN, State::Inactive),
    Refuses(Reason::FinishedElsewhere)
)]
#[case::of_the_person(of_person(), of(OWN, State::Active), nothing())]
#[case::disabled_of_the_person(of_person(), of(OWN, State::Inactive), does(enable()))]
#[case::of_another(of_person(), of(OTHER, State::Active), does(disable()))]
#[case::disabled_of_another(
    of_person(),
    of(OTHER, State::Inactive),
    Refuses(Reason::WrongIdentity)
)]
#[case::of_nobody_who_is_shown(of_person(), account("ca_1").active(), does(disable()))]
fn an_account_that_is_found_is_judged_as_the_project_demands(
    #[case] wanted: DesiredBuilder,
    #[case] row: Row,
    #[case] due: Due,
) {
    let (status, next) = found(&wanted, row);
    assert!(status.connected_at.is_some(), "{status:?}");
    let is_due = match &due {
        Exactly(expected) => next == *expected,
        Refuses(reason) => matches!(&next, Plan::Refuse(refusal) if refusal.reason == *reason),
        Waits(_) | WaitsUntil(..) => false,
    };
    assert!(is_due, "{next:?}, {status:?}");
}

#[test]
fn of_what_was_judged_and_recorded_nothing_is_demanded_anew() {
    check([
        (
            "it was connected before its project demanded anything",
            bound(),
            active(),
            nothing(),
        ),
        ("nor is its person", of_person(), active(), nothing()),
    ]);
}

#[test]
fn of_a_sign_in_that_is_open_or_not_to_be_used_nothing_is_retained() {
    let retained = || object().deleted(DeletionPolicy::Retain);
    let link_out = |row: Row| {
        let sight = seen(row).recorded("ca_1").good_link();
        sight.with(|observed| {
            let link = observed.recorded.link.as_mut().expect("a link");
            link.requested_by = Some(LinkRequestedBy {
                uid: "asked".into(),
                browser: Some("browser-a".into()),
            });
        })
    };
    let initiated = || account("ca_1").is(State::Initiated);
    check([
        (
            "of another browser",
            retained(),
            elsewhere(active()),
            does(delete(false)),
        ),
        (
            "disabled before",
            retained(),
            elsewhere(active()).with(|observed| {
                let row = observed.account.account_mut("ca_1").expect("it is seen");
                row.state = State::Inactive;
            }),
            does(delete(false)),
        ),
        (
            "of another person",
            retained(),
            of_another(active()),
            does(delete(false)),
        ),
        (
            "that is awaited",
            retained(),
            awaited(active(), ago(-300)),
            does(delete(false)),
        ),
        (
            "the link is out",
            retained(),
            link_out(initiated()),
            does(delete(false)),
        ),
        (
            "the link is over",
            retained(),
            link_out(initiated()).link_until(ago(1)),
            does(Effect::Release),
        ),
        (
            "somebody has signed in by it, and nothing more is demanded",
            retained(),
            link_out(account("ca_1").active()),
            does(Effect::Release),
        ),
        (
            "it is looked at first",
            retained(),
            link_out(initiated()).cached(),
            looks(Need::Account),
        ),
        (
            "what was signed in to well needs no look",
            retained(),
            active().cached(),
            does(Effect::Release),
        ),
        (
            "what is not this object's is left as it is",
            retained(),
            elsewhere(active()).held_by("agents/other"),
            does(Effect::Release),
        ),
    ]);
}
