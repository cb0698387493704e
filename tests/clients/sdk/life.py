"""Composio's Python SDK, unchanged, against the sandbox: what it makes of the texts that it compares,
and of a webhook.

Usage: life.py URL. The last line tells how many checks passed and failed.
"""

import http.server
import json
import pathlib
import queue
import sys
import threading
import urllib.parse
import urllib.request
import warnings

from composio import Composio, exceptions

from checks import check, end, step

URL = sys.argv[1]
EXPIRED = "composio.connected_account.expired"

warnings.simplefilter("ignore")
sdk = Composio(api_key="sandbox", base_url=URL, max_retries=0)


def refused(name, error, call):
    try:
        call()
    except error as seen:
        check(name, True)
        return seen
    check(name, False, f"was not refused with {error.__name__}")
    return None


def sandbox(method, path, **body):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{URL}/_sandbox/{path}", data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def connected(config, user, **options):
    request = sdk.connected_accounts.link(user, config, **options)
    sandbox("POST", f"accounts/{request.id}/consent")
    return request.id


def a_life():
    request = sdk.connected_accounts.link("ann", "ac_gmail", alias="work", callback_url="https://app.test/")
    check("a URL", request.redirect_url.startswith(URL), request.redirect_url)
    sandbox("POST", f"accounts/{request.id}/consent", display_name="ann@gmail.example")
    row = request.wait_for_connection(timeout=5)
    check("ACTIVE", (row.status, row.alias) == ("ACTIVE", "work"), str(row))
    refused(
        "a second account of one user",
        exceptions.ComposioMultipleConnectedAccountsError,
        lambda: sdk.connected_accounts.link("ann", "ac_gmail"),
    )
    sdk.connected_accounts.disable(request.id)
    refused(
        "revoke of INACTIVE",
        exceptions.ComposioConnectedAccountNotRevokableError,
        lambda: sdk.connected_accounts.revoke(request.id),
    )
    sdk.connected_accounts.enable(request.id)
    check("refresh", bool(sdk.connected_accounts.refresh(request.id).redirect_url))
    revoked = sdk.connected_accounts.revoke(request.id)
    check("revoked", revoked.connected_account.status == "REVOKED", str(revoked))
    check("deleted", sdk.connected_accounts.delete(request.id).success)


def texts_that_are_compared():
    refused(
        "managed OAuth",
        exceptions.ComposioLegacyConnectedAccountsEndpointRetiredError,
        lambda: sdk.connected_accounts.initiate("ann", "ac_gmail"),
    )
    account = connected("ac_gmail", "ann")
    refused(
        "a sharing list of a PRIVATE account",
        exceptions.ComposioAclOnlyForSharedError,
        lambda: sdk.connected_accounts.update_acl(account, allow_all_users=True),
    )
    trello = connected("ac_trello", "ann")
    refused(
        "a toolkit that cannot revoke",
        exceptions.ComposioConnectedAccountRevocationNotSupportedError,
        lambda: sdk.connected_accounts.revoke(trello),
    )
    shared = connected("ac_slack", "ann", experimental={"account_type": "SHARED"})
    check("shared", sdk.connected_accounts.update_acl(shared, allowed_user_ids=["bob"]).success)


def verification():
    sandbox("POST", "project", verifier_url="https://app.test/verify")
    request = sdk.connected_accounts.link("ann", "ac_gmail")
    done = sandbox("POST", f"accounts/{request.id}/consent")
    _, session = urllib.parse.unquote(done["finished"]["redirect_url"]).split("session_uri=")
    completed = sdk.connected_accounts.complete_auth(session_uri=session, user_id="ann")
    check("completed", completed.connected_account_id == request.id, str(completed))


class Subscriber(http.server.BaseHTTPRequestHandler):
    """Takes every event."""

    got = queue.Queue()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.put((self.headers, body.decode()))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """The events tell enough."""


def a_webhook():
    server = http.server.HTTPServer(("127.0.0.1", 0), Subscriber)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    made = sdk.webhooks.subscriptions.set(webhook_url=url, enabled_events=[EXPIRED])
    account = connected("ac_gmail", "ann")
    sandbox("POST", f"accounts/{account}/end-grant")
    headers, body = Subscriber.got.get(timeout=10)

    def verify(secret):
        return sdk.triggers.verify_webhook(
            id=headers["webhook-id"],
            timestamp=headers["webhook-timestamp"],
            signature=headers["webhook-signature"],
            payload=body,
            secret=secret,
        )

    secret = made["secret"] if isinstance(made, dict) else made.secret
    seen = verify(secret)
    check("V3", str(seen["version"]).endswith("V3"), str(seen))
    data = seen["raw_payload"]["data"]
    check("the event", (data["id"], data["status"]) == (account, "EXPIRED"), str(data))
    refused(
        "another secret", exceptions.WebhookSignatureVerificationError, lambda: verify("whsec_other")
    )
    server.shutdown()


def signatures():
    """The receiver's own test judges the same ones alike."""
    for one in json.loads((pathlib.Path(__file__).parent.parent / "webhook-vectors.json").read_text()):
        try:
            sdk.triggers.verify_webhook(
                id=one["id"],
                timestamp=one["timestamp"],
                signature=one["signature"],
                payload=one["body"],
                secret=one["secret"],
                tolerance=0,
            )
            good = True
        except exceptions.WebhookSignatureVerificationError:
            good = False
        check(f"signature: {one['name']}", good == one["good"])


for name, run in [
    ("a life", a_life),
    ("texts that are compared", texts_that_are_compared),
    ("verification", verification),
    ("a webhook", a_webhook),
    ("signatures", signatures),
]:
    sandbox("POST", "reset")
    step(name, run)
end()
