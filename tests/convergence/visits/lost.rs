//! A link that was asked for, and of which no answer came.

use composio_operator::crd::ConnectRequestKind::Link;
use composio_operator::sandbox::world::Fault;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{ANN, Visits};
use crate::support::simulation::Logic;

#[tokio::test]
async fn what_was_lost_is_not_waited_for_once_its_request_is_over_and_a_look_finds_nothing() {
    for (seed, is_made) in [(0, false), (1, true)] {
        let mut visits = Visits::new(seed, &Logic::default());
        let spec = json!({"user": "user-of-mail", "toolkit": "gmail", "authConfig": "ac_gmail", "person": ANN});
        visits.ground.apply("mail", spec);
        visits.ground.settle().await;
        let lost = json!({
            "method": "POST", "path": "/connected_accounts/link", "status": 500, "after_commit": is_made,
        });
        let down = json!({"method": "GET", "path_prefix": "/connected_accounts", "status": 503, "times": 100_000});
        let meets = |visits: &mut Visits, fault: Value| {
            let fault: Fault = serde_json::from_value(fault).expect("a fault");
            visits.ground.world().add_fault(fault).expect("it can be");
        };
        meets(&mut visits, lost);
        visits.click("mail", Link);
        visits.ground.advance(SignedDuration::from_secs(6)).await;
        meets(&mut visits, down);
        let since = |visits: &Visits| {
            let object = visits.ground.object("mail").expect("it is there");
            object["status"]["unknownSince"].clone()
        };
        assert_ne!(
            since(&visits),
            Value::Null,
            "{}",
            visits.told("it was lost")
        );
        // The request is over before anything can be found out.
        visits.ground.advance(SignedDuration::from_mins(15)).await;
        visits.ground.world().clear_faults();
        visits.ground.advance(SignedDuration::from_mins(5)).await;
        assert_eq!(
            since(&visits),
            Value::Null,
            "{}",
            visits.told("it is found out")
        );
        let object = visits.ground.object("mail").expect("it is there");
        let id = &object["status"]["connectedAccountId"];
        assert_eq!(id.is_string(), is_made, "{object}");
    }
}
