use super::*;

#[test]
fn the_way_on_is_what_the_object_says_with_what_the_status_says() {
    let cases = [
        (
            "https://app.acme.com",
            "https://app.acme.com/?status=success&connected_account_id=ca_1",
            "app.acme.com",
        ),
        (
            "https://app.acme.com/a?tab=2#top",
            "https://app.acme.com/a?tab=2&status=success&connected_account_id=ca_1#top",
            "app.acme.com",
        ),
        // What stands there under these names would be read instead.
        (
            "https://a.b/?status=x&connected_account_id=ca_2&y=1",
            "https://a.b/?y=1&status=success&connected_account_id=ca_1",
            "a.b",
        ),
        (
            "https://a.b:8443/",
            "https://a.b:8443/?status=success&connected_account_id=ca_1",
            "a.b:8443",
        ),
        // As a browser would read it.
        (
            "https://app.acme.com\\@evil.com:x/",
            "https://app.acme.com/@evil.com:x/?status=success&connected_account_id=ca_1",
            "app.acme.com",
        ),
        (
            "https:\\\\a.b\\c",
            "https://a.b/c?status=success&connected_account_id=ca_1",
            "a.b",
        ),
        (
            "https://bücher.example/",
            "https://xn--bcher-kva.example/?status=success&connected_account_id=ca_1",
            "xn--bcher-kva.example",
        ),
        (
            "https://a.b/\r\nSet-Cookie: x",
            "https://a.b/Set-Cookie:%20x?status=success&connected_account_id=ca_1",
            "a.b",
        ),
        (
            "https://a.b/?x=\"><script>",
            "https://a.b/?x=%22%3E%3Cscript%3E&status=success&connected_account_id=ca_1",
            "a.b",
        ),
    ];
    for (callback, address, host) in cases {
        let onward = from_sign_in(callback, true, Some("ca_1")).expect(callback);
        assert_eq!((&*onward.address, &*onward.host), (address, host));
    }
    let failed = from_sign_in("https://a.b/", false, None).expect("a way");
    assert_eq!(failed.address, "https://a.b/?status=failed");
}

#[test]
fn there_is_no_way_on_in_clear_text_to_a_user_or_to_what_is_no_host() {
    for callback in [
        "",
        "app.acme.com",
        "//evil.com",
        "http://app.acme.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.acme.com@evil.com/",
        "https://user:pass@evil.com/",
        "https://",
        "https:///",
        "ftp://a.b",
        "https://a.b:99999/",
        " ",
        "https://a b/",
    ] {
        let onward = from_sign_in(callback, true, None).map(|onward| onward.address);
        assert_eq!(onward, None, "{callback:?}");
    }
}

#[test]
fn the_sign_in_is_at_a_web_address() {
    let to = to_sign_in("https://connect.composio.dev/link/lk_1").expect("a way");
    assert_eq!(to.host, "connect.composio.dev");
    assert_eq!(to.address, "https://connect.composio.dev/link/lk_1");
    let sandbox = to_sign_in("http://127.0.0.1:4000/connect/lk_1").expect("a way");
    assert_eq!(sandbox.host, "127.0.0.1:4000");
    for link in [
        "javascript:alert(1)",
        "lk_1",
        "https://a@b/",
        "file:///etc/passwd",
    ] {
        assert!(to_sign_in(link).is_none(), "{link}");
    }
}
