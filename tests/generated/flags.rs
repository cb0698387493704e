//! What of the chart and of its README comes from the program's table of flags.

use std::time::Duration;

use clap::{Arg, Command, CommandFactory};
use composio_operator::arguments::Cli;
use composio_operator::arguments::values::{
    self, DURATION, Values, base_url_pattern, host_pattern,
};
use serde_json::{Map, Value, json};

/// The flags that the chart sets by a value of its own, and which that is.
pub(crate) const OWN_VALUES: [(&str, &str); 24] = [
    ("allowed-base-urls", "allowedBaseURLs"),
    ("allow-http", "allowedBaseURLs"),
    ("cluster-resource-namespace", "the namespace of the release"),
    ("state-key-file", "stateKey"),
    ("connect-url", "connect.url"),
    ("connect-key-file", "connect.key"),
    ("connect-user-header", "connect.userHeader"),
    ("notify-url", "notify.url"),
    ("notify-url-file", "notify.secret.urlKey"),
    ("notify-token-file", "notify.secret.tokenKey"),
    ("notify-format", "notify.format"),
    ("notify-allow-http", "notify.allowHTTP"),
    ("notify-projects", "notify.projects"),
    ("notify-namespaces", "notify.namespaces"),
    ("notify-digest", "notify.digest"),
    ("notify-with-token", "notify.withToken"),
    ("people-namespaced-projects", "notify.namespacedProjects"),
    ("http-address", "http"),
    ("log-format", "log.format"),
    ("watch-namespace", "watchNamespaces"),
    ("instance", "the name of the pod"),
    ("leader-elect", "leaderElection"),
    ("lease-namespace", "the namespace of the release"),
    ("lease-name", "the name of the release"),
];

/// The command that the chart runs.
fn run() -> Command {
    let cli = Cli::command();
    let run = cli.find_subcommand("run").expect("there is `run`");
    run.clone()
}

fn has_environment(flag: &&Arg) -> bool {
    flag.get_env().is_some()
}

/// The flags under `config`, with the name that each has there.
pub(crate) fn config() -> Vec<(String, Arg)> {
    let mut left: Vec<&str> = OWN_VALUES.iter().map(|(flag, _)| *flag).collect();
    let mut found = Vec::new();
    for flag in run().get_arguments().filter(has_environment) {
        let long = flag.get_long().expect("it has a long name");
        match left.iter().position(|own| *own == long) {
            Some(at) => drop(left.remove(at)),
            None => found.push((camel_case(long), flag.clone())),
        }
    }
    assert!(left.is_empty(), "the program has no flags {left:?}");
    found
}

/// Writes into the chart's schema what the program takes.
pub(super) fn write_schema(schema: &mut Value) {
    let properties: Map<_, _> = config()
        .iter()
        .map(|(name, flag)| (name.clone(), value_schema(flag)))
        .collect();
    schema["properties"]["config"] = json!({
        "type": "object",
        "description": "Flags of the program",
        "properties": properties,
    });
    let Values::Text { pattern, .. } = values::of("watch-namespace") else {
        panic!("a namespace is a text");
    };
    for (place, pattern) in [
        ("/properties/watchNamespaces/items", pattern.to_owned()),
        ("/properties/http/properties/host", host_pattern()),
        ("/properties/allowedBaseURLs/items", base_url_pattern()),
        (
            "/properties/project/properties/baseURL",
            format!("^$|{}", base_url_pattern()),
        ),
        (
            "/properties/uninstall/properties/timeout",
            DURATION.to_owned(),
        ),
        (
            "/properties/metrics/properties/serviceMonitor/properties/interval",
            DURATION.to_owned(),
        ),
        (
            "/properties/metrics/properties/podMonitor/properties/interval",
            DURATION.to_owned(),
        ),
    ] {
        let found = schema.pointer_mut(place).expect(place);
        if pattern == DURATION {
            found["minLength"] = json!(1);
        }
        found["pattern"] = json!(pattern);
    }
}

fn value_schema(flag: &Arg) -> Value {
    let mut schema = match values_of(flag) {
        Values::Bool => json!({"type": "boolean"}),
        Values::Number { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Values::Duration { .. } => json!({"type": "string", "pattern": DURATION, "minLength": 1}),
        Values::Text { pattern, .. } => json!({"type": "string", "pattern": pattern}),
        Values::Word => json!({"enum": words(flag)}),
        Values::Any => json!({"type": "string", "minLength": 1}),
    };
    let default = match default(flag) {
        none if none.is_empty() => none,
        default => format!("; `{default}`, if not given"),
    };
    let takes = match takes(flag) {
        anything if anything.is_empty() => anything,
        takes => format!(" ({takes})"),
    };
    schema["description"] = json!(format!("{}{takes}{default}", help(flag)));
    schema
}

/// What the schema cannot say, for the templates.
pub(super) fn for_templates() -> Value {
    let one = |flag: &Arg| {
        let mut told = json!({"flag": flag.get_long(), "default": default(flag)});
        if let Values::Duration { min, max } = values_of(flag) {
            told["minimumMs"] = json!(min.as_millis());
            told["minimum"] = json!(in_words(min));
            told["maximumMs"] = json!(max.as_millis());
            told["maximum"] = json!(in_words(max));
        }
        told
    };
    let config: Map<_, _> = config()
        .iter()
        .map(|(name, flag)| (name.clone(), one(flag)))
        .collect();
    let own: Map<_, _> = OWN_VALUES
        .iter()
        .map(|(flag, value)| ((*flag).to_owned(), json!(value)))
        .collect();
    let run = run();
    let own_environment: Map<_, _> = run
        .get_arguments()
        .filter_map(|flag| {
            let value = own.get(flag.get_long()?)?.clone();
            Some((flag.get_env()?.to_str()?.to_owned(), value))
        })
        .collect();
    json!({"config": config, "own": own, "ownEnv": own_environment})
}

/// The flags of `run`. One that is hidden is known by its environment variable alone.
pub(super) fn table() -> String {
    let mut table = String::from(
        "| Flag | Environment | Values | Default | Meaning |\n|---|---|---|---|---|\n",
    );
    for flag in run().get_arguments().filter(has_environment) {
        let long = flag.get_long().filter(|_| !flag.is_hide_set());
        let environment = flag.get_env().unwrap_or_default().to_string_lossy();
        let code = |text: String| match text.as_str() {
            "" => text,
            text => format!("`{text}`"),
        };
        table.push_str(&super::row(&[
            long.map(|long| format!("`--{long}`")).unwrap_or_default(),
            format!("`{environment}`"),
            takes(flag),
            code(default(flag)),
            help(flag),
        ]));
    }
    table
}

/// What the program's table has for a flag.
pub(crate) fn values_of(flag: &Arg) -> Values {
    values::of(flag.get_long().unwrap_or_default())
}

/// The words of a flag that takes some.
pub(crate) fn words(flag: &Arg) -> Vec<String> {
    let values = flag.get_possible_values();
    values
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect()
}

fn takes(flag: &Arg) -> String {
    match values_of(flag) {
        Values::Bool => "`true` or `false`".to_owned(),
        Values::Number { min, max } => format!("{min} to {max}"),
        Values::Duration { min, max } => format!("{} to {}", in_words(min), in_words(max)),
        Values::Text { says, .. } => says.to_owned(),
        Values::Word => {
            let words = words(flag).into_iter().map(|word| format!("`{word}`"));
            words.collect::<Vec<_>>().join(" or ")
        }
        Values::Any => String::new(),
    }
}

fn in_words(duration: Duration) -> String {
    match (duration.as_secs(), duration.as_millis()) {
        (0, milliseconds) => format!("{milliseconds}ms"),
        (seconds, _) if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (seconds, _) => format!("{seconds}s"),
    }
}

fn help(flag: &Arg) -> String {
    flag.get_help().map(ToString::to_string).unwrap_or_default()
}

fn default(flag: &Arg) -> String {
    let values = flag.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    values.join(",")
}

fn camel_case(kebab: &str) -> String {
    let mut words = kebab.split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(1);
        name + &head.to_uppercase() + tail
    })
}

#[test]
fn a_flag_has_a_name_for_yaml() {
    assert_eq!(camel_case("poll-interval-waiting"), "pollIntervalWaiting");
    assert_eq!(camel_case("concurrency"), "concurrency");
}
