//! What is said of a failure, and what stands in for one.

use super::*;

#[test]
fn a_refresh_without_a_link_is_as_good_as_refused() {
    let failure = Failure::no_link(&crate::composio::model::State::Expired);
    assert_eq!(failure.reason, Reason::Rejected);
    assert_eq!(failure.answer, Answer::Refused(200));
    assert!(failure.message.contains("EXPIRED"), "{}", failure.message);
}

#[test]
fn a_message_repeats_no_secret() {
    let body = r#"{"error": {"message": "bad s3cr3t", "slug": "No"}}"#;
    let failure = failing(Some(link()), 400, body);
    assert!(!failure.message.contains("s3cr3t"), "{}", failure.message);
    assert!(failure.message.contains("bad"), "{}", failure.message);
}

#[test]
fn what_another_project_or_the_apiserver_says_no_to_is_tried_again() {
    let later = Answer::NotNow { after: None };
    let project = Failure::of_another_project("ca_1");
    assert_eq!(project.reason, Reason::ProjectUnavailable);
    assert_eq!(project.answer, later);
    assert!(project.message.contains("ca_1"), "{}", project.message);
    let write = Failure::of_kubernetes("admission said no".into());
    assert_eq!(write.reason, Reason::KubernetesRefused);
    assert_eq!(write.answer, later);
    assert_eq!(write.message, "admission said no");
}

#[test]
fn only_where_the_auth_configs_cannot_be_read_it_is_advised_to_name_one() {
    const ADVICE: &str = "; name the auth config in spec.authConfig";
    let of_configs = |status, body| {
        let error = answering(status, body)
            .auth_configs("gmail")
            .now_or_never()
            .expect("answers at once")
            .expect_err("an error");
        Failure::of_look(&error, Some(&[])).message
    };
    let unread = of_configs(200, "{\"odd\": true}");
    assert!(unread.ends_with(ADVICE), "{unread}");
    let refused = of_configs(400, SAYS_NO);
    assert!(!refused.contains(ADVICE), "{refused}");
    let accounts = failing(None, 200, "{\"odd\": true}").message;
    assert!(!accounts.contains(ADVICE), "{accounts}");
}
