//! One object on one screen.

use jiff::Timestamp;

use super::events::Events;
use crate::print::Out;
use crate::redact::HIDDEN;
use crate::text;
use crate::view::{View, ago};

/// Columns of the labels.
const LABEL: usize = 14;

/// The screen of an object.
pub(super) fn of(view: &View<'_>, events: &Events, now: Timestamp, out: &Out) -> String {
    let columns = out.columns();
    let mut screen = heading(view, out);
    let mut push = |label: &str, text: &str| {
        if !text.is_empty() {
            screen.push_str(&labelled(label, &text::plain(text), columns));
        }
    };
    let status = &view.status;
    if let Some(said) = view.headline() {
        push("Since", &moment(said.last_transition_time.0, now));
        push("Message", &without_link(view, view.message()));
    }
    if let Some(command) = what_to_do(view) {
        push("What to do", &command);
    }
    push("User", view.user());
    push("Toolkit", view.toolkit());
    let state = status.state.as_deref().unwrap_or_default();
    let why = status.state_reason.as_deref().unwrap_or_default();
    let account = status.connected_account_id.as_deref().unwrap_or("none yet");
    let words: Vec<&str> = [account, state, why]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect();
    push("Account", &words.join(", "));
    push("Identity", status.identity.as_deref().unwrap_or_default());
    push(
        "Auth config",
        status.auth_config.as_deref().unwrap_or_default(),
    );
    if let Some(written) = &status.written_to {
        let name = &written.config_map;
        let not_written = view.missing_config_map();
        let said = not_written.map_or(name.clone(), |missing| {
            format!(
                "{name}, not written ({}): {}",
                missing.reason, missing.message
            )
        });
        push("ConfigMap", &said);
    }
    if let Some(connected) = &status.connected_at {
        push("Connected", &moment(connected.0, now));
    }
    if let Some(link) = &status.link {
        let expires = link.expires_at.0;
        let over = match now < expires {
            true => format!("{HIDDEN}, good until {expires}"),
            false => format!("{HIDDEN}, over since {expires}"),
        };
        push("Link", &over);
    }
    screen.push_str(&event_lines(view, events, now, columns));
    screen
}

/// A text without the link of the object.
pub(crate) fn without_link(view: &View<'_>, text: &str) -> String {
    let link = view.status.link.as_ref();
    let link = link.and_then(|link| link.url.as_deref());
    let page = view.status.connect_page.as_ref();
    let page = page.map(|page| page.url.as_str());
    let urls = link.into_iter().chain(page);
    urls.filter(|url| url.contains("://"))
        .fold(text.to_owned(), |text, url| text.replace(url, HIDDEN))
}

fn heading(view: &View<'_>, out: &Out) -> String {
    let words = match (view.headline(), view.reason()) {
        (_, Some(reason)) => reason.words(),
        (Some(said), None) => text::plain(&said.reason),
        (None, _) => "not looked at yet".to_owned(),
    };
    let old = match view.is_current() || view.headline().is_none() {
        true => "",
        false => " (before the last change)",
    };
    let words = out.toned(&words, view.tone());
    format!("{}/{}: {words}{old}\n", view.namespace(), view.name())
}

/// What helps: a command of this program where there is one; else what the reason means, if the message does
/// not say so already.
fn what_to_do(view: &View<'_>) -> Option<String> {
    let command = |verb: &str| {
        let (name, namespace) = (view.name(), view.namespace());
        Some(format!("kubectl composio {verb} {name} -n {namespace}"))
    };
    if view.is_suspended() {
        return command("resume");
    }
    if view.headline().is_none() {
        return Some("if that lasts: kubectl composio check".to_owned());
    }
    let Some(reason) = view.reason() else {
        return Some("ask a newer release of this program: it does not know the reason".to_owned());
    };
    match reason {
        reason if reason.waits_for_person() && view.is_problem() => command("connect"),
        _ if !view.is_problem() || view.message().contains(reason.meaning()) => None,
        reason => Some(reason.meaning().to_owned()),
    }
}

fn moment(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago, {then}", ago(then, now))
}

fn labelled(label: &str, text: &str, columns: usize) -> String {
    let room = columns.saturating_sub(LABEL + 2);
    let mut lines = String::new();
    let parts = text::wrapped(text, room);
    for (at, line) in parts.iter().enumerate() {
        let label = match at {
            0 => label,
            _ => "",
        };
        lines.push_str(format!("  {label:LABEL$}{line}").trim_end());
        lines.push('\n');
    }
    lines
}

fn event_lines(view: &View<'_>, events: &Events, now: Timestamp, columns: usize) -> String {
    match events {
        Events::Unknown(why) => labelled("Events", why, columns),
        Events::Known(events) if events.is_empty() => labelled("Events", "none", columns),
        Events::Known(events) => {
            let mut text = labelled("Events", "", columns);
            for event in events {
                let age = event.at.map_or("?".to_owned(), |at| ago(at, now));
                let warning = match event.type_.as_str() {
                    "Normal" => String::new(),
                    other => format!("{other} "),
                };
                let note = without_link(view, &event.note);
                let line = text::plain(&format!("{warning}{}: {note}", event.reason));
                text.push_str(&labelled(&format!("  {age}"), &line, columns));
            }
            text
        }
    }
}
