//! What the command line takes.

use clap::CommandFactory;
use rstest::rstest;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

fn run(args: &[&str]) -> Result<Run, clap::Error> {
    let all = ["composio-operator", "run"].iter().chain(args);
    match Cli::try_parse_from(all)?.command {
        Command::Run(run) => Ok(*run),
        other => panic!("{other:?}"),
    }
}

#[test]
fn namespaces_are_names_with_or_without_blanks_around_them() {
    let named = |text: &str| {
        run(&[&format!("--watch-namespace={text}")]).map(|run| run.scope.watch_namespace)
    };
    for text in ["a,b-1", "a, b-1", " a ,\tb-1\n"] {
        assert_eq!(named(text).expect(text), ["a", "b-1"]);
    }
    let longest = "x".repeat(63);
    assert_eq!(named(&longest).expect("a name"), [longest.as_str()]);
    for wrong in [
        "",
        " ",
        "a,",
        ",a",
        "a b",
        "A",
        "-a",
        "a.b",
        "*",
        &"x".repeat(64),
    ] {
        let said = named(wrong).expect_err(wrong).to_string();
        assert!(said.contains("must be the name of a namespace"), "{said}");
    }
}

#[rstest]
#[case::absent(&[], false)]
#[case::alone(&["--accept-missing"], true)]
#[case::with_true(&["--accept-missing=true"], true)]
#[case::with_false(&["--accept-missing=false"], false)]
#[case::with_false_as_a_word_of_its_own(&["--accept-missing", "false"], false)]
fn a_boolean_flag_takes_a_value_or_none(#[case] args: &[&str], #[case] accepts: bool) {
    assert_eq!(
        run(args).expect("flags").accept_missing,
        accepts,
        "{args:?}"
    );
}

#[test]
fn a_boolean_flag_can_turn_off_and_takes_no_other_word() {
    assert!(!run(&["--leader-elect=false"]).expect("a flag").leader_elect);
    assert!(run(&["--accept-missing=soon"]).is_err());
}

#[test]
fn of_a_repeated_flag_the_last_one_counts() {
    let command = Cli::command();
    let flags = command
        .find_subcommand("run")
        .expect("there is `run`")
        .get_arguments();
    for flag in flags.filter(|flag| flag.get_env().is_some()) {
        let long = flag.get_long().expect("it has a long name");
        let [first, last] = match (long, values::of(long)) {
            (_, values::Values::Bool) => ["true", "false"],
            (_, values::Values::Number { .. }) => ["1", "2"],
            (_, values::Values::Duration { .. }) => ["1m", "2m"],
            ("notify-format", _) => ["slack", "cloudevents"],
            (_, values::Values::Word) => ["json", "text"],
            ("notify-url", _) => ["https://one.example", "https://two.example"],
            ("notify-projects", _) => ["ClusterComposioProject/one", "ComposioProject/a/two"],
            ("http-address", _) => ["127.0.0.1:1", "127.0.0.1:2"],
            ("connect-url", _) => ["https://one.example", "https://two.example"],
            ("allowed-base-urls", _) => ["https://one.example", "https://two.example"],
            _ => ["one", "two"],
        };
        let args = [first, last].map(|value| format!("--{long}={value}"));
        // Flags that come together only.
        let others: &[&str] = match long {
            "connect-url" => &["--connect-key-file=key"],
            "connect-key-file" => &["--connect-url=https://one.example"],
            "connect-user-header" => &[
                "--connect-url=https://one.example",
                "--connect-key-file=key",
            ],
            _ => &[],
        };
        let both = [others, &[args[0].as_str(), args[1].as_str()]].concat();
        let both = run(&both).unwrap_or_else(|error| panic!("{error}"));
        let alone = run(&[others, &[args[1].as_str()]].concat()).expect("one flag");
        assert_eq!(format!("{both:?}"), format!("{alone:?}"), "--{long}");
    }
}

#[test]
fn projects_may_name_composio_itself_if_no_base_url_is_given() {
    let listed = |args: &[&str]| {
        let run = run(args)?;
        let urls = run.projects.allowed_base_urls.iter();
        Ok::<_, clap::Error>(urls.map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(
        listed(&[]).expect("flags"),
        ["https://backend.composio.dev"]
    );
    let two = "--allowed-base-urls=https://a.example/, https://b.example:8443/api";
    let expected = ["https://a.example", "https://b.example:8443/api"];
    assert_eq!(listed(&[two]).expect("two URLs"), expected);
    for (wrong, says) in [
        ("", "is not a URL"),
        ("https://a.example,", "is not a URL"),
        ("https://a.example,b.example", "is not a URL"),
        (
            "https://u@a.example",
            "must not contain a user name or password",
        ),
    ] {
        let flag = format!("--allowed-base-urls={wrong}");
        let said = listed(&[&flag]).expect_err(wrong).to_string();
        assert!(said.contains(says), "{wrong}: {said}");
    }
}

#[test]
fn a_url_that_is_not_encrypted_is_listed_on_purpose_only() {
    let urls = "--allowed-base-urls=https://a.example,http://b.example";
    let refused = run(&[urls]).expect("flags");
    let said = refused
        .projects
        .base_urls()
        .expect_err("b is not encrypted");
    assert!(said.contains("http://b.example"), "{said}");
    assert!(said.contains("--allow-http"), "{said}");
    let allowed = run(&[urls, "--allow-http"]).expect("flags");
    assert_eq!(allowed.projects.base_urls().map(<[_]>::len), Ok(2));
    let safe = run(&[]).expect("flags");
    assert_eq!(safe.projects.base_urls().map(<[_]>::len), Ok(1));
}

#[test]
fn a_drain_in_a_job_names_all_of_it_or_nothing() {
    let hook = [
        "--release=r",
        "--release-namespace=n",
        "--deployment=d",
        "--job=j",
    ];
    for given in 0..1 << hook.len() {
        let some = (0..hook.len()).filter(|at| given & (1 << at) != 0);
        let args: Vec<_> = some.map(|at| hook[at]).collect();
        let all = ["composio-operator", "drain"]
            .into_iter()
            .chain(args.clone());
        let parsed = Cli::try_parse_from(all);
        match (args.len(), parsed.map(|cli| cli.command)) {
            (0, Ok(Command::Drain(drain))) => assert!(drain.hook.is_none()),
            (4, Ok(Command::Drain(drain))) => {
                let hook = drain.hook.expect("all is given");
                let all = [
                    hook.release,
                    hook.release_namespace,
                    hook.deployment,
                    hook.job,
                ];
                assert_eq!(all, ["r", "n", "d", "j"]);
            }
            (1..=3, Err(error)) => {
                assert_eq!(
                    error.kind(),
                    clap::error::ErrorKind::MissingRequiredArgument
                );
            }
            (_, other) => panic!("{args:?}: {other:?}"),
        }
    }
}
