//! The hosted sign-in page: plain HTML and forms, no JavaScript, so it works in every browser and
//! in a test that speaks only HTTP.
//!
//! `GET /connect/{token}` shows it and moves the account to INITIATED; `POST` with a field `action`
//! (`connect` or `cancel`) ends it with a 303 to the callback, or with a last page where there is
//! no callback. Where the project binds a sign-in to one browser, a cookie tells which one opened the
//! link first. Unknown links are a 404, expired and superseded ones a 410, used ones a 409.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;

use super::world::{Finished, Scheme, SignIn, SignInView, World};

/// Answers a request for a link's page.
pub(super) fn answer(
    world: &mut World,
    request: &Request<Bytes>,
    token: &str,
    now: Timestamp,
) -> Response<Bytes> {
    match *request.method() {
        Method::GET => {
            let sign_in = world.open_sign_in(token, now);
            let bound = match sign_in {
                SignIn::Open(_) => world.bind_browser(token),
                SignIn::Unknown | SignIn::Expired(_) | SignIn::Used(_) => None,
            };
            with_cookie(show(sign_in), bound)
        }
        Method::POST => submit(world, request, token, now),
        _ => {
            let mut response = html(
                StatusCode::METHOD_NOT_ALLOWED,
                &plain(
                    Sign::Bad,
                    "Not possible",
                    "This page can be opened and its form sent, nothing else.",
                ),
            );
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
            response
        }
    }
}

fn submit(
    world: &mut World,
    request: &Request<Bytes>,
    token: &str,
    now: Timestamp,
) -> Response<Bytes> {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(request.body())
        .into_owned()
        .collect();
    let action = fields
        .iter()
        .position(|(name, _)| name == "action")
        .map(|n| fields.remove(n).1);
    let view = match world.open_sign_in(token, now) {
        SignIn::Open(view) => view,
        closed @ (SignIn::Unknown | SignIn::Expired(_) | SignIn::Used(_)) => return show(closed),
    };
    let outcome = match action.as_deref() {
        Some("connect") => match filled_in(view.scheme, fields) {
            Ok(_) if world.is_other_browser(token, cookie(request)) => {
                world.complete_elsewhere(token, now)
            }
            Ok(fields) => world.complete_sign_in(token, fields, now),
            Err(missing) => {
                let problem = format!("Please fill in: {}.", label(missing));
                return html(StatusCode::BAD_REQUEST, &form(&view, Some(&problem)));
            }
        },
        Some("cancel") => world.cancel_sign_in(token, now),
        Some(_) | None => return html(StatusCode::BAD_REQUEST, &form(&view, None)),
    };
    match outcome {
        Ok(finished) => done(&finished, &view),
        Err(sign_in) => show(sign_in),
    }
}

/// What a browser is known by, where a sign-in must be finished in the one that opened it.
const COOKIE: &str = "sandbox_browser";

fn cookie(request: &Request<Bytes>) -> Option<&str> {
    let cookies = request.headers().get(header::COOKIE)?.to_str().ok()?;
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

fn with_cookie(mut response: Response<Bytes>, name: Option<String>) -> Response<Bytes> {
    let text = name.map(|name| format!("{COOKIE}={name}; Path=/connect; HttpOnly; SameSite=Lax"));
    if let Some(Ok(value)) = text.map(HeaderValue::try_from) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// The scheme's fields and nothing else; the first one that is empty otherwise.
fn filled_in(
    scheme: Scheme,
    mut fields: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, &'static str> {
    fields.retain(|(name, value)| scheme.fields().contains(&name.as_str()) && !value.is_empty());
    let missing = scheme
        .fields()
        .iter()
        .find(|wanted| !fields.iter().any(|(name, _)| name == *wanted));
    match missing {
        Some(name) => Err(name),
        None => Ok(fields),
    }
}

fn show(sign_in: SignIn) -> Response<Bytes> {
    match sign_in {
        SignIn::Open(view) => html(StatusCode::OK, &form(&view, None)),
        SignIn::Unknown => html(
            StatusCode::NOT_FOUND,
            &plain(
                Sign::Bad,
                "No such link",
                "Check that the whole link was copied.",
            ),
        ),
        SignIn::Expired(view) => html(
            StatusCode::GONE,
            &plain(
                Sign::Bad,
                "This link has expired",
                &format!(
                    "Links can be used for ten minutes, and only the newest. Ask for a new one to connect {}.",
                    named(&view.toolkit)
                ),
            ),
        ),
        SignIn::Used(view) => html(
            StatusCode::CONFLICT,
            &plain(
                Sign::Neither,
                "This link was used already",
                &format!(
                    "There is nothing more to do for {} here.",
                    named(&view.toolkit)
                ),
            ),
        ),
    }
}

fn done(finished: &Finished, view: &SignInView) -> Response<Bytes> {
    let target = finished.redirect_url.as_deref();
    if let Some(Ok(location)) = target.map(HeaderValue::from_str) {
        let mut response = html(StatusCode::SEE_OTHER, &plain(Sign::Good, "Going back", ""));
        response.headers_mut().insert(header::LOCATION, location);
        return response;
    }
    let toolkit = named(&view.toolkit);
    let (sign, title, first) = if finished.status == "success" {
        (
            Sign::Good,
            "Connected",
            format!("{toolkit} is connected for {}.", view.user),
        )
    } else {
        (
            Sign::Bad,
            "Not connected",
            format!("{toolkit} was not connected for {}.", view.user),
        )
    };
    html(
        StatusCode::OK,
        &plain(sign, title, &format!("{first} You can close this window.")),
    )
}

/// The page that waits for the person.
fn form(view: &SignInView, problem: Option<&str>) -> String {
    let toolkit = escape(&named(&view.toolkit));
    let slug = escape(&view.toolkit);
    let user = escape(&view.user);
    let project = escape(&view.project);
    let inputs: String = view
        .scheme
        .fields()
        .iter()
        .enumerate()
        .map(|(n, name)| input(name, n == 0))
        .collect();
    let problem = problem.map_or(String::new(), |text| {
        format!("<p class=problem role=alert>{}</p>", escape(text))
    });
    let until = view.expires_at.strftime("%H:%M UTC");
    let initial: String = named(&view.toolkit).chars().take(1).collect();
    let initial = escape(&initial);
    let body = format!(
        "<div class=logo aria-hidden=true>{initial}</div>\
         <h1>Connect {toolkit}</h1>\
         <p><strong>{project}</strong> asks to use <strong>{toolkit}</strong> on your behalf.</p>\
         <dl><dt>User</dt><dd>{user}</dd><dt>Toolkit</dt><dd>{slug}</dd>\
         <dt>Project</dt><dd>{project}</dd></dl>{problem}\
         <form method=post>{inputs}\
         <button name=action value=connect>Connect</button></form>\
         <form method=post><button class=quiet name=action value=cancel>Cancel</button></form>\
         <p class=small>This link works until {until}. An emulated sign-in: nothing is connected for real.</p>"
    );
    document(&format!("Connect {}", named(&view.toolkit)), &body)
}

/// One field of a key scheme. Everything but a user name is hidden while it is typed.
fn input(name: &str, first: bool) -> String {
    let focus = if first { " autofocus" } else { "" };
    let kind = match name {
        "username" | "application_id" | "installation_id" | "client_id" => "text",
        _ => "password",
    };
    format!(
        "<label>{}<input name={name} type={kind} required autocomplete=off{focus}></label>",
        label(name)
    )
}

fn label(name: &str) -> &str {
    match name {
        "generic_api_key" => "API key",
        "token" => "Token",
        "username" => "User name",
        "password" => "Password",
        "credentials_json" => "Service account file (JSON)",
        "application_id" => "Application id",
        "installation_id" => "Installation id",
        "private_key" => "Private key",
        "client_id" => "Client id",
        "client_secret" => "Client secret",
        "sessionId" => "Session id",
        "devKey" => "Developer key",
        other => other,
    }
}

/// A last page, with a sign of how it ended.
fn plain(sign: Sign, title: &str, text: &str) -> String {
    let (class, mark) = match sign {
        Sign::Good => ("logo good", "\u{2713}"),
        Sign::Bad => ("logo bad", "!"),
        Sign::Neither => ("logo", "i"),
    };
    let body = format!(
        "<div class=\"{class}\" aria-hidden=true>{mark}</div><h1>{}</h1><p>{}</p>",
        escape(title),
        escape(text)
    );
    document(title, &body)
}

#[derive(Clone, Copy)]
enum Sign {
    Good,
    Bad,
    Neither,
}

/// A toolkit's slug as a name: `gmail` is Gmail.
fn named(toolkit: &str) -> String {
    let mut letters = toolkit.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>",
        escape(title)
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f2a;--soft:#5d6577;--line:#d9dde6;--paper:#fff;--ground:#f2f4f8;--accent:#3451d1;--good:#1e7d45;--bad:#b3382c}\
@media(prefers-color-scheme:dark){:root{--ink:#eef0f6;--soft:#a5adbf;--line:#3a4152;--paper:#1c212d;--ground:#12151d;--accent:#5b78ff}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\
main{width:100%;max-width:26rem;padding:2rem 1.5rem;background:var(--paper);border:1px solid var(--line);border-radius:1rem;overflow-wrap:anywhere}\
.logo{width:3rem;height:3rem;display:grid;place-items:center;border-radius:.75rem;background:var(--accent);color:#fff;font-size:1.5rem;font-weight:700}\
.good{background:var(--good)}.bad{background:var(--bad)}main>:last-child{margin-bottom:0}\
h1{margin:1rem 0 .5rem;font-size:1.4rem;line-height:1.25}p{margin:.5rem 0}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0;padding:1rem 0;border:solid var(--line);border-width:1px 0}\
dt,.small,label{color:var(--soft)}dd{margin:0}\
label{display:block;margin-bottom:.75rem;font-size:.9rem}\
input{display:block;width:100%;margin-top:.25rem;padding:.7rem;border:1px solid var(--line);border-radius:.5rem;background:transparent;color:var(--ink);font:inherit}\
button{width:100%;margin-top:.5rem;padding:.8rem;border:1px solid var(--accent);border-radius:.5rem;background:var(--accent);color:#fff;font:inherit;font-weight:600;cursor:pointer}\
button.quiet{background:transparent;border-color:var(--line);color:var(--ink)}\
button:focus-visible,input:focus-visible{outline:3px solid var(--accent);outline-offset:2px}\
.problem{padding:.6rem .8rem;border-left:4px solid var(--bad)}.small{font-size:.85rem;margin-top:1rem}";

/// For text and for quoted attributes.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// `form-action` is left out on purpose: browsers apply it to the redirect after the form too, and
/// the callback is on a host of the customer's. It does not fall back to `default-src`.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

fn html(status: StatusCode, document: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(document.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        // The link is a capability: it must not travel on in a Referer.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
