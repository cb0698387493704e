//! `kubectl composio connect`: the link, or the page, that the declared user must open.

use std::time::Duration;

use composio_api::{LINK_REQUESTED_ANNOTATION, Reason, condition, is_unanswered};
use composio_operator::act::LINK_LIFETIME;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::arguments::{Connect, Options, Output};
use crate::ask::{Answer, GRACE, ask};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::print::Out;
use crate::view::View;
use crate::watch::{self, Seen};
use crate::{name, text};

mod browser;

/// How long a link may take.
const FOR_LINK: Duration = Duration::from_secs(60);
/// How long a person may take: as long as a link is good for.
const FOR_PERSON: Duration = Duration::from_secs(600);

/// What came of waiting for a link.
enum Found {
    /// A person is to open it.
    Link { url: String, expires: Timestamp },
    /// The page on which a person asks for a link; it ends then, if at all.
    Page {
        url: String,
        expires: Option<Timestamp>,
    },
    /// Nobody need open any.
    Connected,
}

/// Has the link, prints it, and waits for the person if that is asked for.
pub(crate) async fn run(
    options: &Options,
    arguments: &Connect,
    stop: &mut Stop,
    out: &mut Out,
) -> Result<(), Failure> {
    may_print(arguments, out)?;
    let cluster = stop.or(Cluster::of(options)).await?;
    let name = &arguments.name;
    let object = stop.or(cluster.get(name)).await?;
    let view = View::of(&object);
    if let Some(why) = why_no_link(&view) {
        return Err(Failure::Failed(why));
    }
    let found = match find_link(&view, &Answer::None)? {
        Seen::Done(found) => found,
        Seen::NotYet(_) => wait_for_link(&cluster, &view, stop, out).await?,
    };
    let link = match found {
        Found::Connected => {
            let object = stop.or(cluster.get(name)).await?;
            return connected(object, name, out);
        }
        Found::Link { .. } if arguments.open => return Err(Failure::Usage(NO_PAGE.to_owned())),
        Found::Link { url, expires } => {
            print(&view, &url, expires, out)?;
            Some(url)
        }
        Found::Page { url, expires } => {
            print_page(&view, &url, expires, out)?;
            if arguments.open {
                browser::open(&url, stop).await?;
            }
            None
        }
    };
    if arguments.wait {
        let wait = stop.wait(FOR_PERSON);
        let probe = |view: &View<'_>| person(view, link.as_deref());
        watch::until(&cluster, name, wait, out, stop, probe).await?;
        out.note(&format!("{}/{name} connected", name::RESOURCE));
    }
    Ok(())
}

/// Waits for the link, and asks for one where none would come by itself.
async fn wait_for_link(
    cluster: &Cluster,
    view: &View<'_>,
    stop: &mut Stop,
    out: &Out,
) -> Result<Found, Failure> {
    let name = view.name();
    let before = view.annotation(LINK_REQUESTED_ANNOTATION);
    let handled = view.status.last_handled_link_request.as_deref();
    let is_open = is_unanswered(before, handled);
    let is_on_demand = view.object["spec"]["linkPolicy"] == "OnDemand";
    let is_first =
        !is_on_demand && view.status.last_link_issued_at.is_none() && view.status.state.is_none();
    let asked = match is_open || is_first {
        true => None,
        false => Some(ask(cluster, view, stop, out).await?),
    };
    let answer = match &asked {
        Some(asked) => asked.answer(view),
        None => before.map_or(Answer::None, Answer::ToAnnotation),
    };
    let wait = stop.wait(FOR_LINK);
    let probe = |view: &View<'_>| find_link(view, &answer);
    let waited = watch::until(cluster, name, wait, out, stop, probe).await;
    // Nobody would open the link, and each makes another account in Composio.
    if let (Err(_), Some(asked)) = (&waited, asked) {
        let taken_back = timeout(GRACE, asked.withdraw(cluster, name));
        let _ = stop.signals.or(async { Ok(taken_back.await) }).await;
    }
    waited
}

/// A link is a credential until it is used: it must not get into a log.
fn may_print(arguments: &Connect, out: &Out) -> Result<(), Failure> {
    let is_logged = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    if arguments.print_link || (out.is_terminal() && !is_logged) {
        return Ok(());
    }
    let why = match is_logged {
        true => {
            "the link is not printed where $CI is set, since who reads the log could use it: --print-link prints it all the same"
        }
        false => {
            "the link is printed to a terminal only, and this is none: --print-link prints it all the same"
        }
    };
    Err(Failure::Usage(why.to_owned()))
}

/// Why no link can be had, whatever is waited for.
fn why_no_link(view: &View<'_>) -> Option<String> {
    let name = view.name();
    if view.object["metadata"]["deletionTimestamp"].is_string() {
        return Some(format!("{name} is being deleted"));
    }
    if view.is_made_from_secret() {
        return Some(format!("{name} is made from a Secret: no person signs in"));
    }
    if view.is_suspended() {
        return Some(format!(
            "{name} is suspended, and no link is made: kubectl composio resume {name} -n {}",
            view.namespace()
        ));
    }
    None
}

/// What is there. `answer`: by what it is seen that the link which was asked for cannot be had.
fn find_link(view: &View<'_>, answer: &Answer<'_>) -> Result<Seen<Found>, Failure> {
    let now = Timestamp::now();
    let web = |url: &str, what: &str| match browser::is_web(url) {
        true => Ok(url.to_owned()),
        // Not even quoted: it may be a link all the same.
        false => Err(Failure::Failed(format!(
            "the {what} in the status of {} is no http:// or https:// address: it is neither printed nor opened, and \
             the operator has not written it",
            view.name()
        ))),
    };
    let mut ended = None;
    if let Some(page) = &view.status.connect_page {
        let expires = page.expires_at.as_ref().map(|time| time.0);
        match expires.filter(|expires| *expires <= now) {
            None => {
                let url = web(&page.url, "connect page")?;
                return Ok(Seen::Done(Found::Page { url, expires }));
            }
            over => ended = over,
        }
    }
    if let Some(link) = view.usable_link(now)
        && let Some(url) = &link.url
    {
        // No link lives longer, whatever the status says.
        let latest = now.saturating_add(LINK_LIFETIME).unwrap_or(now);
        return Ok(Seen::Done(Found::Link {
            url: web(url, "link")?,
            expires: link.expires_at.0.min(latest),
        }));
    }
    let is_connected = [Reason::Connected, Reason::Disabled];
    if view.is_current() && view.status.says(condition::READY, &is_connected) {
        return Ok(Seen::Done(Found::Connected));
    }
    let (Some(said), reason) = (view.headline(), view.reason()) else {
        return Ok(Seen::NotYet(
            "the operator has not looked at it yet".to_owned(),
        ));
    };
    let is_answered = answer.is_in(view);
    let is_stalled = view.is_current() && view.is(condition::STALLED, "True");
    if is_stalled && (is_answered || !reason.is_some_and(Reason::waits_for_person)) {
        let (reason, message) = (&said.reason, text::plain(&said.message));
        return Err(Failure::Failed(format!(
            "no link can be had: {reason}: {message}"
        )));
    }
    Ok(Seen::NotYet(match ended {
        Some(ended) => {
            format!("its connect page ended at {ended}, and the operator has not made another yet")
        }
        None => format!("{}: {}", said.reason, said.message),
    }))
}

/// Whether the person has signed in, by that link or on the page.
fn person(view: &View<'_>, link: Option<&str>) -> Result<Seen<()>, Failure> {
    if view.is_current()
        && view
            .status
            .says(condition::READY, &[Reason::Connected, Reason::Disabled])
    {
        return Ok(Seen::Done(()));
    }
    // On the page whoever failed can try again.
    let is_same = link.is_none_or(|url| {
        let link = view.status.link.as_ref();
        link.is_some_and(|link| link.url.as_deref() == Some(url))
    });
    let said = view.headline();
    if !is_same && let Some(said) = said.filter(|said| said.type_ == condition::STALLED) {
        let message = text::plain(&said.message);
        return Err(Failure::Failed(format!(
            "it was not connected: {}: {message}",
            said.reason
        )));
    }
    Ok(Seen::NotYet(said.map_or(String::new(), |said| {
        format!("{}: {}", said.reason, said.message)
    })))
}

fn connected(object: Value, name: &str, out: &mut Out) -> Result<(), Failure> {
    match out.values(vec![object], true) {
        Some(written) => written,
        None => {
            out.note(&format!(
                "{}/{name} is connected, and needs no link",
                name::RESOURCE
            ));
            Ok(())
        }
    }
}

fn print(view: &View<'_>, url: &str, expires: Timestamp, out: &mut Out) -> Result<(), Failure> {
    match out.form() {
        Output::Name => out.line(&format!("{}/{}", name::RESOURCE, view.name())),
        Output::Json | Output::Yaml => {
            let link = json!({
                "namespace": view.namespace(), "name": view.name(), "user": view.user(),
                "link": {"url": url, "expiresAt": expires.to_string()},
            });
            out.value(&link).unwrap_or(Ok(()))
        }
        Output::Table | Output::Wide => {
            let seconds = expires.duration_since(Timestamp::now()).as_secs().max(0);
            out.note(&format!(
                "For {} alone, good for {}m{:02}s: whoever opens it connects an account of their own.",
                text::plain(view.user()),
                seconds / 60,
                seconds % 60
            ));
            out.line(&text::plain(url))
        }
    }
}

fn print_page(
    view: &View<'_>,
    url: &str,
    expires: Option<Timestamp>,
    out: &mut Out,
) -> Result<(), Failure> {
    match out.form() {
        Output::Name => out.line(&format!("{}/{}", name::RESOURCE, view.name())),
        Output::Json | Output::Yaml => {
            let expires = expires.map(|expires| expires.to_string());
            let page = json!({
                "namespace": view.namespace(), "name": view.name(), "user": view.user(),
                "connectPage": {"url": url, "expiresAt": expires},
            });
            out.value(&page).unwrap_or(Ok(()))
        }
        Output::Table | Output::Wide => {
            let user = text::plain(view.user());
            let until = expires.map(|expires| format!(", good until {expires}"));
            out.note(&format!(
                "The page for {user} alone{}: whoever presses the button connects an account of their own.",
                until.unwrap_or_default()
            ));
            out.line(&text::plain(url))
        }
    }
}

const NO_PAGE: &str = "--open opens the connect page, which this operator does not serve: a link is printed only, since it would stand in the list of processes";
