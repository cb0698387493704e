//! Foreign text on a terminal: users, messages and words of Composio may hold anything.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in one line, with every character written out that would move the cursor, change the terminal or
/// the direction of writing, or not be seen.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => plain.push_str("\\n"),
            '\t' => plain.push_str("\\t"),
            '\r' => plain.push_str("\\r"),
            character if is_hostile(character) => plain.extend(character.escape_unicode()),
            character => plain.push(character),
        }
    }
    plain
}

/// Whether it would move a terminal, or mislead its reader: C0, C1 and DEL; line and paragraph separators; marks of
/// direction; what has no width.
pub(crate) fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What an error says of a file that cannot be parsed, without the lines of it that some add: there may be a token in them.
/// It ends with the place, since what comes behind may name a value.
pub(crate) fn without_snippet(error: &str) -> &str {
    const COLUMN: &str = " column ";
    let first = error.lines().next().unwrap_or_default();
    let Some(at) = first.find(COLUMN).map(|at| at + COLUMN.len()) else {
        return first;
    };
    let digits = first[at..].bytes().take_while(u8::is_ascii_digit).count();
    &first[..at + digits]
}

/// A count with the word for one or for several.
pub(crate) fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}

/// How many columns it takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// What a command begins with that is to be typed.
pub(crate) const COMMAND: &str = "kubectl composio ";

/// The text in lines of so many columns, broken between words. What is to be copied is in one line, however long it is: a
/// word, and a command that the text ends with.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let (text, command) = match text.find(COMMAND) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut lines = vec![String::new()];
    let command = (!command.is_empty()).then_some(command);
    let text = match command {
        Some(_) => text.trim_end(),
        None => text,
    };
    let words = (!text.is_empty()).then(|| text.split(' '));
    for word in words.into_iter().flatten().chain(command) {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The beginning of a text that fits into so many columns.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take_while(|character| {
            used += character.width().unwrap_or_default();
            used < columns
        })
        .collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_a_terminal_is_written_out() {
        let hostile = "a\u{1b}[31mb\r\nc\u{9b}\u{202e}d\u{200b}\u{7f}";
        let text = plain(hostile);
        assert_eq!(text, r"a\u{1b}[31mb\r\nc\u{9b}\u{202e}d\u{200b}\u{7f}");
        assert!(!text.chars().any(is_hostile));
        assert_eq!(plain("Grüße, 東京"), "Grüße, 東京");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrapped("a bbbbbbbb c", 4), ["a", "bbbbbbbb", "c"]);
        assert_eq!(wrapped("", 4), [""]);
        let told = "say so: kubectl composio resume a -n b";
        assert_eq!(
            wrapped(told, 10),
            ["say so:", "kubectl composio resume a -n b"]
        );
        assert_eq!(wrapped(told, 100), [told]);
        let alone = "kubectl composio check";
        assert_eq!(wrapped(alone, 4), [alone]);
    }

    #[test]
    fn an_error_tells_the_place_in_a_file_and_nothing_that_stands_there() {
        let told = "no YAML: error: line 12 column 3: invalid type: string \"sk-1\"\n --> <input>:12:3\n12 | token: sk-2";
        assert_eq!(without_snippet(told), "no YAML: error: line 12 column 3");
        assert_eq!(without_snippet("not found\nx"), "not found");
        assert_eq!(without_snippet(""), "");
    }

    #[test]
    fn what_is_cut_fits() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(width(&cut("東京東京", 5)), 5);
    }
}
