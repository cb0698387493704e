use super::*;
use Endpoint::*;

const HTML: &str = recorded!("error_502_gateway.html");
const GONE: &str = recorded!("error_404_account.json");
const ALIAS_IN_USE: &str = recorded!("error_400_alias_in_use.json");
const OWN_500: &str = recorded!("error_500.json");
const OWN_503: &str = recorded!("error_503.json");

#[rstest]
#[case::link_400_an_alias_in_use_is_a_definite_refusal(
    Link,
    400,
    ALIAS_IN_USE,
    Retry::Never,
    false
)]
#[case::link_400_a_managed_auth_config_is_a_definite_refusal(
    Link, 400, recorded!("error_400_managed.json"), Retry::Never, false
)]
#[case::get_401_the_key_not_the_object(Get, 401, recorded!("error_401.json"), Retry::Never, false)]
#[case::get_403_this_key_this_object(Get, 403, recorded!("error_403.json"), Retry::Never, false)]
#[case::get_404_composios_own_word_about_this_id(Get, 404, GONE, Retry::Gone, false)]
#[case::patch_404_composios_own_word_about_this_id(Patch, 404, GONE, Retry::Gone, false)]
#[case::set_enabled_404_composios_own_word_about_this_id(SetEnabled, 404, GONE, Retry::Gone, false)]
#[case::refresh_404_composios_own_word_about_this_id(Refresh, 404, GONE, Retry::Gone, false)]
#[case::revoke_404_composios_own_word_about_this_id(Revoke, 404, GONE, Retry::Gone, false)]
#[case::delete_404_composios_own_word_about_this_id(Delete, 404, GONE, Retry::Gone, false)]
#[case::delete_404_the_second_delete(Delete, 404, recorded!("error_404_delete_again.json"), Retry::Gone, false)]
#[case::get_404_only_delete_answers_so(Get, 404, recorded!("error_404_delete_again.json"), Retry::Backoff, false)]
#[case::delete_404_an_empty_body_is_nobodys_word(Delete, 404, "", Retry::Backoff, false)]
#[case::auth_config_404_by_id(AuthConfig, 404, recorded!("error_404_auth_config.json"), Retry::Gone, false)]
#[case::link_404_the_auth_config_not_an_account(
    Link, 404, recorded!("error_404_auth_config.json"), Retry::Never, false
)]
#[case::list_404_names_no_object(List, 404, GONE, Retry::Never, false)]
#[case::get_404_a_proxys_404_proves_nothing(Get, 404, HTML, Retry::Backoff, false)]
#[case::get_404_no_slug_no_request_id_not_composios(
    Get, 404, recorded!("error_404_proxy.json"), Retry::Backoff, false
)]
#[case::create_403_a_firewall_refused_not_composio(Create, 403, HTML, Retry::Backoff, false)]
#[case::revoke_409_the_state_changed(Revoke, 409, recorded!("error_409_not_revokable.json"), Retry::Never, false)]
#[case::revoke_500_the_provider_refused_definite(Revoke, 500, OWN_500, Retry::Backoff, false)]
#[case::link_500_a_row_may_have_been_made_before_it_failed(
    Link,
    500,
    OWN_500,
    Retry::Backoff,
    true
)]
#[case::create_500_a_row_may_have_been_made_before_it_failed(
    Create,
    500,
    OWN_500,
    Retry::Backoff,
    true
)]
#[case::refresh_501_not_supported_and_will_not_be(Refresh, 501, recorded!("error_501.json"), Retry::Never, false)]
#[case::create_502_503_and_504_are_a_gateways_whatever_the_form(
    Create,
    503,
    OWN_503,
    Retry::Backoff,
    true
)]
#[case::revoke_502_503_and_504_are_a_gateways_whatever_the_form(
    Revoke,
    503,
    OWN_503,
    Retry::Backoff,
    true
)]
#[case::create_502_the_gateway_does_not_know(Create, 502, HTML, Retry::Backoff, true)]
#[case::revoke_500_not_composios_form(Revoke, 500, HTML, Retry::Backoff, true)]
#[case::link_408_somebody_in_between_gave_up_waiting(Link, 408, HTML, Retry::Backoff, true)]
#[case::get_502_a_read_has_no_effect(Get, 502, HTML, Retry::Backoff, false)]
#[case::link_429_refused_before_it_was_heard(Link, 429, recorded!("error_429.json"), Retry::Backoff, false)]
#[case::link_308_a_redirect_is_not_followed(Link, 308, "", Retry::Backoff, false)]
#[tokio::test]
async fn each_failure_says_when_to_try_again_and_whether_it_may_have_happened(
    #[case] endpoint: Endpoint,
    #[case] status: u16,
    #[case] body: &str,
    #[case] retry: Retry,
    #[case] unknown: bool,
) {
    let fake = Fake::saying(status, body);
    let error = fail(&fake, endpoint).await;
    assert_eq!(error.retry(), retry);
    assert_eq!(error.outcome_unknown(), unknown);
    assert_eq!(error.status(), Some(status));
    assert_eq!(fake.told().status, Some(status));
}

#[rstest]
#[case::no_connection(SendError::Connect("refused".into()), false, Class::Unreachable)]
#[case::timeout(SendError::Timeout, true, Class::Timeout)]
#[case::connection_reset(SendError::Disconnected("reset".into()), true, Class::Disconnected)]
#[case::success_too_large_to_read(
    SendError::TooLarge {
        status: 201,
        limit: 9,
    },
    true,
    Class::NotUnderstood
)]
#[case::refusal_too_large_to_read(
    SendError::TooLarge {
        status: 400,
        limit: 9,
    },
    false,
    Class::NotUnderstood
)]
#[tokio::test]
async fn a_call_without_an_answer_is_unknown_unless_nothing_was_sent(
    #[case] failure: SendError,
    #[case] unknown: bool,
    #[case] class: Class,
) {
    let fake = Fake::answering([Err(failure.clone())]);
    let error = fail(&fake, Create).await;
    assert_eq!(error.outcome_unknown(), unknown, "{failure:?}");
    assert_eq!(error.retry(), Retry::Backoff, "{failure:?}");
    assert_eq!(fake.told().class, class);
    let error = fail(&fake, Get).await;
    assert!(!error.outcome_unknown(), "a read: {failure:?}");
}

/// The clock of an answer.
const NOW: (&str, &str) = ("Date", "Tue, 01 Sep 2026 08:00:00 GMT");

#[rstest]
#[case::seconds(&[("Retry-After", "17")], 17)]
#[case::ten_minutes(&[("Retry-After", "600")], 600)]
#[case::not_for_a_day(&[("Retry-After", "86400")], 600)]
#[case::a_date_by_the_answers_own_clock(&[("Retry-After", "Tue, 01 Sep 2026 08:01:30 GMT"), NOW], 90)]
#[case::a_date_gone_by_makes_no_busy_loop(&[("Retry-After", "Tue, 01 Sep 2026 07:00:00 GMT"), NOW], 1)]
#[case::a_date_without_a_clock_says_nothing(&[("Retry-After", "Tue, 01 Sep 2026 08:01:30 GMT")], 60)]
#[case::zero_makes_no_busy_loop(&[("Retry-After", "0")], 1)]
#[case::not_readable_means_the_window(&[("Retry-After", "soon")], 60)]
#[case::not_for_ever(&[("Retry-After", "18446744073709551615")], 600)]
#[case::absent_means_the_window(&[("X-RateLimit", "2000"), ("X-RateLimit-Remaining", "0")], 60)]
#[tokio::test]
async fn retry_after_is_obeyed_up_to_ten_minutes(
    #[case] headers: &[(&str, &str)],
    #[case] seconds: u64,
) {
    let fake = Fake::answering([with_headers(429, recorded!("error_429.json"), headers)]);
    let error = fail(&fake, List).await;
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(seconds)));
    assert_eq!(fake.told().retry_after, Some(Duration::from_secs(seconds)));
    assert_eq!(fake.told().class, Class::RateLimited);
}

#[tokio::test]
async fn a_429_of_the_edge_is_no_word_of_the_organisations_limit() {
    let body =
        r#"{"error": {"code": 10429, "slug": "HTTP_TooManyRequests", "message": "slow down"}}"#;
    let fake = Fake::saying(429, body);
    let error = fail(&fake, Link).await;
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(!error.outcome_unknown(), "refused before it was heard");
    let told = fake.told();
    assert_eq!((told.class, told.retry_after), (Class::EdgeThrottled, None));
}

#[tokio::test]
async fn the_end_of_an_endpoint_is_told() {
    let headers = [
        ("Deprecation", "@1758499200"),
        ("Sunset", "Mon, 21 Dec 2026 00:00:00 GMT"),
    ];
    let fake = Fake::answering([with_headers(
        200,
        recorded!("account_active.json"),
        &headers,
    )]);
    fake.client.get("ca_1").await.expect("it is there");
    let told = fake.told().deprecation.clone().expect("it is told");
    assert_eq!(told.deprecated.as_deref(), Some("@1758499200"));
    assert_eq!(
        told.sunset.as_deref(),
        Some("Mon, 21 Dec 2026 00:00:00 GMT")
    );
}

#[tokio::test]
async fn an_alias_in_use_is_told_from_other_refusals() {
    let alias = recorded!("error_400_alias_in_use.json");
    assert!(
        fail(&Fake::saying(400, alias), Link)
            .await
            .is_alias_in_use()
    );
    let create = fail(&Fake::saying(400, alias), Create).await;
    assert!(
        create.is_alias_in_use(),
        "also where the message is not kept"
    );
    assert!(!format!("{create:?}").contains("another connection"));
    assert!(
        !fail(&Fake::saying(500, alias), Link)
            .await
            .is_alias_in_use()
    );
    let managed = fail(
        &Fake::saying(400, recorded!("error_400_managed.json")),
        Link,
    )
    .await;
    assert!(!managed.is_alias_in_use());
    assert_eq!(managed.slug(), Some("ConnectedAccount_BadRequest"));
    let revoke = fail(
        &Fake::saying(409, recorded!("error_409_not_revokable.json")),
        Revoke,
    )
    .await;
    assert!(revoke.is_conflict());
    assert!(
        fail(&Fake::saying(401, recorded!("error_401.json")), Get)
            .await
            .is_unauthorized()
    );
    assert!(
        fail(&Fake::saying(403, recorded!("error_403.json")), Get)
            .await
            .is_forbidden()
    );
}
