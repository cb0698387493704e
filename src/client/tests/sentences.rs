use super::*;

#[rstest]
#[case::a_refusal(
    Endpoint::Link,
    400,
    recorded!("error_400_managed.json"),
    "could not start a sign-in: Composio answered 400 ConnectedAccount_BadRequest: \
     Composio-managed auth configs on a redirect scheme are retired here; \
     auth_config.id: redirect scheme (Use POST /api/v3.1/connected_accounts/link) (request req_9f31c2d4)"
)]
#[case::a_refusal_of_secrets(
    Endpoint::Create,
    400,
    recorded!("error_400_managed.json"),
    "could not create the account: Composio answered 400 ConnectedAccount_BadRequest (request req_9f31c2d4)"
)]
#[case::a_gateway(
    Endpoint::Get,
    502,
    recorded!("error_502_gateway.html"),
    "could not read the account: 502, not in Composio's form: a proxy or gateway answered"
)]
#[case::a_limit_of_the_edge(
    Endpoint::List,
    429,
    recorded!("error_429.json"),
    "could not list accounts: turned away before Composio (429, with no limit told), to be tried again within seconds"
)]
#[tokio::test]
async fn an_error_is_one_sentence_for_a_person(
    #[case] endpoint: Endpoint,
    #[case] status: u16,
    #[case] body: &str,
    #[case] sentence: &str,
) {
    let error = fail(&Fake::saying(status, body), endpoint).await;
    assert_eq!(error.to_string(), sentence);
}

#[tokio::test]
async fn a_redirect_is_told_without_its_path() {
    let location = [("Location", "https://evil.example/path?token=s3cr3t")];
    let error = fail(
        &Fake::answering([with_headers(307, "", &location)]),
        Endpoint::Get,
    )
    .await;
    assert_eq!(
        error.to_string(),
        "could not read the account: the base URL answers with a redirect (307) to https://evil.example, \
         which is not followed"
    );
}

#[tokio::test]
async fn a_message_is_made_fit_to_be_shown() {
    let long = "x".repeat(300);
    let message = format!("\u{1b}[31mred\u{202e}\r\nnext sk-live-1 {long}");
    let body =
        serde_json::json!({"error": {"message": message, "slug": "A\nB", "request_id": "r"}})
            .to_string();
    let error = fail(&Fake::saying(400, &body), Endpoint::Link).await;
    let shown = error.for_user(Some(&[Sensitive::new("sk-live-1\n"), Sensitive::new("")]));
    assert!(
        shown.contains("\u{fffd}[31mred\u{fffd}  next [redacted] xxx"),
        "{shown}"
    );
    assert!(
        !shown.contains("sk-live-1") && shown.chars().all(|c| !c.is_control()),
        "{shown}"
    );
    assert!(shown.chars().filter(|c| *c == 'x').count() < 256, "{shown}");
    assert_eq!(error.slug(), Some("A B"));

    // The cut must not leave the first half of a secret.
    let body = format!(
        r#"{{"error": {{"message": "{}sk-live-1", "slug": "A"}}}}"#,
        "y".repeat(250)
    );
    let error = fail(&Fake::saying(400, &body), Endpoint::Link).await;
    assert!(
        !error
            .for_user(Some(&[Sensitive::new("sk-live-1")]))
            .contains("sk-l")
    );
}

#[tokio::test]
async fn a_patch_with_credentials_repeats_nothing() {
    let body = r#"{"error": {"message": "key sk-live-1 refused", "suggested_fix": "sk-live-1", "slug": "Bad", "request_id": "r"}}"#;
    let fake = Fake::saying(400, body);
    let error = fake
        .client
        .patch("ca_1", &credentials_patch())
        .await
        .unwrap_err();
    assert!(error.carried_credentials);
    assert!(
        !format!("{error:?} {error}").contains("sk-live-1"),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "could not change the account: Composio answered 400 Bad (request r)"
    );
    let error = fail(&fake, Endpoint::Patch).await;
    assert!(!error.carried_credentials, "a patch of the alias alone");
}
