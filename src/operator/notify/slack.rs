//! Messages of Slack's incoming webhooks. Pure.
//!
//! What a team has written stands in blocks of plain text alone, where nothing is a link or a mention. Only the
//! address of the connect page is a link. It is made of the URL where the page is served and the names of namespace and
//! object, which the apiserver has checked: nothing of it is read from the status, where others may have written it.
#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{digest::Digest, notice::Notice};

/// How the body is announced.
pub(super) const CONTENT_TYPE: &str = "application/json; charset=utf-8";
/// Slack's limit for the text of a block is 3,000 characters.
const MAX_TEXT: usize = 2900;
/// The most lines of a digest.
const MOST_LINES: usize = 25;

/// One notice as a message.
pub(super) fn message(notice: &Notice) -> Value {
    let title = title(notice);
    let mut lines = vec![
        notice.sentence().to_owned(),
        format!("Toolkit: {}", notice.toolkit),
        format!("User: {}", notice.user),
    ];
    if notice.person != notice.user {
        lines.push(format!("Person: {}", notice.person));
    }
    if let Some(description) = &notice.description {
        lines.push(format!("The team says: “{description}”"));
    }
    let mut blocks = vec![plain(&title), plain(&lines.join("\n"))];
    if let Some(page) = &notice.page {
        blocks.push(link(page));
    }
    body(&title, blocks)
}

/// Many notices as one message.
pub(super) fn digest(digest: &Digest) -> Value {
    let title = format!("{} changes of connected accounts", digest.total);
    let by_type = digest.by_type.iter();
    let by_type = by_type.map(|(type_, count)| format!("{}: {count}", type_.as_str()));
    let mut blocks = vec![plain(&title)];
    let counts = by_type.chain(counted("in", &digest.by_namespace));
    let counts = counts.chain(counted("not told one by one, in", &digest.omitted));
    for lines in [
        counts.collect::<Vec<_>>(),
        digest.first.iter().map(self::title).collect(),
    ] {
        if lines.is_empty() {
            continue;
        }
        let more = lines.len().saturating_sub(MOST_LINES);
        let mut text = lines[..lines.len() - more].join("\n");
        if more > 0 {
            text.push_str(&format!("\nand {more} more"));
        }
        blocks.push(plain(&text));
    }
    body(&title, blocks)
}

fn counted(words: &str, counts: &BTreeMap<String, usize>) -> Vec<String> {
    let counts = counts.iter();
    let counts = counts.map(|(namespace, count)| format!("{words} {namespace}: {count}"));
    counts.collect()
}

/// Who asks comes before what they say.
fn title(notice: &Notice) -> String {
    format!(
        "{}: {}/{} ({})",
        notice.type_.as_str(),
        notice.namespace,
        notice.name,
        notice.project
    )
}

/// `title` is what stands in a push message.
fn body(title: &str, blocks: Vec<Value>) -> Value {
    json!({"text": escaped(title), "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

fn plain(text: &str) -> Value {
    let text: String = text.chars().take(MAX_TEXT).collect();
    json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

fn link(page: &str) -> Value {
    let text = format!("<{}|Open the connect page>", escaped(page));
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// The three characters that mean something in Slack's mrkdwn, and what ends the address of a link.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '|' => escaped.push_str("%7C"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{
        super::{digest::tests::notices, notice::tests::notice},
        *,
    };

    /// The texts of all blocks, each with how Slack reads it.
    fn texts(message: &Value) -> Vec<(String, String)> {
        let blocks = message["blocks"].as_array().expect("blocks").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        blocks
            .map(|block| (text(&block["text"]["type"]), text(&block["text"]["text"])))
            .collect()
    }

    #[test]
    fn what_a_team_has_written_is_plain_text_and_the_page_alone_a_link() {
        for hostile in [
            "IT: reconnect now http://evil.example",
            "<!channel> <@U123> <https://evil.example|click>",
            "*bold* `code` &amp; ``` > quote",
            "\u{202e}gpj.evil",
        ] {
            let told = message(&notice(&json!({
                "description": hostile, "user": hostile, "person": hostile,
            })));
            for (kind, text) in texts(&told) {
                match kind.as_str() {
                    "plain_text" => {}
                    _ => assert_eq!(
                        text,
                        "<https://connect.acme.com/connect/agents/mail|Open the connect page>"
                    ),
                }
                assert!(!text.contains('\u{202e}'), "{text}");
            }
            assert_eq!(
                told["text"],
                "AwaitingUser: agents/mail (ClusterComposioProject/shared)"
            );
            assert!(!told.to_string().contains("SECRET"), "{told}");
        }
    }

    #[test]
    fn no_block_is_longer_than_slack_takes() {
        let long = "é".repeat(300);
        let told = message(&notice(&json!({"description": long, "user": long})));
        let many = digest(&Digest::of(
            &notices(&"n".repeat(63), 1000),
            &BTreeMap::new(),
        ));
        for (_, text) in texts(&told).into_iter().chain(texts(&many)) {
            assert!(text.chars().count() <= 3000, "{text}");
        }
        assert!(many["text"].as_str().expect("text").starts_with("1000 "));
    }

    #[test]
    fn a_digest_says_how_many_are_not_told_one_by_one() {
        let omitted = BTreeMap::from([("noisy".to_owned(), 940)]);
        let told = digest(&Digest::of(&[], &omitted)).to_string();
        assert!(
            told.contains("not told one by one, in noisy: 940"),
            "{told}"
        );
    }
}
