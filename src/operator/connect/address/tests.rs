use super::*;

#[test]
fn only_what_is_spelled_as_the_page_spells_it_is_an_address() {
    let of = |page, namespace, name| {
        Some(Address::Of {
            page,
            namespace,
            name,
        })
    };
    let long = "a".repeat(63);
    let name = format!("{long}.{long}.{long}");
    let served = [
        ("/".to_owned(), Some(Address::List)),
        (
            "/connect/agents/mail".to_owned(),
            of(Page::Ask, "agents", "mail"),
        ),
        (
            "/connect/a-1/mail.of.ann/waiting".to_owned(),
            of(Page::Waiting, "a-1", "mail.of.ann"),
        ),
        (
            "/connect/agents/mail/open".to_owned(),
            of(Page::Open, "agents", "mail"),
        ),
        (
            "/connected/agents/mail".to_owned(),
            of(Page::Returned, "agents", "mail"),
        ),
        (
            format!("/connect/{long}/{name}"),
            of(Page::Ask, &long, &name),
        ),
    ];
    for (path, address) in &served {
        assert_eq!(Address::parse(path), *address, "{path}");
    }
    let too_long = "a".repeat(64);
    let refused = [
        "",
        "*",
        "connect/a/b",
        "//",
        "/connect",
        "/connect/",
        "/connect/a",
        "/connect/a/",
        "/connect//b",
        "/connect/a/b/",
        "/connect/a/b/c",
        "/connect/a/b/waiting/",
        "/connect/a/b/open/x",
        "/Connect/a/b",
        "/connected/a/b/open",
        "/connected/a/b/waiting",
        "//connect/a/b",
        "/./connect/a/b",
        "/connect/../b",
        "/connect/a/..",
        "/connect/a/.",
        "/connect/a/%2e%2e",
        "/connect/a/%00",
        "/connect/a/b%2fopen",
        "/connect/%61/b",
        "/connect/a/b;x=1",
        "/connect/a\\b/c",
        "/connect/A/b",
        "/connect/a/B",
        "/connect/a/-b",
        "/connect/a/b-",
        "/connect/a/b..c",
        "/connect/a/.b",
        "/connect/a.b/c",
        "/connect/a/ü",
        "/connect/a/b_c",
        "/connect/a/b c",
        "/connect/a/b\u{0}",
        "/connect/a/b\r\nx",
        "/favicon.ico",
        "/robots.txt",
        "/metrics",
        "/livez",
    ];
    for path in refused {
        assert_eq!(Address::parse(path), None, "{path:?}");
    }
    for path in [
        format!("/connect/{too_long}/b"),
        format!("/connect/a/{too_long}"),
        format!("/connect/a/{}", "a.".repeat(130) + "a"),
        format!("/connect/{}", "/".repeat(10_000)),
    ] {
        assert_eq!(Address::parse(&path), None, "{} bytes", path.len());
    }
}

#[test]
fn a_parameter_counts_if_it_is_there_once() {
    let query = Query::parse(b"r=one&b=two&b=two&p=&s=7&x=%2e%2e");
    assert_eq!(query.get("r"), "one");
    assert_eq!(query.get("b"), "", "twice is not at all");
    assert!(query.has("b") && !query.has("t"));
    assert_eq!(query.get("t"), "");
    assert_eq!(query.get("x"), "..");
    assert_eq!(query.name("x"), "", "no name that the page gives");
    let long = format!("r={}", "a".repeat(65));
    assert_eq!(Query::parse(long.as_bytes()).name("r"), "");
}

#[test]
fn a_time_is_never_later_than_now() {
    let now = Timestamp::from_second(1_000).expect("a time");
    let second = |query: &str| Query::parse(query.as_bytes()).time("s", now).as_second();
    assert_eq!(second("s=900"), 900);
    for odd in [
        "s=1001",
        "s=",
        "",
        "s=x",
        "s=900&s=900",
        "s=99999999999999999999",
    ] {
        assert_eq!(second(odd), 1_000, "{odd}");
    }
}

#[test]
fn a_query_that_is_too_long_is_none() {
    let uri = |length: usize| {
        format!("/?t={}", "a".repeat(length))
            .parse()
            .expect("a URI")
    };
    assert!(Query::of(&uri(100)).has("t"));
    assert!(!Query::of(&uri(QUERY)).has("t"));
}
