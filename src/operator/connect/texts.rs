//! What the page says, in the language of [`LANG`].

use super::stage::Last;
use crate::crd::Reason;

/// The language of all of it.
pub(super) const LANG: &str = "en";

pub(super) const ASKED_BY: &str = "Asked by";
pub(super) const THROUGH: &str = "Through";
pub(super) const FOR: &str = "For";
pub(super) const SIGN_IN_AS: &str = "Sign in as";
pub(super) const TEAM_SAYS: &str = "The team says";
pub(super) const SETTINGS: &str = "Also passed to the sign-in";
pub(super) const CONNECT: &str = "Connect";
pub(super) const START_OVER: &str = "Start over with a new link";
pub(super) const START_OVER_WHY: &str =
    "Did the sign-in get stuck? A new link makes the one before worthless.";
pub(super) const GO_ON: &str = "Go on to the sign-in";
pub(super) const BACK_TO_PAGE: &str = "Back to the page of this account";
pub(super) const GO_ON_TO: &str = "Go on to";
pub(super) const HELP: &str = "Help:";
pub(super) const CLOSE: &str = "You can close this window.";

/// A title, and what stands below it.
pub(super) struct Notice {
    pub(super) title: String,
    pub(super) text: String,
}

fn notice(title: impl Into<String>, text: impl Into<String>) -> Notice {
    Notice {
        title: title.into(),
        text: text.into(),
    }
}

pub(super) fn ask_title(toolkit: &str) -> String {
    format!("Connect your {toolkit} account")
}

pub(super) fn team(namespace: &str) -> String {
    format!("the team “{namespace}”")
}

pub(super) fn project(name: &str, is_of_cluster: bool) -> String {
    if is_of_cluster {
        format!("“{name}”, which your platform provides")
    } else {
        format!("“{name}”, the team's own app")
    }
}

pub(super) fn ask_warning(namespace: &str) -> String {
    format!(
        "Agents of the team “{namespace}” will use the account that you sign in with, as if they were you. If you do not \
         know this team, or did not expect this, close the page."
    )
}

pub(super) fn ask_next(toolkit: &str) -> String {
    format!(
        "The button makes a link that is for this browser and can be used for ten minutes. Before you go on to the \
         sign-in of {toolkit}, you read which host it is at."
    )
}

/// What happened last, to whoever is asked again.
pub(super) fn last(last: Last) -> &'static str {
    match last {
        Last::Elsewhere => {
            "The last sign-in was finished in another browser than the one that had asked for it, so it does not count. \
             If you sent the link to somebody else, or were sent it: do not, and tell your support."
        }
        Last::WrongIdentity => {
            "The last sign-in was with another account than the team expects, so it does not count."
        }
        Last::IdentityNotShown => {
            "Nobody can tell who signed in last time: the provider does not show it, and your platform demands to know. So it does \
             not count. Tell your support before you try again."
        }
        Last::NotReturned => {
            "Somebody signed in last time, and did not come back to this page in the browser that had asked. That account is not used."
        }
        Last::NotFinished => "The last sign-in was not finished. You can try again.",
        Last::Refused => {
            "The last sign-in was refused: it was not seen to be by the person whom the link is for. You can try again."
        }
        Last::Ended => "The account was connected, and its provider does not accept that any more.",
        Last::OtherBrowser => {
            "A link was just made for another browser or another window. To sign in here, start over."
        }
        Last::InTheWay => {
            "Another request for this account was in the way, and no link for this window has come of it. Press the button \
             again."
        }
        Last::Unanswered => "Nobody has answered for ten minutes. You can try again.",
    }
}

pub(super) fn waiting(is_long: bool, is_behind: bool) -> Notice {
    if is_behind && !is_long {
        notice(
            "Another browser has a link",
            "A link for this account was just made in another browser or window. It is not taken away within a minute, so \
             that whoever asked for it can sign in. After that yours is made, and this page shows it.",
        )
    } else if is_long {
        notice(
            "This takes longer than usual",
            "Composio is busy, or what makes the links is away. You can leave this page open: it shows the link as \
             soon as there is one.",
        )
    } else {
        notice(
            "Making your link …",
            "This takes a few seconds. This page shows it when it is there.",
        )
    }
}

/// To whoever waits for a link while the operator says why there can be none now; `None`: it does not.
pub(super) fn hindered(reason: &str) -> Option<Notice> {
    let is_known = UNAVAILABLE.iter().any(|one| one.as_str() == reason);
    is_known.then(|| {
        notice(
            "There is no link for you yet",
            format!(
                "Composio cannot be used now. You can leave this page open: it shows the link as soon as there is one. ({reason})"
            ),
        )
    })
}

pub(super) fn ready(toolkit: &str, host: &str) -> Notice {
    notice(
        "Your link is ready",
        format!(
            "You go on to {host}, and sign in to {toolkit} from there. Stop if you end up at a host that you do not \
             know, and send its address to nobody."
        ),
    )
}

pub(super) fn looking(is_long: bool) -> Notice {
    if is_long {
        notice(
            "This takes longer than usual",
            "You have come back from the sign-in. Composio is busy, or what looks after the accounts is away. You can \
             leave this page open, or close it: what you signed in to is not lost.",
        )
    } else {
        notice(
            "Looking how it went …",
            "You have come back from the sign-in. This takes a few seconds.",
        )
    }
}

/// To whoever has signed in where somebody else had asked, as long as that could not be told.
pub(super) fn looking_elsewhere() -> Notice {
    notice(
        "This takes longer than usual",
        "You have come back from a sign-in that was begun in another browser, or by somebody else. Leave this page open: it \
         is what has the account that you signed in to switched off, and says so once it is. If somebody sent you the \
         address, tell your support.",
    )
}

pub(super) fn done(toolkit: &str, identity: Option<&str>) -> Notice {
    let title = format!("Your {toolkit} account is connected");
    match identity {
        Some(identity) => notice(title, format!("You signed in as {identity}.")),
        None => notice(title, "You have signed in."),
    }
}

pub(super) fn connected(toolkit: &str, identity: Option<&str>) -> Notice {
    let title = format!("Your {toolkit} account is connected already");
    match identity {
        Some(identity) => notice(
            title,
            format!("It is the account of {identity}. There is nothing to do."),
        ),
        None => notice(title, "There is nothing to do."),
    }
}

/// To whoever comes while nobody can say yet who has signed in.
pub(super) fn checking(toolkit: &str) -> Notice {
    notice(
        format!("Your {toolkit} account is being checked"),
        "Somebody has signed in, and has not come back yet to this page in the browser that had asked for the link. If it was \
         you, finish it there. Otherwise the account is switched off within ten minutes, and you can ask for a new link.",
    )
}

/// To whoever has come back in the browser that had asked, where nobody has taken note of it.
pub(super) fn unheard(toolkit: &str) -> Notice {
    notice(
        format!("Your {toolkit} account is not confirmed"),
        "You have signed in, and that it was in this browser could not be told to what looks after the accounts. The team may use \
         the account all the same, or may not. If it does not work, tell your support.",
    )
}

/// To whoever comes back after the time that there was for it.
pub(super) fn too_late(toolkit: &str) -> Notice {
    notice(
        format!("Your {toolkit} account does not count"),
        "You have signed in, and came back to this page too late: within ten minutes nobody had, so the account is switched off. \
         Ask for a new link, and come back in the same browser as soon as you have signed in.",
    )
}

pub(super) fn off(toolkit: &str, namespace: &str) -> Notice {
    notice(
        format!("Your {toolkit} account is connected, and switched off"),
        format!("The team “{namespace}” does not use it now. There is nothing to do."),
    )
}

pub(super) fn not_finished(toolkit: &str) -> Notice {
    notice(
        format!("Your {toolkit} account is not connected"),
        "The sign-in was cancelled, or it has failed. You can try again.",
    )
}

/// `is_off`: it is switched off already.
pub(super) fn wrong_identity(
    identity: Option<&str>,
    expected: Option<&str>,
    is_off: bool,
) -> Notice {
    let ends = match is_off {
        true => "the account is switched off, and no agent uses it",
        false => "the account is being switched off",
    };
    let Some(who) = identity else {
        return notice(
            "Nobody can tell whose account that was",
            format!(
                "The provider does not show who signed in, and your platform demands to know, so {ends}. Tell your support before \
                 you try again."
            ),
        );
    };
    let wanted = expected.map_or_else(
        || "The team expects somebody else".to_owned(),
        |wanted| format!("The team expects {wanted}"),
    );
    notice(
        "That was another account",
        format!("You signed in as {who}. {wanted}, so {ends}."),
    )
}

/// `is_off`: what they signed in to is switched off already.
pub(super) fn elsewhere(toolkit: &str, namespace: &str, is_off: bool) -> [String; 3] {
    let ends = match is_off {
        true => "What you signed in to is switched off for the team.",
        false => {
            "What you signed in to is to be switched off for the team, and is not yet. Do not wait for that."
        }
    };
    [
        format!(
            "Somebody asked for this sign-in in another browser. If they sent you the address, they wanted agents of the \
             team “{namespace}” to use your {toolkit} account."
        ),
        ends.to_owned(),
        format!(
            "To end it yourself, open the settings of your {toolkit} account, look for the apps that may use it, and remove \
             Composio or the app that you have just agreed to. Then tell your support who sent you the address."
        ),
    ]
}

/// To whoever has signed in where that must be proved, and the proof was lost on its way.
pub(super) fn unproved(toolkit: &str) -> Notice {
    notice(
        format!("Your {toolkit} account does not count yet"),
        "You have signed in, and Composio's answer was lost, so that nobody can say any more that it was you. The account is \
         switched off within ten minutes. Then you can ask for a new link.",
    )
}

/// To whoever comes back from a sign-in that this browser, or this person, had not asked for.
pub(super) fn unverified() -> Notice {
    notice(
        "Nothing was connected",
        "You have come back from a sign-in that was not begun in this browser, or not by you, or that took more than ten \
         minutes. No agent can use what you signed in to. If somebody sent you the address, they wanted their agents to use \
         your account: do not send them the address of this page, and tell your support. If you had begun it yourself, ask \
         for a new link, and finish it in the same browser.",
    )
}

/// Nobody who comes to the page, and nobody of the team, can do anything about these.
const UNAVAILABLE: [Reason; 4] = [
    Reason::ComposioUnavailable,
    Reason::RateLimited,
    Reason::ProjectUnavailable,
    Reason::ProjectNotFound,
];

pub(super) const ELSEWHERE_TITLE: &str = "Stop: this was not your link";

/// Why there is no link, in words for the person. The reason itself is for those who help.
pub(super) fn refused(reason: &str, namespace: &str) -> Notice {
    let is = |reasons: &[Reason]| reasons.iter().any(|one| one.as_str() == reason);
    let why = if is(&[Reason::NotAllowed]) {
        "the platform does not allow this account".to_owned()
    } else if is(&[Reason::Suspended, Reason::Disabled]) {
        format!("the team “{namespace}” has paused this account")
    } else if is(&[
        Reason::AuthConfigNotFound,
        Reason::AuthConfigDisabled,
        Reason::AuthConfigAmbiguous,
        Reason::ToolkitMismatch,
    ]) {
        "the sign-in for it is not set up".to_owned()
    } else if is(&UNAVAILABLE) {
        "Composio cannot be used now".to_owned()
    } else {
        format!("the team “{namespace}” must look at it first")
    };
    notice(
        "There is no link for you now",
        format!("You can do nothing about it here: {why}. ({reason})"),
    )
}

pub(super) fn busy() -> Notice {
    notice(
        "This is not possible now",
        "What makes the links cannot be reached. Try again in a minute: nothing is lost.",
    )
}

pub(super) fn form_over() -> Notice {
    notice(
        "Please open the page once more",
        "The form was too old, or was not sent from its own page. Nothing was done.",
    )
}

pub(super) fn not_found() -> Notice {
    notice(
        "There is nothing for you here",
        "The address may be incomplete, or too old, or the account may be gone. Ask whoever sent it to you for the one that \
         is good now. If you are signed in under several names, try another one.",
    )
}

pub(super) fn misdirected() -> Notice {
    notice("Wrong address", "This page is not served under that name.")
}

pub(super) fn over() -> Notice {
    notice("There is nothing more to do here", "This sign-in is over.")
}

pub(super) const LIST_TITLE: &str = "Your accounts";
pub(super) const LIST_EMPTY: &str = "Nobody asks you for an account.";
pub(super) const LIST_CONNECTED: &str = "connected";
pub(super) const LIST_CHECKING: &str = "is being checked";
pub(super) const LIST_OFF: &str = "switched off";
pub(super) const LIST_WAITS: &str = "waits for you";

pub(super) fn list_more(more: usize) -> String {
    format!("and {more} more")
}
