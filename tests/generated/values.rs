//! The table of the chart's values, from its `values.yaml`: each with its default and the comment above it.

use super::{read, row};

pub(super) fn table() -> String {
    of(&read("charts/composio-operator/values.yaml"))
}

fn of(values: &str) -> String {
    let mut table = String::from("| Value | Default | Meaning |\n|---|---|---|\n");
    let mut above: Vec<&str> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in values.lines() {
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix("# ") {
            comment.push(words);
            continue;
        }
        let said = comment.join(" ");
        comment.clear();
        let Some((key, default)) = text.split_once(':') else {
            assert!(text.is_empty(), "{line:?}");
            continue;
        };
        above.truncate((line.len() - text.len()) / 2);
        above.push(key);
        let default = match default.trim() {
            "" if said.is_empty() => continue,
            "" => String::new(),
            default => format!("`{default}`"),
        };
        table.push_str(&row(&[format!("`{}`", above.join(".")), default, said]));
    }
    table
}

#[test]
fn values_have_their_path_their_default_and_their_comment() {
    let values =
        "# Of the file.\n\na: \"\"\n# Two\n# lines.\nb:\n  c: 1\n  # Of d.\n  d: []\ne: {}\n";
    assert_eq!(
        of(values),
        "| Value | Default | Meaning |\n|---|---|---|\n\
         | `a` | `\"\"` | |\n\
         | `b` | | Two lines. |\n\
         | `b.c` | `1` | |\n\
         | `b.d` | `[]` | Of d. |\n\
         | `e` | `{}` | |\n"
    );
}
