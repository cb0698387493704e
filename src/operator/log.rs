//! Log lines: what is logged is up to `RUST_LOG`, how, and what never, is not.

use std::{
    error::Error,
    io::{self, Write},
};

use tracing::{Metadata, Span, field::Empty, info_span};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{arguments::LogFormat, composio::error::causes, text};

mod fields;
use fields::LastOfEach;

/// They log bodies, headers and errors that quote what could not be decoded: of a Secret, or of an
/// object with its link. What they tell of failures the operator tells too, in words of its own.
const NEVER: [&str; 2] = ["kube_client::client", "kube_runtime::watcher"];

/// What went wrong, without where: the last cause. What could not be decoded is not quoted, as the client
/// would: it may be a link.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let quotes = |error: &(dyn Error + 'static)| {
        matches!(error.downcast_ref(), Some(kube::Error::SerdeError(_)))
    };
    if causes(error).any(quotes) {
        return "its answer has a form that is not known here".to_owned();
    }
    causes(error).last().unwrap_or(error).to_string()
}

/// The span of a pass over an object. Each line of the log that is written in it holds the object, and what is
/// known by then: the account, the rule that decided last, and the id of the last request to Composio.
pub fn pass_span(namespace: &str, name: &str) -> Span {
    info_span!(
        "reconcile",
        object = format!("{namespace}/{name}"),
        account = Empty,
        rule = Empty,
        request_id = Empty,
    )
}

/// Puts the account into the span of the pass. Outside of a pass nothing happens.
pub fn record_account(id: &str) {
    Span::current().record("account", id);
}

/// Puts the rule that has decided into the span of the pass.
pub fn record_rule(rule: &'static str) {
    Span::current().record("rule", rule);
}

/// Puts the id by which Composio knows the last request into the span of the pass.
pub fn record_request(id: &str) {
    Span::current().record("request_id", id);
}

/// Starts to log to standard error.
pub fn start(format: LogFormat) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| "info".to_owned());
    // Without colours, which are control characters themselves.
    let lines = fmt::layer()
        .with_ansi(false)
        .with_writer(|| Plain(io::stderr()));
    let lines = match format {
        LogFormat::Text => lines.fmt_fields(LastOfEach::default()).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(
            lines
                .with_filter(filter_fn(is_safe_to_log))
                .with_filter(EnvFilter::new(asked)),
        )
        .init();
}

fn is_safe_to_log(what: &Metadata<'_>) -> bool {
    // A span is no line; the one that tells of a request is worth having.
    what.is_span() || !NEVER.contains(&what.target())
}

/// Takes whole lines, and lets none of them be two, or do anything to a terminal.
struct Plain<W>(W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let mut plain: String = text
            .trim_end_matches('\n')
            .chars()
            .map(|one| {
                if text::is_plain(one) {
                    one
                } else {
                    char::REPLACEMENT_CHARACTER
                }
            })
            .collect();
        plain.push('\n');
        self.0.write_all(plain.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Captured {
        type Writer = Plain<Captured>;
        fn make_writer(&'a self) -> Self::Writer {
            Plain(self.clone())
        }
    }

    /// The line of a pass that has decided three times, and was answered twice.
    fn log_of_pass<L>(layer: impl FnOnce(Captured) -> L) -> String
    where
        L: Layer<tracing_subscriber::Registry> + Send + Sync,
    {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::registry().with(layer(captured.clone()));
        tracing::subscriber::with_default(subscriber, || {
            pass_span("agents", "mail").in_scope(|| {
                record_rule("LookAfresh");
                record_request("req_1");
                record_rule("Mark");
                record_rule("Link");
                record_account("ca_1");
                record_request("req_2");
                tracing::info!(effect = "Link", "effect applied");
            });
            tracing::info!("outside");
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_of_a_pass_holds_each_field_once_and_as_it_was_last() {
        let fields = r#"object="agents/mail" rule="Link" account="ca_1" request_id="req_2""#;
        let text = log_of_pass(|captured| {
            let lines = fmt::layer().with_ansi(false).with_writer(captured);
            lines.fmt_fields(LastOfEach::default())
        });
        assert!(text.contains("effect applied effect=\"Link\""), "{text}");
        assert!(text.contains(&format!("reconcile{{{fields}}}")), "{text}");
        let json = log_of_pass(|captured| fmt::layer().with_writer(captured).json());
        let line: serde_json::Value =
            serde_json::from_str(json.lines().next().unwrap()).expect("JSON");
        assert_eq!(line["fields"]["message"], "effect applied");
        let span = serde_json::json!({
            "name": "reconcile", "object": "agents/mail", "account": "ca_1", "rule": "Link",
            "request_id": "req_2",
        });
        assert_eq!(line["span"], span);
        for all in [text, json] {
            let outside = all.lines().last().unwrap();
            assert!(!outside.contains("agents/mail"), "{outside}");
        }
    }

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        let captured = Captured::default();
        let lines = fmt::layer().with_ansi(false).with_writer(captured.clone());
        let subscriber =
            tracing_subscriber::registry().with(lines.with_filter(filter_fn(is_safe_to_log)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(name = "a\u{1b}[31m", "one\ntwo\u{9b}31m\u{202e}");
            tracing::warn!(target: "kube_client::client", "{}", "the body of a Secret");
            tracing::warn!(target: "kube_runtime::watcher", "{}", "the body of an object");
        });
        let written = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 1, "{written:?}");
        assert!(written.contains("one\u{fffd}two"), "{written:?}");
        assert!(written.ends_with('\n'));
        assert!(
            written.trim_end_matches('\n').chars().all(text::is_plain),
            "{written:?}"
        );
    }
}
