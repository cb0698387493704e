//! The pages as HTML. What is put in is escaped by its type; there is no script.

use std::sync::{Arc, LazyLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{
    account::{Account, State},
    onward::Onward,
    stage::{Asking, Last, asking},
    texts::{self, Notice},
};
use crate::text::sanitize_line;

#[cfg(test)]
mod tests;

const STYLE: &str = include_str!("style.css");
/// The most characters that are shown of a text.
const LONGEST: usize = 320;
/// Accounts of one namespace in a list.
const LISTED: usize = 20;

/// What browsers are allowed to load and do: nothing but this style, and to send forms back.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// Whose page it is.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The name that it bears.
    pub name: String,
    /// Whom people ask for help.
    pub support: Option<String>,
}

/// How a page looks at first sight, and is read out.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    Plain,
    Busy,
    Good,
    Bad,
}

/// What the page of an object offers.
pub(super) struct Ask<'a> {
    pub(super) account: &'a Account,
    pub(super) path: &'a str,
    pub(super) form_token: &'a str,
    pub(super) last: Option<Last>,
    pub(super) again: bool,
}

impl Brand {
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Markup {
        let Ask {
            account,
            path,
            form_token,
            last,
            again,
        } = ask;
        let toolkit = shown(account.toolkit());
        let title = texts::ask_title(&toolkit);
        let body = html! {
            @if let Some(last) = last { p.note role="status" { (texts::last(*last)) } }
            dl {
                dt { (texts::ASKED_BY) } dd { (texts::team(account.namespace())) }
                dt { (texts::THROUGH) }
                dd { (texts::project(&shown(account.project()), account.is_of_cluster_project())) }
                dt { (texts::FOR) } dd { (shown(account.person())) }
                @if let Some(expected) = account.expected_identity() {
                    dt { (texts::SIGN_IN_AS) } dd { (shown(expected)) }
                }
            }
            @if let Some(description) = account.description() {
                figure {
                    figcaption { (texts::TEAM_SAYS) }
                    blockquote { (shown(description)) }
                }
            }
            (settings(account))
            p { (texts::ask_warning(account.namespace())) }
            form method="post" action=(path) {
                input type="hidden" name="form" value=(form_token);
                @if *again || *last == Some(Last::OtherBrowser) {
                    @if *last != Some(Last::OtherBrowser) {
                        button name="action" value="connect" { (texts::CONNECT) }
                        p.small { (texts::START_OVER_WHY) }
                    }
                    button.quiet name="action" value="start-over" { (texts::START_OVER) }
                } @else {
                    button name="action" value="connect" { (texts::CONNECT) }
                }
            }
            p.small { (texts::ask_next(&toolkit)) }
        };
        self.page(&title, Tone::Plain, body)
    }

    /// A page that goes on by itself.
    pub(super) fn wait(&self, notice: &Notice) -> Markup {
        let body = html! { p role="status" { (notice.text) } };
        self.page(&notice.title, Tone::Busy, body)
    }

    pub(super) fn ready(&self, account: &Account, to: &Onward, path: &str) -> Markup {
        let Notice { title, text } = texts::ready(&shown(account.toolkit()), &to.host);
        let body = html! {
            p role="status" { (text) }
            (settings(account))
            p { a.button href=(path) rel="noreferrer" { (texts::GO_ON) } }
        };
        self.page(&title, Tone::Good, body)
    }

    pub(super) fn ended(&self, notice: &Notice, tone: Tone, onward: Option<&Onward>) -> Markup {
        let body = html! {
            p role="status" { (notice.text) }
            @match onward {
                Some(to) => p { a.button href=(to.address) rel="noreferrer" { (texts::GO_ON_TO) " " (to.host) } },
                None => p.small { (texts::CLOSE) },
            }
        };
        self.page(&notice.title, tone, body)
    }

    /// An end from which the person can go back to the page of the object.
    pub(super) fn back(&self, notice: &Notice, path: &str) -> Markup {
        let body = html! {
            p role="status" { (notice.text) }
            p { a.button href=(path) { (texts::BACK_TO_PAGE) } }
        };
        self.page(&notice.title, Tone::Bad, body)
    }

    pub(super) fn elsewhere(&self, account: &Account) -> Markup {
        let paragraphs = texts::elsewhere(
            &shown(account.toolkit()),
            account.namespace(),
            account.state() == State::Inactive,
        );
        let body = html! {
            div role="alert" { @for paragraph in &paragraphs { p { (paragraph) } } }
        };
        self.page(texts::ELSEWHERE_TITLE, Tone::Bad, body)
    }

    pub(super) fn plain(&self, notice: &Notice) -> Markup {
        let body = html! { p role="status" { (notice.text) } };
        self.page(&notice.title, Tone::Bad, body)
    }

    /// The accounts of a person, in the order of their keys.
    pub(super) fn list(&self, accounts: &[Arc<Account>], now: Timestamp) -> Markup {
        let teams = accounts.chunk_by(|one, other| one.namespace() == other.namespace());
        let body = html! {
            @if accounts.is_empty() { p { (texts::LIST_EMPTY) } }
            @for team in teams {
                @if let Some(first) = team.first() {
                    h2 { (texts::team(first.namespace())) }
                }
                ul { @for account in team.iter().take(LISTED) { li { (item(account, now)) } } }
                @if team.len() > LISTED { p.small { (texts::list_more(team.len() - LISTED)) } }
            }
        };
        self.page(texts::LIST_TITLE, Tone::Plain, body)
    }

    fn page(&self, title: &str, tone: Tone, body: Markup) -> Markup {
        let (sign, class) = match tone {
            Tone::Plain => ("→", "sign"),
            Tone::Busy => ("…", "sign"),
            Tone::Good => ("✓", "sign good"),
            Tone::Bad => ("!", "sign bad"),
        };
        html! {
            (DOCTYPE)
            html lang=(texts::LANG) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex, nofollow";
                    title { (title) " · " (self.name) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header { (self.name) }
                    main {
                        div class=(class) aria-hidden="true" { (sign) }
                        h1 { (title) }
                        (body)
                    }
                    @if let Some(support) = &self.support { footer { (texts::HELP) " " (contact(support)) } }
                }
            }
        }
    }
}

fn item(account: &Account, now: Timestamp) -> Markup {
    let state = match asking(account, now) {
        Asking::Connected => texts::LIST_CONNECTED,
        Asking::Checking => texts::LIST_CHECKING,
        Asking::Off => texts::LIST_OFF,
        Asking::Ask { .. } => texts::LIST_WAITS,
    };
    html! {
        a href={ "/connect/" (account.key()) } { (shown(account.toolkit())) " (" (account.name()) ")" }
        span.small { " " (state) }
        @if let Some(description) = account.description() {
            blockquote { (shown(description)) }
        }
    }
}

/// What the sign-in is told besides: somebody else's server may be in it.
fn settings(account: &Account) -> Markup {
    let data = account.connection_data();
    html! {
        @if !data.is_empty() {
            h2 { (texts::SETTINGS) }
            dl { @for (name, value) in &data { dt { (shown(name)) } dd { (shown(value)) } } }
        }
    }
}

/// What the operator's flags say, as a link where it is one.
fn contact(text: &str) -> Markup {
    let address = match text {
        url if url.starts_with("https://") => Some(url.to_owned()),
        mail if mail.contains('@') && !mail.contains(char::is_whitespace) => {
            Some(format!("mailto:{mail}"))
        }
        _ => None,
    };
    html! {
        @match address {
            Some(address) => a href=(address) rel="noreferrer" { (text) },
            None => (text),
        }
    }
}

/// A text of somebody who may put anything into it: on one line, without what is invisible or turns the text around it.
pub(super) fn shown(text: &str) -> String {
    sanitize_line(text, LONGEST)
}
