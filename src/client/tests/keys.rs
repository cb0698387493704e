use super::*;

#[test]
fn a_key_that_cannot_be_one_is_refused_without_being_shown() {
    for (key, error) in [
        ("", ConfigError::EmptyKey),
        (" \n", ConfigError::EmptyKey),
        ("sk live", ConfigError::KeyCharacters),
        ("sk\nlive", ConfigError::KeyCharacters),
        ("sk\u{e9}live", ConfigError::KeyCharacters),
    ] {
        let refused = http::api_key(&Sensitive::new(key)).unwrap_err();
        assert_eq!(refused, error, "{key:?}");
        assert!(!refused.to_string().contains("live"));
    }
}

#[test]
fn a_key_is_taken_without_the_white_space_around_it_and_is_not_shown() {
    let key = http::api_key(&Sensitive::new(" sk-1\r\n")).unwrap();
    assert_eq!(key.expose(), "sk-1");
    assert_eq!(format!("{key:?}"), "[redacted]");
}

#[test]
fn a_base_url_must_be_one_to_which_a_path_can_be_joined() {
    for (url, why) in [
        ("", "is not a URL"),
        ("backend.composio.dev", "is not a URL"),
        (
            "ftp://backend.composio.dev",
            "must begin with https:// or http://",
        ),
        ("https://", "is not a URL"),
        (
            "https://user:hunter2@host",
            "must not contain a user name or password",
        ),
        ("https://host/?a=b", "must not contain a query"),
        ("https://host/#a", "must not contain a query or a fragment"),
    ] {
        let Err(error) = network::transport(network::config(), url) else {
            panic!("{url} was taken")
        };
        assert!(
            error.to_string().starts_with("the Composio base URL "),
            "{error}"
        );
        assert!(error.to_string().contains(why), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    for url in [
        "https://backend.composio.dev",
        "http://[::1]:8090/",
        " https://host/prefix/ \n",
    ] {
        assert!(network::transport(network::config(), url).is_ok(), "{url}");
    }
    let instance = HttpConfig {
        instance: "a\nb".into(),
        ..network::config()
    };
    let refused = network::transport(instance, "https://host").err();
    assert_eq!(refused, Some(ConfigError::Instance));
}
