//! Opening the connect page. Its address stands in the status, which others may write: it is checked before it gets
//! anywhere, and the browser outlives the program.

use std::env;
use std::io::{self, ErrorKind};
use std::process::Stdio;
use std::time::Duration;

use http::Uri;
use tokio::process::Command;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::interrupt::Stop;
use crate::text;

/// A browser that has not failed by then goes on for itself.
const BEGIN: Duration = Duration::from_secs(2);

/// Whether it is an address of the web, and nothing that a program could take for a flag or a file.
pub(super) fn is_web(url: &str) -> bool {
    let is_visible = url.bytes().all(|byte| byte.is_ascii_graphic());
    let parsed = url.parse::<Uri>().ok();
    is_visible
        && parsed.is_some_and(|uri| {
            let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
            // A user before the host is there to be taken for the host.
            let has_host = uri.authority().is_some_and(|authority| {
                !authority.host().is_empty() && !authority.as_str().contains('@')
            });
            is_http && has_host
        })
}

/// Opens a page as the system does, or by the first of $BROWSER that can be started.
pub(super) async fn open(url: &str, stop: &mut Stop) -> Result<(), Failure> {
    let said = env::var("BROWSER").unwrap_or_default();
    let mut commands = commands(&said, url);
    if commands.is_empty() {
        let system = match cfg!(target_os = "macos") {
            true => "open",
            false => "xdg-open",
        };
        commands.push(vec![system.to_owned(), url.to_owned()]);
    }
    let mut failed = Vec::new();
    for command in commands {
        let [program, arguments @ ..] = command.as_slice() else {
            continue;
        };
        let begun = async { Ok(begin(program, arguments).await) };
        match stop.or(begun).await? {
            Ok(()) => return Ok(()),
            Err(why) => failed.push(format!("{}: {why}", text::plain(program))),
        }
    }
    Err(Failure::Failed(format!(
        "the page was not opened: {}",
        failed.join("; ")
    )))
}

/// Starts it in a process group of its own, which Ctrl-C in this terminal does not reach. Why it failed, if it did soon.
async fn begin(program: &str, arguments: &[String]) -> Result<(), String> {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let mut browser =
        started.map_err(|error| format!("could not be started: {}", short(&error)))?;
    match timeout(BEGIN, browser.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(format!("ended with {status}")),
        Ok(Err(error)) => Err(format!("was lost sight of: {error}")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

fn short(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such program".to_owned(),
        _ => error.to_string(),
    }
}

/// The commands of $BROWSER: a list with `:` between them, each of words, in which `%s` is the address, or which it
/// follows. None is run by a shell.
fn commands(said: &str, url: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = said.split(':').map(words).collect();
    for command in &mut commands {
        // It is in the background anyway.
        command.pop_if(|last| last == "&");
        let is_named = command.iter().any(|word| word.contains("%s"));
        match is_named {
            true => {
                for word in command.iter_mut() {
                    *word = word.replace("%s", url);
                }
            }
            false if command.is_empty() => {}
            false => command.push(url.to_owned()),
        }
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// Words with spaces between them, or in quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (character, quote) {
            (end, Some(begin)) if end == begin => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_browsers_is_read_as_other_programs_read_it() {
        let read = |said: &str| commands(said, "https://a");
        assert_eq!(read("firefox"), [["firefox", "https://a"]]);
        assert_eq!(read("firefox %s"), [["firefox", "https://a"]]);
        assert_eq!(
            read("x --url=%s --new &:'/my apps/y' :"),
            [
                vec!["x", "--url=https://a", "--new"],
                vec!["/my apps/y", "https://a"]
            ]
        );
        assert!(read("").is_empty() && read(" : ").is_empty() && read("&").is_empty());
        // What stands in an address is no word of a shell.
        assert_eq!(
            commands("x %s", "https://a/?b='c';d"),
            [["x", "https://a/?b='c';d"]]
        );
    }

    #[test]
    fn an_address_of_the_web_is_nothing_else() {
        for url in ["https://a.example/b?t=1", "http://127.0.0.1:8080/x"] {
            assert!(is_web(url), "{url}");
        }
        for url in [
            "",
            "-x",
            "--new-window file:///etc/passwd",
            "--new-window=https://a.example",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "//a.example",
            "/etc/passwd",
            "a.example:80",
            "https://a.example@b.example/",
            "https://a.example/ b",
            "https://a.example/\n",
            "https://аcme.example/",
        ] {
            assert!(!is_web(url), "{url}");
        }
    }
}
