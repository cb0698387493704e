//! Links, and addresses of the connect page, which hold a token. Whoever opens one connects an account of their own in
//! the user's place, so `connect` alone prints it, and everything else that is printed goes through here.

use composio_api::LAST_APPLIED_ANNOTATION;
use serde_json::Value;

/// What stands in a link's place.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Where they belong.
const PLACES: [&str; 2] = ["/status/link", "/status/connectPage"];

/// Takes the links out of an object: where it belongs, and wherever else in the object it stands.
pub(crate) fn redact_link(object: &mut Value) {
    let mut links = Vec::new();
    take_links(object, &mut links);
    let annotations = object.pointer_mut("/metadata/annotations");
    if let Some(Value::String(applied)) =
        annotations.and_then(|all| all.get_mut(LAST_APPLIED_ANNOTATION))
    {
        match serde_json::from_str(applied) {
            Ok(mut copy) => {
                take_links(&mut copy, &mut links);
                *applied = copy.to_string();
            }
            // Nobody can say what it holds.
            Err(_) => HIDDEN.clone_into(applied),
        }
    }
    for link in links {
        replace_link(object, &link);
    }
}

fn take_links(object: &mut Value, links: &mut Vec<String>) {
    for place in PLACES {
        if let Some(link) = object.pointer_mut(place) {
            take_link(link, links);
        }
    }
}

fn take_link(link: &mut Value, links: &mut Vec<String>) {
    if link.is_null() {
        return;
    }
    let Some(url) = link.get_mut("url") else {
        // In a form that is not known the link may be anywhere in it.
        *link = Value::from(HIDDEN);
        return;
    };
    let taken = std::mem::replace(url, Value::from(HIDDEN));
    // Something shorter stands in other words too, and is no link.
    let taken = taken.as_str().filter(|url| url.contains("://"));
    links.extend(taken.map(str::to_owned));
}

fn replace_link(value: &mut Value, link: &str) {
    match value {
        Value::String(text) if text.contains(link) => *text = text.replace(link, HIDDEN),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_link(item, link)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|item| replace_link(item, link)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LINK: &str = "https://connect.example/link/lk_secret";

    #[test]
    fn a_link_is_hidden_wherever_it_stands() {
        let applied = json!({"status": {"link": {"url": "https://old.example/lk_old"}}, "x": LINK});
        let mut object = json!({
            "metadata": {"annotations": {LAST_APPLIED_ANNOTATION: applied.to_string(), "note": format!("see {LINK}!")}},
            "status": {"link": {"url": LINK, "expiresAt": "2026-01-01T00:00:00Z"}, "conditions": [{"message": LINK}]},
        });
        redact_link(&mut object);
        let text = object.to_string();
        assert!(!text.contains("lk_"), "{text}");
        assert_eq!(object["status"]["link"]["url"], HIDDEN);
        assert_eq!(
            object["status"]["link"]["expiresAt"],
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(object["metadata"]["annotations"]["note"], "see (hidden)!");
    }

    #[test]
    fn a_link_in_a_form_that_is_not_known_is_hidden_as_a_whole() {
        for form in [json!(LINK), json!([LINK]), json!({"href": LINK})] {
            let mut object = json!({"status": {"link": form}});
            redact_link(&mut object);
            assert_eq!(object["status"]["link"], HIDDEN);
        }
        let mut object = json!({"metadata": {"annotations": {LAST_APPLIED_ANNOTATION: LINK}}});
        redact_link(&mut object);
        assert!(!object.to_string().contains("lk_"));
    }

    #[test]
    fn the_address_of_a_page_is_hidden_as_a_link_is() {
        let url = "https://connect.example/connect/a/mail?t=TOKEN";
        let mut object = json!({
            "metadata": {"annotations": {"note": url}},
            "status": {"connectPage": {"url": url, "expiresAt": "2026-01-01T00:00:00Z"}},
        });
        redact_link(&mut object);
        assert!(!object.to_string().contains("TOKEN"), "{object}");
        assert_eq!(object["status"]["connectPage"]["url"], HIDDEN);
    }

    #[test]
    fn an_object_without_a_link_stays_as_it_is() {
        let mut object = json!({"spec": {"user": "u"}, "status": {"link": {"url": ""}}});
        redact_link(&mut object);
        assert_eq!(object["spec"]["user"], "u");
    }
}
