//! What a sign-in is told besides, such as the address of a server, as the page shows it.

use serde_json::Value;

use crate::text::sanitize_line;

/// The most fields: an object may have no more.
const MOST: usize = 64;
/// The most characters of a name or a value, where there are few of them, and where there are many: all fields are shown,
/// whatever their length, since each may name a server of somebody else's.
const LONGEST: [usize; 2] = [320, 100];
/// So many bytes are few.
const FEW: usize = 16 * 1024;

/// Names and values as a list in JSON, as far as they are shown.
pub(super) fn shown(data: &Value) -> Option<Box<str>> {
    let data = data.as_object().filter(|data| !data.is_empty())?;
    let cut = |longest: usize| {
        let fields = data.iter().take(MOST).map(|(name, value)| {
            let value = match value {
                Value::String(text) => sanitize_line(text, longest),
                other => sanitize_line(&other.to_string(), longest),
            };
            (sanitize_line(name, longest), value)
        });
        serde_json::to_string(&fields.collect::<Vec<_>>()).ok()
    };
    let [few, many] = LONGEST.map(cut);
    few.filter(|few| few.len() <= FEW).or(many).map(Into::into)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(data: &Value) -> Vec<(String, String)> {
        let text = shown(data).expect("there is something");
        serde_json::from_str(&text).expect("a list")
    }

    #[test]
    fn all_fields_are_shown_and_no_more_of_them_is_kept() {
        assert_eq!(shown(&json!({})), None);
        assert_eq!(shown(&json!("x")), None);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let few = json!({"port": 443, "subdomain": "acme"});
        assert_eq!(read(&few), [pair("port", "443"), pair("subdomain", "acme")]);
        let long = read(&json!({"n".repeat(1_300_000): "v".repeat(1_300_000)}));
        let cut = |letter: &str| format!("{}…", letter.repeat(319));
        assert_eq!(long, [(cut("n"), cut("v"))]);
        let field = |n: usize| {
            (
                format!("{n:03}{}", "é".repeat(2_000)),
                json!("é".repeat(2_000)),
            )
        };
        let many: serde_json::Map<_, _> = (0..64).map(field).collect();
        let many = Value::Object(many);
        let fields = read(&many);
        assert_eq!(fields.len(), 64);
        for (n, (name, value)) in fields.iter().enumerate() {
            assert!(name.starts_with(&format!("{n:03}é")), "{name}");
            assert_eq!(value.chars().count(), 100);
        }
        let kept = shown(&many).expect("there is something");
        assert!(kept.len() <= 64 * 2 * (2 * 100 + 8), "{}", kept.len());
    }
}
