"""A mail relay: it takes the operator's notifications (CloudEvents) and mails each person the address of their page.

It needs Python and nothing else. With $MAIL_TOKEN set, the operator must send it along:

    notify:
      url: http://mail-relay.agents.svc:8080
      allowHTTP: true            # it stays in the cluster
      withToken: true            # each message goes to the one person whom it is about
      secret: {name: mail-relay, tokenKey: token}

An answer of 2xx says that the mail is on its way; after any other the operator sends the message again, with the same id.
"""

import email.message
import hmac
import http.server
import json
import os
import re
import smtplib
import socketserver

LARGEST = 64 * 1024
# One address and nothing else: whoever declares the account has written it.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
LONGEST_ADDRESS = 254
# Letters that the older IDNA, which Python has, makes another domain of than the newer one, which registries have.
AMBIGUOUS = re.compile("[\u00df\u03c2\u200c\u200d]")
WAITING = ("AwaitingUser", "ReauthorizationRequired", "WrongIdentity", "Revoked")
# What was mailed: a message that comes again after an answer that got lost is not mailed twice. A restart forgets it.
mailed = {}


def mail(event):
    """The mail of an event; None: nobody is to be written to.

    A person who is no single address is a ValueError.
    """
    data = event["data"]
    kind = event["type"].rsplit(".", 1)[-1]
    if kind not in WAITING or "@" not in data.get("person", "") or "connectPage" not in data:
        return None
    person = address(data["person"])
    message = email.message.EmailMessage()
    message["From"] = os.environ["MAIL_FROM"]
    message["To"] = person
    message["Subject"] = f"Team {data['namespace']} asks you to connect {data['toolkit']}"
    lines = [data["message"], "", f"Team: {data['namespace']} (project {data['project']['name']})"]
    if "description" in data:
        lines.append(f"The team says: {unlinked(data['description'])}")
    lines += ["", f"Open this page to connect your account: {data['connectPage']}", "It is for you alone: do not pass it on."]
    message.set_content("\n".join(lines) + "\n")
    return message


def address(person):
    """The one address that this is, with its domain as the DNS has it; anything else is a ValueError."""
    local, _, domain = person.rpartition("@")
    if AMBIGUOUS.search(domain):
        raise ValueError("not one domain")
    written = f"{local}@{domain.encode('idna').decode()}"
    if len(written) > LONGEST_ADDRESS or not ADDRESS.fullmatch(written):
        raise ValueError("not one address")
    return written


def unlinked(text):
    """One line of text in which a mail program finds nothing to click on."""
    return re.sub(r"(?<=\w)(://|[.@:](?=\w))", r"[\1]", " ".join(text.split()))


class Relay(http.server.BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self):
        self.send_response(self.taken())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def taken(self):
        """The status of the answer."""
        token = os.environ.get("MAIL_TOKEN")
        given = self.headers.get("Authorization", "")
        if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return 401
        length = self.headers.get("Content-Length")
        if length is None:
            return 411
        if not re.fullmatch("[0-9]+", length):
            return 400
        # What has more digits is larger, and no number is made of a million of them.
        if len(length) > 9 or int(length) > LARGEST:
            return 413
        try:
            event = json.loads(self.rfile.read(int(length)))
            if event["id"] in mailed:
                return 204
            message = mail(event)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            return 400
        if message is not None:
            try:
                host, port = os.environ["SMTP_HOST"], int(os.environ.get("SMTP_PORT", "25"))
                # By a name of its own: to ask the DNS for one may take longer than the operator waits.
                with smtplib.SMTP(host, port, local_hostname="mail-relay", timeout=5) as smtp:
                    smtp.send_message(message)
            except (OSError, smtplib.SMTPException):
                return 503
        mailed[event["id"]] = None
        while len(mailed) > 10_000:
            del mailed[next(iter(mailed))]
        return 204

    def log_message(self, form, *values):
        """Addresses hold tokens: of a message nothing is logged."""


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("", int(os.environ.get("PORT", "8080"))), Relay).serve_forever()
