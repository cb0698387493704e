use serde_json::{Value, json};

use super::*;
use crate::connect::{account::tests::account, onward::to_sign_in};

fn brand() -> Brand {
    Brand {
        name: "Acme & Co".to_owned(),
        support: Some("help@acme.com".to_owned()),
    }
}

fn ask(spec: Value, last: Option<Last>, again: bool) -> String {
    let account = account(spec, json!({}));
    let ask = Ask {
        account: &account,
        path: "/connect/agents/mail",
        form_token: "form-token",
        last,
        again,
    };
    brand().ask(&ask).into_string()
}

/// What a team may write anywhere.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "</blockquote></main><form action=https://evil.example>",
    "IT: reconnect now https://evil.example/login",
    "\u{202e}gnissap\u{202c} \u{200b}\u{feff}",
    "line\r\nend\u{0}\u{1b}[31m",
    "<!channel> <https://evil.example|click> {{7*7}} ${x}",
];

#[test]
fn nothing_that_a_team_writes_is_more_than_text() {
    let plain = ask(
        json!({"user": "u", "toolkit": "t", "description": "d", "person": "p",
        "expectedIdentity": "e", "connectionData": {"n": "v"}, "projectRef": {"name": "x"}}),
        None,
        true,
    );
    let count = |page: &str, what: &str| page.matches(what).count();
    for text in HOSTILE {
        let spec = json!({"user": text, "person": text, "toolkit": text, "description": text, "expectedIdentity": text,
            "connectionData": {text: text}, "projectRef": {"name": text}});
        let page = ask(spec, None, true);
        for tag in ["<", ">"] {
            assert_eq!(count(&page, tag), count(&plain, tag), "{text}: {page}");
        }
        assert!(!page.contains("href=\"https://evil"), "{page}");
        let invisible = page
            .chars()
            .filter(|character| !crate::text::is_plain(*character) && *character != '\n');
        assert_eq!(invisible.count(), 0, "{text:?}");
    }
    let long = ask(
        json!({"user": "u", "toolkit": "t", "description": "x".repeat(100_000)}),
        None,
        false,
    );
    assert!(long.len() < 10_000, "{}", long.len());
}

#[test]
fn the_page_says_who_asks_before_what_they_say() {
    let spec = json!({"user": "ann", "toolkit": "gmail", "description": "Reads your mail.",
        "connectionData": {"instance_url": "https://evil.example"}});
    let page = ask(spec.clone(), None, false);
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}: {page}"));
    assert!(at("agents") < at("Reads your mail."));
    assert!(at("the team's own app") < at("Reads your mail."));
    assert!(at("Reads your mail.") < at("<button"));
    assert!(
        at("https://evil.example") < at("<button"),
        "what the sign-in is told stands before the button"
    );
    let mut of_cluster = spec;
    of_cluster["projectRef"] = json!({"kind": "ClusterComposioProject", "name": "acme"});
    let page = ask(of_cluster, None, false);
    assert!(page.contains("which your platform provides") && !page.contains("own app"));
}

#[test]
fn the_buttons_are_those_that_help() {
    let spec = || json!({"user": "ann", "toolkit": "gmail"});
    let buttons = |last, again| {
        let page = ask(spec(), last, again);
        let has = |value| page.contains(&format!("value=\"{value}\""));
        (has("connect"), has("start-over"))
    };
    assert_eq!(buttons(None, false), (true, false));
    assert_eq!(buttons(None, true), (true, true));
    assert_eq!(buttons(Some(Last::NotFinished), false), (true, false));
    assert_eq!(buttons(Some(Last::OtherBrowser), true), (false, true));
}

#[test]
fn every_page_has_a_language_a_heading_and_no_script() {
    let account = account(json!({"user": "ann", "toolkit": "gmail"}), json!({}));
    let to = to_sign_in("https://connect.composio.dev/lk").expect("a way");
    let notice = texts::busy();
    let pages = [
        ask(json!({"user": "u", "toolkit": "t"}), None, false),
        brand().wait(&texts::waiting(true, false)).into_string(),
        brand().ready(&account, &to, "/open").into_string(),
        brand().ended(&notice, Tone::Good, Some(&to)).into_string(),
        brand().back(&notice, "/connect/a/b").into_string(),
        brand().elsewhere(&account).into_string(),
        brand().plain(&texts::not_found()).into_string(),
        brand()
            .list(std::slice::from_ref(&account), Timestamp::UNIX_EPOCH)
            .into_string(),
    ];
    for page in pages {
        assert!(
            page.starts_with("<!DOCTYPE html><html lang=\"en\">"),
            "{page}"
        );
        assert_eq!(page.matches("<h1>").count(), 1, "{page}");
        assert_eq!(page.matches("<main>").count(), 1);
        assert!(page.contains("<title>") && page.contains("Acme &amp; Co"));
        assert!(page.contains("href=\"mailto:help@acme.com\""));
        for active in [
            "<script",
            "javascript:",
            " onclick",
            " style=",
            "<iframe",
            "<img",
            "http-equiv",
        ] {
            assert!(!page.contains(active), "{active}: {page}");
        }
    }
}

#[test]
fn a_list_is_by_team_and_twenty_of_each() {
    let many: Vec<_> = (0..23)
        .map(|n| {
            let spec = json!({"user": "ann", "toolkit": "gmail"});
            crate::connect::account::tests::object(&format!("mail-{n:02}"), spec, json!({}))
                .account()
        })
        .collect();
    let page = brand().list(&many, Timestamp::UNIX_EPOCH).into_string();
    assert_eq!(page.matches("<li>").count(), 20);
    assert_eq!(page.matches("<h2>").count(), 1);
    assert!(page.contains("and 3 more"), "{page}");
    assert!(
        brand()
            .list(&[], Timestamp::UNIX_EPOCH)
            .into_string()
            .contains("Nobody asks you")
    );
}

#[test]
fn the_policy_allows_this_style_and_forms_to_this_host() {
    assert!(POLICY.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(POLICY.ends_with("form-action 'self'; frame-ancestors 'none'; base-uri 'none'"));
}
