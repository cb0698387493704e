use super::*;

/// endpoint, status, body, retry, outcome unknown, reason
type Row = (Endpoint, u16, &'static str, Retry, bool, &'static str);

#[tokio::test]
async fn each_failure_says_when_to_try_again_and_whether_it_may_have_happened() {
    use Endpoint::*;
    let html = recorded!("error_502_gateway.html");
    let alias = recorded!("error_400_alias_in_use.json");
    let gone = recorded!("error_404_account.json");
    let own_500 = recorded!("error_500.json");
    let own_501 = recorded!("error_501.json");
    let own_503 = recorded!("error_503.json");
    let table: &[Row] = &[
        (Link, 400, alias, Retry::Never, false, "a definite refusal"),
        (
            Link,
            400,
            recorded!("error_400_managed.json"),
            Retry::Never,
            false,
            "a definite refusal",
        ),
        (
            Get,
            401,
            recorded!("error_401.json"),
            Retry::Never,
            false,
            "the key, not the object",
        ),
        (
            Get,
            403,
            recorded!("error_403.json"),
            Retry::Never,
            false,
            "this key, this object",
        ),
        (
            Get,
            404,
            gone,
            Retry::Gone,
            false,
            "Composio's own word about this id",
        ),
        (
            Patch,
            404,
            gone,
            Retry::Gone,
            false,
            "Composio's own word about this id",
        ),
        (
            SetEnabled,
            404,
            gone,
            Retry::Gone,
            false,
            "Composio's own word about this id",
        ),
        (
            Refresh,
            404,
            gone,
            Retry::Gone,
            false,
            "Composio's own word about this id",
        ),
        (
            Revoke,
            404,
            gone,
            Retry::Gone,
            false,
            "Composio's own word about this id",
        ),
        (
            Delete,
            404,
            gone,
            Retry::Gone,
            false,
            "Composio's own word about this id",
        ),
        (
            Delete,
            404,
            recorded!("error_404_delete_again.json"),
            Retry::Gone,
            false,
            "the second DELETE",
        ),
        (
            Get,
            404,
            recorded!("error_404_delete_again.json"),
            Retry::Backoff,
            false,
            "only DELETE answers so",
        ),
        (
            Delete,
            404,
            "",
            Retry::Backoff,
            false,
            "an empty body is nobody's word",
        ),
        (
            AuthConfig,
            404,
            recorded!("error_404_auth_config.json"),
            Retry::Gone,
            false,
            "by id",
        ),
        (
            Link,
            404,
            recorded!("error_404_auth_config.json"),
            Retry::Never,
            false,
            "the auth config, not an account",
        ),
        (List, 404, gone, Retry::Never, false, "names no object"),
        (
            Get,
            404,
            html,
            Retry::Backoff,
            false,
            "a proxy's 404 proves nothing",
        ),
        (
            Get,
            404,
            recorded!("error_404_proxy.json"),
            Retry::Backoff,
            false,
            "no slug, no request id: not Composio's",
        ),
        (
            Create,
            403,
            html,
            Retry::Backoff,
            false,
            "a firewall refused, not Composio",
        ),
        (
            Revoke,
            409,
            recorded!("error_409_not_revokable.json"),
            Retry::Never,
            false,
            "the state changed",
        ),
        (
            Revoke,
            500,
            own_500,
            Retry::Backoff,
            false,
            "the provider refused: definite",
        ),
        (
            Link,
            500,
            own_500,
            Retry::Backoff,
            true,
            "a row may have been made before it failed",
        ),
        (
            Create,
            500,
            own_500,
            Retry::Backoff,
            true,
            "a row may have been made before it failed",
        ),
        (
            Refresh,
            501,
            own_501,
            Retry::Never,
            false,
            "not supported, and will not be",
        ),
        (
            Create,
            503,
            own_503,
            Retry::Backoff,
            true,
            "502, 503 and 504 are a gateway's, whatever the form",
        ),
        (
            Revoke,
            503,
            own_503,
            Retry::Backoff,
            true,
            "502, 503 and 504 are a gateway's, whatever the form",
        ),
        (
            Create,
            502,
            html,
            Retry::Backoff,
            true,
            "the gateway does not know",
        ),
        (
            Revoke,
            500,
            html,
            Retry::Backoff,
            true,
            "not Composio's form",
        ),
        (
            Link,
            408,
            html,
            Retry::Backoff,
            true,
            "somebody in between gave up waiting",
        ),
        (
            Get,
            502,
            html,
            Retry::Backoff,
            false,
            "a read has no effect",
        ),
        (
            Link,
            429,
            recorded!("error_429.json"),
            Retry::Backoff,
            false,
            "refused before it was heard",
        ),
        (
            Link,
            308,
            "",
            Retry::Backoff,
            false,
            "a redirect is not followed",
        ),
    ];
    for (endpoint, status, body, retry, unknown, reason) in table {
        let fake = Fake::saying(*status, body);
        let error = fail(&fake, *endpoint).await;
        assert_eq!(error.retry(), *retry, "{endpoint} {status}: {reason}");
        assert_eq!(
            error.outcome_unknown(),
            *unknown,
            "{endpoint} {status}: {reason}"
        );
        assert_eq!(
            error.status(),
            Some(*status),
            "{endpoint} {status}: {reason}"
        );
        assert_eq!(
            fake.told().status,
            Some(*status),
            "{endpoint} {status}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_call_without_an_answer_is_unknown_unless_nothing_was_sent() {
    for (failure, unknown, class) in [
        (
            SendError::Connect("refused".into()),
            false,
            Class::Unreachable,
        ),
        (SendError::Timeout, true, Class::Timeout),
        (
            SendError::Disconnected("reset".into()),
            true,
            Class::Disconnected,
        ),
        (
            SendError::TooLarge {
                status: 201,
                limit: 9,
            },
            true,
            Class::NotUnderstood,
        ),
        (
            SendError::TooLarge {
                status: 400,
                limit: 9,
            },
            false,
            Class::NotUnderstood,
        ),
    ] {
        let fake = Fake::answering([Err(failure.clone())]);
        let error = fail(&fake, Endpoint::Create).await;
        assert_eq!(error.outcome_unknown(), unknown, "{failure:?}");
        assert_eq!(error.retry(), Retry::Backoff, "{failure:?}");
        assert_eq!(fake.told().class, class);
        let error = fail(&fake, Endpoint::Get).await;
        assert!(!error.outcome_unknown(), "a read: {failure:?}");
    }
}

#[tokio::test]
async fn retry_after_is_obeyed_up_to_ten_minutes() {
    const NOW: (&str, &str) = ("Date", "Tue, 01 Sep 2026 08:00:00 GMT");
    for (headers, seconds, reason) in [
        (&[("Retry-After", "17")][..], 17, "seconds"),
        (&[("Retry-After", "600")], 600, "ten minutes"),
        (&[("Retry-After", "86400")], 600, "not for a day"),
        (
            &[("Retry-After", "Tue, 01 Sep 2026 08:01:30 GMT"), NOW],
            90,
            "a date, by the answer's own clock",
        ),
        (
            &[("Retry-After", "Tue, 01 Sep 2026 07:00:00 GMT"), NOW],
            1,
            "gone by: no busy loop",
        ),
        (
            &[("Retry-After", "Tue, 01 Sep 2026 08:01:30 GMT")],
            60,
            "a date without a clock says nothing",
        ),
        (&[("Retry-After", "0")], 1, "no busy loop"),
        (&[("Retry-After", "soon")], 60, "not readable: the window"),
        (
            &[("Retry-After", "18446744073709551615")],
            600,
            "nor for ever",
        ),
        (
            &[("X-RateLimit", "2000"), ("X-RateLimit-Remaining", "0")],
            60,
            "absent: the window",
        ),
    ] {
        let fake = Fake::answering([with_headers(429, recorded!("error_429.json"), headers)]);
        let error = fail(&fake, Endpoint::List).await;
        assert_eq!(
            error.retry(),
            Retry::After(Duration::from_secs(seconds)),
            "{reason}"
        );
        assert_eq!(
            fake.told().retry_after,
            Some(Duration::from_secs(seconds)),
            "{reason}"
        );
        assert_eq!(fake.told().class, Class::RateLimited);
    }
}

#[tokio::test]
async fn a_429_of_the_edge_is_no_word_of_the_organisations_limit() {
    let body =
        r#"{"error": {"code": 10429, "slug": "HTTP_TooManyRequests", "message": "slow down"}}"#;
    let fake = Fake::saying(429, body);
    let error = fail(&fake, Endpoint::Link).await;
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
        fail(&Fake::saying(400, alias), Endpoint::Link)
            .await
            .is_alias_in_use()
    );
    let create = fail(&Fake::saying(400, alias), Endpoint::Create).await;
    assert!(
        create.is_alias_in_use(),
        "also where the message is not kept"
    );
    assert!(!format!("{create:?}").contains("another connection"));
    assert!(
        !fail(&Fake::saying(500, alias), Endpoint::Link)
            .await
            .is_alias_in_use()
    );
    let managed = fail(
        &Fake::saying(400, recorded!("error_400_managed.json")),
        Endpoint::Link,
    )
    .await;
    assert!(!managed.is_alias_in_use());
    assert_eq!(managed.slug(), Some("ConnectedAccount_BadRequest"));
    let revoke = fail(
        &Fake::saying(409, recorded!("error_409_not_revokable.json")),
        Endpoint::Revoke,
    )
    .await;
    assert!(revoke.is_conflict());
    assert!(
        fail(
            &Fake::saying(401, recorded!("error_401.json")),
            Endpoint::Get
        )
        .await
        .is_unauthorized()
    );
    assert!(
        fail(
            &Fake::saying(403, recorded!("error_403.json")),
            Endpoint::Get
        )
        .await
        .is_forbidden()
    );
}
