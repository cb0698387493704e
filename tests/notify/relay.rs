//! The mail relay of the chart's examples, between an operator and a mail server.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{KEY, PAGE, Told};
use crate::support::child::Child;
use crate::support::control_plane::free_ports;
use crate::support::scene::{SOON, gmail};
use crate::support::{http_client, wait};

const RELAY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/charts/composio-operator/examples/mail-relay.py"
);

/// A mail server that keeps what it is sent, and refuses the first of all.
struct MailServer {
    port: u16,
    mails: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    async fn start() -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            let mut is_first = true;
            while let Ok((stream, _)) = listener.accept().await {
                let refuses = std::mem::take(&mut is_first);
                // Whoever hangs up is not served any more.
                drop(serve(stream, refuses, &kept).await);
            }
        });
        MailServer { port, mails }
    }
}

async fn serve(
    stream: TcpStream,
    refuses: bool,
    mails: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.acme.com\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match &*word {
            "DATA" if refuses => "451 later",
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut mail).await? == 0 {
                        return Ok(());
                    }
                }
                mails.lock().push(mail);
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

#[tokio::test]
async fn the_mail_relay_writes_to_the_person_alone_and_once_also_where_the_mail_server_was_away() {
    let told = Told::new("relay").await;
    let smtp = MailServer::start().await;
    let [port] = free_ports().expect("loopback has free ports");
    let mut command = Command::new("python3");
    command
        .arg(RELAY)
        .env("PORT", port.to_string())
        .env("SMTP_HOST", "127.0.0.1")
        .env("SMTP_PORT", smtp.port.to_string())
        .env("MAIL_FROM", "connect@acme.com");
    let grace = Duration::from_secs(5);
    let _relay = Child::spawn(&told.scene.folder, "relay", grace, &command).expect("it starts");
    let url = format!("http://127.0.0.1:{port}");
    let http = http_client(SOON);
    wait::until("the relay", SOON, async || {
        let answer = http.post(&url).body("{}").send().await;
        match answer {
            Ok(answer) if answer.status() == 400 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let key = told.scene.folder.write("connect-key", format!("{KEY}\n"));
    let key = key.expect("written");
    let options = told
        .options()
        .flag("--notify-with-token", "true")
        .flag("--connect-url", PAGE)
        .flag("--connect-key-file", key.to_str().expect("ASCII"));
    told.write_url(&url);
    let _operator = told.scene.start("operator", &options).await;
    told.scene.project_available().await;
    let mut spec = gmail();
    spec["person"] = json!("ann@acme.com");
    spec["description"] = json!("Reads the invoices.");
    told.scene.declare("mail", spec).await;
    let object = told.told("mail").await;
    let mut nobody = gmail();
    nobody["user"] = json!("agent-1");
    told.scene.declare("machine", nobody).await;
    told.told("machine").await;

    let mails = smtp.mails.lock().clone();
    assert_eq!(mails.len(), 1, "{mails:?}");
    // Long lines are wrapped on the way.
    let mail = mails[0].replace("=\r\n", "").replace("=3D", "=");
    let page = object["status"]["connectPage"]["url"]
        .as_str()
        .expect("its address");
    for said in ["To: ann@acme.com", "gmail", "Reads the invoices.", page] {
        assert!(mail.contains(said), "{said}: {mail}");
    }
    // What comes again was mailed already.
    let event = |person: &str| {
        json!({
            "id": "again", "type": "dev.composio.connectedaccount.AwaitingUser",
            "data": {
                "message": "A person must sign in.", "namespace": "agents", "toolkit": "gmail", "person": person,
                "project": {"name": "shared"}, "connectPage": "https://connect.acme.com/connect/agents/mail?t=x",
            },
        })
    };
    for (person, status, count) in [
        ("bob@acme.com", 204, 2),
        ("bob@acme.com", 204, 2),
        ("eve@acme.com\r\nBcc: all@acme.com", 204, 2),
    ] {
        let sent = http.post(&url).body(event(person).to_string()).send().await;
        assert_eq!(sent.expect("it answers").status(), status, "{person}");
        assert_eq!(smtp.mails.lock().len(), count, "{person}");
    }
    for person in [
        "eve@acme.com\r\nBcc: all@acme.com",
        "victim@acme.com, eve@acme.com",
        "victim@acme.com;eve@acme.com",
        "Ann <eve@acme.com>",
        "eve @acme.com",
        "eve@acme.com@example.com",
        // A comma that is one only once it is brought into its usual form.
        "victim@acme.com\u{ff0c}eve@acme.com",
        "ann@stra\u{df}e.example",
        "\u{e4}nn@acme.com",
        "ann@\u{fc}..example",
    ] {
        let mut forged = event(person);
        forged["id"] = json!("another");
        let sent = http.post(&url).body(forged.to_string()).send().await;
        assert_eq!(sent.expect("it answers").status(), 400, "{person}");
        assert_eq!(smtp.mails.lock().len(), 2, "one address alone: {person}");
    }
    let mut abroad = event("ann@b\u{fc}cher.example");
    abroad["id"] = json!("abroad");
    let sent = http.post(&url).body(abroad.to_string()).send().await;
    assert_eq!(sent.expect("it answers").status(), 204);
    let last = smtp.mails.lock().last().cloned().expect("a mail");
    assert!(last.contains("To: ann@xn--bcher-kva.example\r\n"), "{last}");
    for (length, status) in [
        ("Content-Length: -1\r\n", "400"),
        ("Content-Length: 9999999999999999999999\r\n", "413"),
        ("Content-Length: 65537\r\n", "413"),
        ("", "411"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("it listens");
        let head = format!("POST / HTTP/1.0\r\n{length}\r\n");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut line = String::new();
        let mut answer = BufReader::new(stream);
        answer.read_line(&mut line).await.expect("it answers");
        assert!(line.contains(&format!(" {status} ")), "{length}: {line}");
    }
}
