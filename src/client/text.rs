//! Text that somebody else wrote, made fit to be shown: in a log line, a status or an event. No I/O.

/// How much of a foreign sentence is shown.
pub const SENTENCE: usize = 256;
/// From this length on a word of letters and digits is taken for a token: ids of accounts and
/// auth configs are shorter.
const TOKEN: usize = 20;
/// What stands for what is not shown.
const LEFT_OUT: &str = "[redacted]";

/// Whether a character does nothing but stand there. Control characters (terminal escapes begin with
/// one) do more, and so does what is invisible or turns the direction of the text around it.
pub fn is_plain(character: char) -> bool {
    !(character.is_control()
        || matches!(character,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'))
}

/// The text on one line, with nothing but plain characters in it, and at most `limit` of them. Where
/// it is cut, the last one is an ellipsis.
pub fn sanitize_line(text: &str, limit: usize) -> String {
    let text = text.trim();
    let is_cut = text.chars().nth(limit).is_some();
    let shown = text.chars().take(limit - usize::from(is_cut));
    let plain = shown.map(|character| match character {
        white if white.is_whitespace() => ' ',
        plain if is_plain(plain) => plain,
        _ => char::REPLACEMENT_CHARACTER,
    });
    plain.chain(is_cut.then_some('…')).collect()
}

/// The text with no URL in it, nor what is written together with one: any may be a link to sign in.
pub fn without_urls(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| if word.contains("://") { "[URL] " } else { word })
        .collect()
}

/// A sentence of somebody who may put anything into it, on one line as by [`sanitize_line`]: of a URL no more
/// than its host, since the rest may be a link to sign in, and nothing that looks like a token.
pub fn sentence(text: &str) -> String {
    // Before it is cut: half a token would not look like one. Of a text without an end not all is read.
    let begin: String = text.chars().take(16 * SENTENCE).collect();
    sanitize_line(&without_tokens(&without_paths(&begin)), SENTENCE)
}

fn without_paths(text: &str) -> String {
    let ends = |character: char| {
        character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>' | '`')
    };
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        shown.push_str(before);
        let (url, after) = url.split_at(url.find(ends).unwrap_or(url.len()));
        let host = url.find(['/', '?', '#', '\\']).unwrap_or(url.len());
        // A user and a password may stand before the host.
        let (user, name) = url[..host].rsplit_once('@').unwrap_or(("", &url[..host]));
        if !user.is_empty() {
            shown.push_str(LEFT_OUT);
            shown.push('@');
        }
        shown.push_str(name);
        if host < url.len() {
            shown.push_str("/…");
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn without_tokens(text: &str) -> String {
    let is_inside = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '+' | '=' | '~')
    };
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_inside) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|one| !is_inside(one)).unwrap_or(from.len()));
        let looks_like_one = word.len() >= TOKEN
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic());
        shown.push_str(before);
        shown.push_str(if looks_like_one { LEFT_OUT } else { word });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_of_plain_characters() {
        for (text, shown, reason) in [
            (" ok \r\n", "ok", "white space around it says nothing"),
            ("a\nb\tc\u{2028}d", "a b c d", "it stays on one line"),
            (
                "\u{1b}[31mred\u{7}",
                "\u{fffd}[31mred\u{fffd}",
                "a terminal escape begins with a control character",
            ),
            ("\u{9b}31m", "\u{fffd}31m", "and so does its eight-bit form"),
            (
                "a\u{202e}b\u{200b}c\u{feff}",
                "a\u{fffd}b\u{fffd}c\u{fffd}",
                "what turns or hides text",
            ),
            (
                "日本 ü 🦀",
                "日本 ü 🦀",
                "other people's letters are letters",
            ),
            ("0123456789", "0123456789", "it fits"),
            ("0123456789x", "012345678…", "it ends"),
        ] {
            assert_eq!(sanitize_line(text, 10), shown, "{reason}");
        }
    }

    #[test]
    fn without_urls_a_text_keeps_all_its_other_words() {
        for (text, shown) in [
            ("nothing to hide", "nothing to hide"),
            ("see https://a.example/x?t=1 first", "see [URL] first"),
            ("\"link\":\"https://a.example/x\"", "[URL] "),
            ("a\thttps://a\nb", "a\t[URL] b"),
        ] {
            assert_eq!(without_urls(text), shown);
        }
    }

    #[test]
    fn a_sentence_tells_no_link_and_no_token() {
        for (text, shown, reason) in [
            (
                "open https://connect.example/link/lk_1?t=2 first",
                "open https://connect.example/… first",
                "whoever has the link can sign in",
            ),
            (
                "\"https://u:hunter2@host:1#x\".",
                "\"https://[redacted]@host:1/…\".",
                "a password in a URL",
            ),
            (
                "see https://host",
                "see https://host",
                "a host alone is no link",
            ),
            ("a://b://c/d://e", "a://b:/…", "what only looks like URLs"),
            (
                "Bearer ya29.a0AfH6SMBx7Q2kLm9PqRs",
                "Bearer ya29.[redacted]",
                "letters and digits of that length are a token",
            ),
            (
                "key=sk-live-0123456789abcdef, refused",
                "[redacted], refused",
                "with what stands before it",
            ),
            (
                "Use POST /api/v3.1/connected_accounts/link for ca_Vn3sB8tQxG1a",
                "Use POST /api/v3.1/connected_accounts/link for ca_Vn3sB8tQxG1a",
                "paths and ids are none",
            ),
            (
                "ConnectedAccount_AlreadyExistsForThisEntity",
                "ConnectedAccount_AlreadyExistsForThisEntity",
                "a long word is none",
            ),
        ] {
            assert_eq!(sentence(text), shown, "{reason}");
        }
        let long = format!("{} 0123456789abcdefghijklmnopqrstuvwxyz", "x".repeat(240));
        assert!(
            !sentence(&long).contains("0123"),
            "the cut leaves no half of a token"
        );
    }
}
