use http::HeaderValue;
use serde_json::json;

use super::*;
use crate::connect::account::tests::account;

fn cookies(url: &str) -> Cookies {
    Cookies::of(&ConnectUrl::parse(url).expect("a URL"))
}

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let value = HeaderValue::from_str(line).expect("a value");
        headers.append(header::COOKIE, value);
    }
    headers
}

fn cookie(token: &str) -> Cookie {
    Cookie {
        nonce: BASE64_URL_SAFE_NO_PAD.encode([7; NONCE]),
        token: token.to_owned(),
        asked_at: None,
    }
}

fn mail() -> std::sync::Arc<Account> {
    account(json!({"user": "ann", "toolkit": "gmail"}), json!({}))
}

#[test]
fn what_is_set_is_read_back_for_its_object_only() {
    let cookies = cookies("https://connect.acme.com");
    let set = cookies.set(&HeaderMap::new(), &mail(), &cookie("token"), None);
    let [set] = &set[..] else {
        panic!("one cookie: {set:?}");
    };
    for attribute in [
        "; Path=/;",
        "; Secure;",
        "; HttpOnly;",
        "; SameSite=Lax",
        "; Max-Age=604800;",
    ] {
        assert!(set.contains(attribute), "{attribute}: {set}");
    }
    assert!(
        set.starts_with("__Host-connect-") && !set.contains("Domain"),
        "{set}"
    );
    assert!(
        !set.contains("agents") && !set.contains("mail"),
        "it tells no object: {set}"
    );
    let pair = set.split(';').next().expect("a pair");
    let sent = headers(&[&format!("other=1; {pair}")]);
    assert!(cookies.read(&sent, "agents", "mail") == Some(cookie("token")));
    assert!(cookies.read(&sent, "agents", "mail2").is_none());
    let left = Some(SignedDuration::from_secs(5));
    let set = cookies.set(&HeaderMap::new(), &mail(), &cookie("token"), left);
    assert!(
        set[0].contains("; Max-Age=1805;"),
        "it outlives the token by a sign-in: {set:?}"
    );
}

#[test]
fn on_loopback_without_tls_browsers_are_asked_for_no_more_than_they_do() {
    let set = cookies("http://127.0.0.1:8080").set(&HeaderMap::new(), &mail(), &cookie(""), None);
    assert!(
        set[0].starts_with("connect-") && !set[0].contains("Secure"),
        "{set:?}"
    );
}

#[test]
fn of_two_cookies_of_one_name_none_counts() {
    let cookies = cookies("https://connect.acme.com");
    let name = cookies.name("agents", "mail");
    let nonce = cookie("").nonce;
    let twice = [
        headers(&[&format!("{name}={nonce}.t; {name}={nonce}.t")]),
        headers(&[&format!("{name}={nonce}.t"), &format!("{name}=x")]),
    ];
    for sent in twice {
        assert!(cookies.read(&sent, "agents", "mail").is_none());
    }
    let bare = name.trim_start_matches("__Host-");
    let tossed = headers(&[&format!("{bare}={nonce}.t")]);
    assert!(
        cookies.read(&tossed, "agents", "mail").is_none(),
        "without the prefix another host set it"
    );
    for odd in ["", ".", "x.t", "AAAA.t", &format!("{nonce}A.t"), &nonce] {
        let sent = headers(&[&format!("{name}={odd}")]);
        assert!(cookies.read(&sent, "agents", "mail").is_none(), "{odd}");
    }
}

#[test]
fn a_browser_keeps_twenty_of_this_page_and_all_others() {
    let cookies = cookies("https://connect.acme.com");
    let own = |n: usize| format!("__Host-connect-{n:016x}=x");
    let mut sent: Vec<_> = (0..25).map(own).collect();
    sent.push("session=1; __Host-connect-\"; __Host-connect-short=1".to_owned());
    let set = cookies.set(&headers(&[&sent.join("; ")]), &mail(), &cookie(""), None);
    assert_eq!(set.len(), 1 + 6, "{set:?}");
    for (n, forgotten) in set[1..].iter().enumerate() {
        assert!(
            forgotten.starts_with(&format!("__Host-connect-{n:016x}=; Max-Age=0;")),
            "{forgotten}"
        );
    }
}

#[test]
fn the_last_to_be_forgotten_is_where_a_link_was_asked_for() {
    let cookies = cookies("https://connect.acme.com");
    let own = |n: usize| {
        let asked_at = (n < 2).then_some(1_000 - n as i64);
        let cookie = Cookie {
            asked_at,
            ..cookie("token")
        };
        format!("__Host-connect-{n:016x}={cookie}")
    };
    let sent = |most| (0..most).map(own).collect::<Vec<_>>().join("; ");
    let forgotten = |most| {
        let sent = headers(&[&sent(most)]);
        let set = cookies.set(&sent, &mail(), &cookie(""), None);
        let name = |set: &String| set.split('=').next().unwrap_or_default().to_owned();
        set[1..].iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(forgotten(20), ["__Host-connect-0000000000000002"]);
    // Where too many were asked for, the first of them.
    assert_eq!(
        forgotten(39).last().map(String::as_str),
        Some("__Host-connect-0000000000000015")
    );
}

#[test]
fn when_a_link_was_asked_for_is_read_back() {
    let asked = Cookie {
        asked_at: Some(1_790_000_000),
        ..cookie("token")
    };
    assert!(Cookie::parse(&asked.to_string()) == Some(asked));
    let odd = format!("{}.soon", cookie("token"));
    assert!(Cookie::parse(&odd) == Some(cookie("token")));
}

#[test]
fn names_of_browsers_are_random() {
    let names: std::collections::BTreeSet<_> = (0..100).filter_map(|_| new_nonce()).collect();
    assert_eq!(names.len(), 100);
    assert!(names.iter().all(|name| name.len() == 22));
}

#[test]
fn what_other_hosts_put_into_the_header_hides_no_cookie() {
    let cookies = cookies("https://connect.acme.com");
    let set = cookies.set(&HeaderMap::new(), &mail(), &cookie("token"), None);
    let pair = set[0].split(';').next().expect("a pair").as_bytes();
    for foreign in [
        "name=Jürgen".as_bytes(),
        b"name=J\xfcrgen",
        b"\xff\xfe",
        b"=",
        b"",
        b"name=\"a, b\"",
        b"__Host-connect-\xff=x",
    ] {
        for line in [
            [foreign, b"; ", pair].concat(),
            [pair, b"; ", foreign].concat(),
            [foreign, b";", pair, b";", foreign].concat(),
        ] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(&line).expect("browsers send it");
            headers.append(header::COOKIE, value);
            let read = cookies.read(&headers, "agents", "mail");
            assert!(read == Some(cookie("token")), "{foreign:?}");
            assert_eq!(cookies.all(&headers).len(), 1, "{foreign:?}");
        }
    }
}

#[test]
fn a_session_is_found_by_its_name_alone_and_however_many_come_two_are_kept() {
    let cookies = cookies("https://connect.acme.com");
    let set = cookies.set_session("session_1");
    assert!(
        set.starts_with("__Host-session-") && !set.contains("session_1"),
        "{set}"
    );
    let pair = set.split(';').next().expect("a pair");
    let sent = headers(&["a=b", pair]);
    let found = |name: &str| cookies.session(&sent, name);
    assert_eq!(
        found(&session_name("session_1")).as_deref(),
        Some("session_1")
    );
    for other in [
        "",
        "session_1",
        &session_name(""),
        &session_name("session_2"),
    ] {
        assert_eq!(found(other), None, "{other}");
    }
    let all = (0..100).map(|n| cookies.set_session(&format!("session_{n}")));
    let names = all.map(|set| set.split('=').next().expect("a name").to_owned());
    let names: std::collections::BTreeSet<_> = names.collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let forgotten = cookies.forget_session("session_1");
    assert!(forgotten.contains("=; Max-Age=0;"), "{forgotten}");
    assert_eq!(forgotten.split('=').next(), set.split('=').next());
}
