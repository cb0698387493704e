use super::*;

#[rstest]
#[case::empty("", ConfigError::EmptyKey)]
#[case::white_space_alone(" \n", ConfigError::EmptyKey)]
#[case::a_blank_within("sk live", ConfigError::KeyCharacters)]
#[case::a_newline_within("sk\nlive", ConfigError::KeyCharacters)]
#[case::other_than_ascii("sk\u{e9}live", ConfigError::KeyCharacters)]
fn a_key_that_cannot_be_one_is_refused_without_being_shown(
    #[case] key: &str,
    #[case] error: ConfigError,
) {
    let refused = http::api_key(&Sensitive::new(key)).unwrap_err();
    assert_eq!(refused, error, "{key:?}");
    assert!(!refused.to_string().contains("live"));
}

#[test]
fn a_key_is_taken_without_the_white_space_around_it_and_is_not_shown() {
    let key = http::api_key(&Sensitive::new(" sk-1\r\n")).unwrap();
    assert_eq!(key.expose(), "sk-1");
    assert_eq!(format!("{key:?}"), "[redacted]");
}

#[rstest]
#[case::empty("", "is not a URL")]
#[case::no_scheme("backend.composio.dev", "is not a URL")]
#[case::another_scheme("ftp://backend.composio.dev", "must begin with https:// or http://")]
#[case::no_host("https://", "is not a URL")]
#[case::a_password(
    "https://user:hunter2@host",
    "must not contain a user name or password"
)]
#[case::a_query("https://host/?a=b", "must not contain a query")]
#[case::a_fragment("https://host/#a", "must not contain a query or a fragment")]
fn a_base_url_must_be_one_to_which_a_path_can_be_joined(#[case] url: &str, #[case] why: &str) {
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

#[test]
fn what_a_path_can_be_joined_to_is_taken_with_blanks_around_it() {
    for url in [
        "https://backend.composio.dev",
        "http://[::1]:8090/",
        " https://host/prefix/ \n",
    ] {
        assert!(network::transport(network::config(), url).is_ok(), "{url}");
    }
}

#[test]
fn a_name_of_this_operator_that_no_header_takes_is_refused() {
    let instance = HttpConfig {
        instance: "a\nb".into(),
        ..network::config()
    };
    let refused = network::transport(instance, "https://host").err();
    assert_eq!(refused, Some(ConfigError::Instance));
}
