//! `kubectl composio connect`: the link that the declared user must open.

use std::time::Duration;

use composio_api::{LINK_REQUESTED_ANNOTATION, Reason, condition, is_unanswered};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arguments::{Connect, Options, Output};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::print::Out;
use crate::view::View;
use crate::watch::{self, Interrupt, Seen};
use crate::{annotate, name, text};

/// How long a link may take.
const FOR_LINK: Duration = Duration::from_secs(60);
/// How long a person may take: as long as a link is good for.
const FOR_PERSON: Duration = Duration::from_secs(600);

/// What came of waiting for a link.
enum Found {
    /// A person is to open it.
    Link { url: String, expires: Timestamp },
    /// Nobody need open any.
    Connected,
}

/// Has the link, prints it, and waits for the person if that is asked for.
pub(crate) async fn run(
    options: &Options,
    arguments: &Connect,
    out: &mut Out,
) -> Result<(), Failure> {
    may_print(arguments, out)?;
    let cluster = Cluster::of(options).await?;
    let name = &arguments.name;
    let object = cluster.get(name).await?;
    let view = View::of(&object);
    if let Some(why) = why_no_link(&view) {
        return Err(Failure::Failed(why));
    }
    let found = match find_link(&view, None)? {
        Seen::Done(found) => found,
        Seen::NotYet(_) => wait_for_link(&cluster, &view, options, out).await?,
    };
    let Found::Link { url, expires } = found else {
        return connected(&cluster, name, out).await;
    };
    print(&view, &url, expires, out)?;
    if arguments.wait {
        let mut interrupt = Interrupt::listen()?;
        let timeout = options.timeout.unwrap_or(FOR_PERSON);
        watch::until(&cluster, name, timeout, out, &mut interrupt, |view| {
            person(view, &url)
        })
        .await?;
        out.note(&format!("{}/{name} connected", name::RESOURCE));
    }
    Ok(())
}

/// Waits for the link, and asks for one where none would come by itself.
async fn wait_for_link(
    cluster: &Cluster,
    view: &View<'_>,
    options: &Options,
    out: &Out,
) -> Result<Found, Failure> {
    let name = view.name();
    let before = view.annotation(LINK_REQUESTED_ANNOTATION);
    let handled = view.status.last_handled_link_request.as_deref();
    let is_open = is_unanswered(before, handled);
    let is_first = view.status.last_link_issued_at.is_none() && view.status.state.is_none();
    // Before anything is asked for, so that it can be taken back.
    let mut interrupt = Interrupt::listen()?;
    let asked = match is_open || is_first {
        true => None,
        false => Some(Asked::new(cluster, view).await?),
    };
    let token = asked.as_ref().map(|asked| asked.token.as_str()).or(before);
    let timeout = options.timeout.unwrap_or(FOR_LINK);
    let waited = watch::until(cluster, name, timeout, out, &mut interrupt, |view| {
        find_link(view, token)
    })
    .await;
    if let (Err(Failure::Interrupted), Some(asked)) = (&waited, asked) {
        asked.withdraw(cluster, name).await;
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

/// What is there. `token`: what a link was asked for by.
fn find_link(view: &View<'_>, token: Option<&str>) -> Result<Seen<Found>, Failure> {
    if let Some(link) = view.usable_link(Timestamp::now())
        && let Some(url) = &link.url
    {
        return Ok(Seen::Done(Found::Link {
            url: url.clone(),
            expires: link.expires_at.0,
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
    let is_answered = token.is_some() && token == view.status.last_handled_link_request.as_deref();
    let is_stalled = view.is_current() && view.is(condition::STALLED, "True");
    if is_stalled && (is_answered || !reason.is_some_and(is_renewed_on_request)) {
        let (reason, message) = (&said.reason, text::plain(&said.message));
        return Err(Failure::Failed(format!(
            "no link can be had: {reason}: {message}"
        )));
    }
    Ok(Seen::NotYet(format!("{}: {}", said.reason, said.message)))
}

/// Whether the operator makes another link for whoever asks.
fn is_renewed_on_request(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::LinkExpired | Reason::ReauthorizationRequired | Reason::Revoked
    )
}

/// A request that was made here.
struct Asked {
    token: String,
    before: Option<String>,
    version: Value,
}

impl Asked {
    async fn new(cluster: &Cluster, view: &View<'_>) -> Result<Self, Failure> {
        let token = annotate::new_token();
        let change = annotate::set_annotation(LINK_REQUESTED_ANNOTATION, Some(&token));
        let object = cluster.patch(view.name(), change).await?;
        Ok(Self {
            token,
            before: view
                .annotation(LINK_REQUESTED_ANNOTATION)
                .map(str::to_owned),
            version: object["metadata"]["resourceVersion"].clone(),
        })
    }

    /// Takes the request back, if nobody has seen it yet: the object is as it was made, or it stays.
    async fn withdraw(self, cluster: &Cluster, name: &str) {
        let mut change =
            annotate::set_annotation(LINK_REQUESTED_ANNOTATION, self.before.as_deref());
        change["metadata"]["resourceVersion"] = self.version;
        // Refused: the operator was faster, and there will be a link.
        let _ = cluster.patch(name, change).await;
    }
}

/// Whether the person has signed in by that link.
fn person(view: &View<'_>, url: &str) -> Result<Seen<()>, Failure> {
    if view.is_current()
        && view
            .status
            .says(condition::READY, &[Reason::Connected, Reason::Disabled])
    {
        return Ok(Seen::Done(()));
    }
    let is_same = view
        .status
        .link
        .as_ref()
        .is_some_and(|link| link.url.as_deref() == Some(url));
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

async fn connected(cluster: &Cluster, name: &str, out: &mut Out) -> Result<(), Failure> {
    let object = cluster.get(name).await?;
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
