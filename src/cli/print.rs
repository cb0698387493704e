//! What is printed, and how. Foreign text is escaped in what people read; JSON and YAML are serialised.

use std::env;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::arguments::{Options, Output};
use crate::failure::Failure;
use crate::{name, redact, text};

/// Columns of a screen whose width nobody tells.
const COLUMNS: usize = 100;
/// Below it words stand alone in their lines.
const FEWEST_COLUMNS: usize = 20;
/// The longest text in a table that is not `wide`.
const CELL: usize = 40;

/// Where the output goes.
pub(crate) struct Out {
    output: Output,
    headers: bool,
    is_terminal: bool,
    colour: bool,
    /// Whether a count stands in the last line of the terminal.
    counts: bool,
}

/// What a word is coloured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As declared.
    Good,
    /// It goes on by itself, or by the person who was asked.
    Waiting,
    /// Somebody must do something.
    Bad,
}

impl Out {
    /// As the flags and the environment say.
    pub(crate) fn new(options: &Options) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            output: options.output,
            headers: !options.no_headers,
            is_terminal,
            colour: is_terminal && !is_set("NO_COLOR") && !is_dumb(),
            counts: false,
        }
    }

    /// The form that is asked for.
    pub(crate) fn form(&self) -> Output {
        self.output
    }

    /// Whether a person reads along, and nobody keeps what they read.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// How many columns a line may have.
    pub(crate) fn columns(&self) -> usize {
        let said = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let seen = || {
            let size = self.is_terminal.then(terminal_size::terminal_size);
            size.flatten().map(|(width, _)| usize::from(width.0))
        };
        said.or_else(seen).unwrap_or(COLUMNS).max(FEWEST_COLUMNS)
    }

    /// Text that is ours.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// A line that is ours, or escaped.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.text(&format!("{line}\n"))
    }

    /// A table. Its cells are escaped here, and cut where it is not `wide`.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        let cell = |value: &String| {
            let value = match text::plain(value) {
                empty if empty.is_empty() => "<none>".to_owned(),
                value => value,
            };
            match self.output {
                Output::Wide => value,
                Output::Table | Output::Json | Output::Yaml | Output::Name => {
                    text::cut(&value, CELL)
                }
            }
        };
        let head = self
            .headers
            .then(|| head.iter().map(|word| (*word).to_owned()).collect());
        let rows = rows.iter().map(|row| row.iter().map(cell).collect());
        let lines: Vec<Vec<String>> = head.into_iter().chain(rows).collect();
        let table = aligned(&lines);
        self.text(&table)
    }

    /// Values in the form that is asked for, without links and managed fields. `None`: the form is for people, and the caller's.
    pub(crate) fn values(
        &mut self,
        objects: Vec<Value>,
        is_one: bool,
    ) -> Option<Result<(), Failure>> {
        let objects = objects.into_iter().map(|mut object| {
            redact::redact_link(&mut object);
            // As kubectl does: nobody reads who wrote which field.
            if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
                metadata.remove("managedFields");
            }
            object
        });
        let objects: Vec<Value> = objects.collect();
        if self.output == Output::Name {
            let names = objects
                .iter()
                .filter_map(|object| object["metadata"]["name"].as_str());
            let lines: String = names
                .map(|object| format!("{}/{object}\n", name::RESOURCE))
                .collect();
            return Some(self.text(&lines));
        }
        let value = match objects.into_iter() {
            mut one if is_one => one.next().unwrap_or_default(),
            all => {
                serde_json::json!({"apiVersion": "v1", "kind": "List", "items": all.collect::<Vec<_>>()})
            }
        };
        self.value(&value)
    }

    /// A value that holds no link, as JSON or YAML. `None`: another form is asked for.
    pub(crate) fn value(&mut self, value: &Value) -> Option<Result<(), Failure>> {
        let written = match self.output {
            Output::Json => json(value),
            Output::Yaml => yaml(value),
            Output::Table | Output::Wide | Output::Name => return None,
        };
        Some(match written {
            Ok(text) => self.line(text.trim_end()),
            Err(error) => Err(Failure::Failed(format!("cannot be written: {error}"))),
        })
    }

    /// The word in its colour, where there are colours.
    pub(crate) fn toned(&self, word: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Waiting => 33,
            Tone::Bad => 31,
        };
        match self.colour {
            true => format!("\u{1b}[{code}m{word}\u{1b}[0m"),
            false => word.to_owned(),
        }
    }

    /// How many columns a line may have of what stays in one line where nobody reads along.
    pub(crate) fn columns_to_fill(&self) -> Option<usize> {
        let is_said = env::var_os("COLUMNS").is_some();
        (self.is_terminal || is_said).then(|| self.columns())
    }

    /// What is on its way, for whoever waits at a terminal.
    pub(crate) fn progress(&self, message: &str) {
        progress(message);
    }

    /// How far it has come, in one line that is written over, for whoever waits at a terminal.
    pub(crate) fn count(&mut self, what: &str, done: usize, of: Option<u64>) {
        let mut err = io::stderr().lock();
        if err.is_terminal() {
            let of = of.map_or(String::new(), |all| format!(" of {all}"));
            // A line that fills the last column goes on in the next, where nothing erases it.
            let columns = terminal_columns();
            let line = text::cut(&format!("{what}: {done}{of}"), columns - 1);
            // There is nowhere left to report a failure of this write.
            let _ = write!(err, "{}{line}", erase(columns));
            let _ = err.flush();
            self.counts = true;
        }
    }

    /// Takes that line away.
    pub(crate) fn end_count(&mut self) {
        if std::mem::take(&mut self.counts) {
            let mut err = io::stderr().lock();
            let _ = write!(err, "{}", erase(terminal_columns()));
            let _ = err.flush();
        }
    }

    /// What is no output: for whoever runs the command.
    pub(crate) fn note(&self, message: &str) {
        let mut err = io::stderr().lock();
        let lines = match err.is_terminal() {
            true => text::wrapped(message, terminal_columns()).join("\n"),
            false => message.to_owned(),
        };
        let _ = writeln!(err, "{lines}");
    }

    /// Why it failed.
    pub(crate) fn complain(&self, why: &str) {
        self.note(&format!("error: {why}"));
    }
}

/// What is on its way, for whoever waits at a terminal. A count in its last line is written over.
pub(crate) fn progress(message: &str) {
    let mut err = io::stderr().lock();
    if err.is_terminal() {
        let columns = terminal_columns();
        let lines = text::wrapped(&text::plain(message), columns).join("\n");
        // There is nowhere left to report a failure of this write.
        let _ = writeln!(err, "{}{lines}", erase(columns));
    }
}

/// How many columns the terminal of the standard error has.
fn terminal_columns() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr());
    let seen = size.map(|(width, _)| usize::from(width.0));
    seen.unwrap_or(COLUMNS).max(FEWEST_COLUMNS)
}

/// What takes away the line in which the cursor is.
fn erase(columns: usize) -> String {
    match is_dumb() {
        true => format!("\r{:1$}\r", "", columns - 1),
        false => "\r\u{1b}[K".to_owned(),
    }
}

/// Whether the terminal knows no sequences.
fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// JSON of a value, which moves no terminal: what would is escaped, and stands in strings alone.
pub(crate) fn json(value: &Value) -> Result<String, String> {
    let written = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    let mut json = String::with_capacity(written.len());
    for character in written.chars() {
        match character {
            '\n' => json.push(character),
            hostile if text::is_hostile(hostile) => {
                let mut units = [0; 2];
                for unit in hostile.encode_utf16(&mut units) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            }
            plain => json.push(plain),
        }
    }
    Ok(json)
}

/// YAML of a value, in which nothing foreign can end its own text. What YAML would hold as it is, and would
/// move a terminal, is held as JSON does, which is YAML too.
pub(crate) fn yaml(value: &Value) -> Result<String, String> {
    let yaml = serde_saphyr::to_string(value).map_err(|error| error.to_string())?;
    match yaml.contains(|character| character != '\n' && text::is_hostile(character)) {
        true => json(value).map(|json| json + "\n"),
        false => Ok(yaml),
    }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells
                .map(|cell| text::width(cell))
                .max()
                .unwrap_or_default()
        })
        .collect();
    let mut table = String::new();
    for line in lines {
        let mut written = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            written.push_str(cell);
            let gap = width - text::width(cell) + 3;
            written.extend(std::iter::repeat_n(' ', gap));
        }
        table.push_str(written.trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_seen_of_their_cells() {
        let lines = [["A", "B"], ["東京", "x"], ["abcde", ""]];
        let lines = lines.map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(aligned(&lines), "A       B\n東京    x\nabcde\n");
    }

    #[test]
    fn yaml_gives_back_what_went_in_whatever_it_holds() {
        let odd = [
            "a: b\n---\nkind: ClusterRoleBinding",
            "\u{1b}[2J",
            "\u{2028}\u{85}\u{feff}",
            "- x",
            "'",
            "\"",
            "#",
            "yes",
            "1e3",
            "null",
            "~",
            "",
            " a ",
            "a\t",
            "\u{0}",
            "!tag",
            "&a",
            "*a",
            "%",
            "@",
            "`",
            "|",
            ">\n",
            "\n\n",
            "\r\n",
            "💥",
            "\u{202e}",
        ];
        for odd in odd {
            let value = serde_json::json!({"user": odd, odd: [odd]});
            let yaml = yaml(&value).expect("it can be written");
            let read: Value = serde_saphyr::from_str(&yaml)
                .unwrap_or_else(|error| panic!("{odd:?}: {error}\n{yaml}"));
            assert_eq!(read, value, "{yaml}");
            let is_hostile = |character| text::is_hostile(character) && character != '\n';
            assert!(!yaml.contains(is_hostile), "{odd:?}: {yaml:?}");
            let json = json(&value).expect("it can be written");
            assert!(!json.contains(is_hostile), "{odd:?}: {json:?}");
            let read: Value = serde_json::from_str(&json).expect("it is JSON");
            assert_eq!(read, value, "{json}");
        }
    }
}
