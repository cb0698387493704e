//! The fields of a span in a text line: each once, as it was said last. By itself tracing adds a value that is
//! recorded again after the former one.

use std::fmt;

use tracing::span::Record;
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields, FormattedFields,
        format::{DefaultFields, Writer},
    },
};

#[derive(Default)]
pub(super) struct LastOfEach(DefaultFields);

impl<'writer> FormatFields<'writer> for LastOfEach {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let mut added = String::new();
        self.0.format_fields(Writer::new(&mut added), fields)?;
        for field in split(&added) {
            let name = name(field);
            let mut kept: Vec<&str> = split(&current.fields);
            kept.retain(|kept| self::name(kept) != name);
            kept.push(field);
            current.fields = kept.join(" ");
        }
        Ok(())
    }
}

/// The fields in `name=value name="a value"`.
fn split(fields: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let split = fields.split(move |c: char| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        c == ' ' && !is_quoted
    });
    split.filter(|field| !field.is_empty()).collect()
}

fn name(field: &str) -> &str {
    field.split('=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_spaces_quotes_and_equals_signs() {
        let fields = r#"a="x y=1 \" z" b=2 c="""#;
        assert_eq!(split(fields), [r#"a="x y=1 \" z""#, "b=2", r#"c="""#]);
        assert_eq!(
            split(fields).into_iter().map(name).collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
    }
}
