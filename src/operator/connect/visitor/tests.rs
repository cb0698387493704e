use http::HeaderValue;
use serde_json::json;

use super::*;
use crate::connect::account::tests::account;

const SECRET: &str = "sixteen bytes at least";

fn proxy(secret: Option<&str>) -> Proxy {
    let header = HeaderName::from_static("x-proxy-secret");
    Proxy {
        user_header: HeaderName::from_static("x-auth-request-email"),
        secret: secret.map(|secret| (header, Sensitive::new(secret))),
    }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    headers
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn a_proxy_that_cannot_prove_itself_is_not_started_with() {
    let checked = |secret, address_of: &str| proxy(secret).check(address(address_of));
    for loopback in ["127.0.0.1:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
        assert_eq!(checked(None, loopback), Ok(()));
    }
    for open in ["0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080"] {
        assert_eq!(checked(None, open), Err(NoProof::NoSecret), "{open}");
        assert_eq!(checked(Some(SECRET), open), Ok(()));
    }
    assert_eq!(checked(Some("short"), "[::]:8080"), Err(NoProof::Short));
    assert_eq!(checked(Some(""), "127.0.0.1:8080"), Err(NoProof::Short));
    let header = HeaderName::from_static("x-same");
    let same = Proxy {
        user_header: header.clone(),
        secret: Some((header, Sensitive::new(SECRET))),
    };
    assert_eq!(same.check(address("[::1]:1")), Err(NoProof::SameHeader));
}

/// The secret, who is there, the headers, and who is let in.
type Case<'a> = (
    Option<&'a str>,
    &'a str,
    &'a [(&'a str, &'a str)],
    Option<&'a str>,
);

#[test]
fn who_comes_is_said_once_by_a_proxy_that_is_one() {
    const USER: (&str, &str) = ("X-Auth-Request-Email", "ann@acme.com");
    let (near, far) = ("127.0.0.1:5", "10.1.2.3:5");
    let none: &[(&str, &str)] = &[];
    let secret = ("x-proxy-secret", SECRET);
    // Secret, peer, headers, who comes.
    let cases: [Case<'_>; 14] = [
        (None, near, &[USER], Some("ann@acme.com")),
        (None, "[::ffff:127.0.0.1]:5", &[USER], Some("ann@acme.com")),
        (None, far, &[USER], None),
        (
            None,
            far,
            &[
                USER,
                ("X-Forwarded-For", "127.0.0.1"),
                ("Forwarded", "for=127.0.0.1"),
            ],
            None,
        ),
        (None, near, none, None),
        (None, near, &[USER, USER], None),
        (
            None,
            near,
            &[USER, ("x-auth-request-email", "bob@acme.com")],
            None,
        ),
        (None, near, &[("X-Auth-Request-Email", "")], None),
        (
            None,
            near,
            &[("X_Auth_Request_Email", "ann@acme.com")],
            None,
        ),
        (Some(SECRET), far, &[USER, secret], Some("ann@acme.com")),
        (Some(SECRET), near, &[USER], None),
        (
            Some(SECRET),
            far,
            &[USER, ("x-proxy-secret", "sixteen bytes at leasT")],
            None,
        ),
        (Some(SECRET), far, &[USER, secret, secret], None),
        (Some(SECRET), far, &[USER, ("x-proxy-secret", "")], None),
    ];
    for (secret, peer, lines, user) in cases {
        let headers = headers(lines);
        let found = proxy(secret).user(&headers, address(peer));
        assert_eq!(found, user, "{secret:?} {peer} {lines:?}");
    }
}

#[test]
fn the_declared_person_is_let_in_to_the_letter() {
    let spec = json!({"user": "team/ann", "person": "ann@acme.com", "toolkit": "gmail"});
    let account = account(spec, json!({}));
    let is = |user| is_person(Some(&account), user);
    assert_eq!(is(Some("ann@acme.com")), Ok(()));
    for other in [
        "Ann@acme.com",
        "ann@acme.com ",
        "bob@acme.com",
        "team/ann",
        "",
    ] {
        assert_eq!(is(Some(other)), Err(NotLetIn::Person), "{other}");
    }
    assert_eq!(is(None), Err(NotLetIn::Proxy));
    assert_eq!(
        is_person(None, Some("ann@acme.com")),
        Err(NotLetIn::NoObject)
    );
    assert_eq!(is_person(None, Some("")), Err(NotLetIn::NoObject));
}

#[test]
fn a_token_lets_in_to_its_object_only() {
    let keys = ConnectKeys::read(&Sensitive::new("k".repeat(32))).expect("a key");
    let now = Timestamp::from_second(1_000).expect("a time");
    let end = Timestamp::from_second(2_000).expect("a time");
    let account = account(json!({"user": "ann", "toolkit": "gmail"}), json!({}));
    let good = keys.token(account.uid(), account.epoch(), end);
    assert_eq!(token_end(&keys, Some(&account), &good, now), Ok(end));
    assert_eq!(
        token_end(&keys, Some(&account), &good, end),
        Err(NotLetIn::Token)
    );
    let wrong = keys.token("uid-of-another", "", end);
    assert_eq!(
        token_end(&keys, Some(&account), &wrong, now),
        Err(NotLetIn::Token)
    );
    // Nobody can have made a token for what has no uid, and it would not help.
    let none = keys.token("", "", end);
    assert_eq!(token_end(&keys, None, &none, now), Err(NotLetIn::NoObject));
    assert!(is_let_in(&keys, Some(&account), None, now).is_err());
    // In a cookie it may end while the browser is at the sign-in.
    let cookie = Cookie {
        nonce: String::new(),
        token: good,
        asked_at: None,
    };
    let at = |time| is_let_in(&keys, Some(&account), Some(&cookie), time);
    let last = end.saturating_add(SIGN_IN).expect("a time");
    assert_eq!(at(end), Ok(()));
    assert_eq!(at(last), Err(NotLetIn::Token));
}
