"""Composio's Python client, unchanged, through the whole life of an account against the sandbox.

Every answer on the way is validated by the model that the package generates for it from Composio's
OpenAPI description. Usage: life.py URL. The last line tells how many checks passed and failed.
"""

import asyncio
import re
import sys

import composio_client
import httpx
from composio_client import AsyncComposio, Composio, ProjectAuth
from composio_client._generated import pydantic_gen as models

from checks import check, end, step

URL = sys.argv[1]
API = "/api/v3.1"
STATUSES = ["INITIALIZING", "INITIATED", "ACTIVE", "INACTIVE", "EXPIRED", "FAILED", "REVOKED"]

# What a good answer must be, by method and path.
MODELS = [
    ("POST", r"/connected_accounts/link", models.PostV31ConnectedAccountsLinkResponse),
    ("POST", r"/connected_accounts", models.PostV31ConnectedAccountsResponse),
    ("POST", r"/connected_accounts/complete_auth", models.PostV31ConnectedAccountsCompleteAuthResponse),
    ("GET", r"/auth/session/info", models.GetV31AuthSessionInfoResponse),
    ("POST", r"/webhook_subscriptions", models.PostV31WebhookSubscriptionsResponse),
    ("GET", r"/webhook_subscriptions", models.GetV31WebhookSubscriptionsResponse),
    ("GET", r"/webhook_subscriptions/event_types", models.GetV31WebhookSubscriptionsEventTypesResponse),
    ("GET", r"/webhook_subscriptions/[^/]+", models.GetV31WebhookSubscriptionsByIdResponse),
    ("PATCH", r"/webhook_subscriptions/[^/]+", models.PatchV31WebhookSubscriptionsByIdResponse),
    ("DELETE", r"/webhook_subscriptions/[^/]+", models.DeleteV31WebhookSubscriptionsByIdResponse),
    ("POST", r"/webhook_subscriptions/[^/]+/rotate_secret", models.PostV31WebhookSubscriptionsByIdRotateSecretResponse),
    ("GET", r"/connected_accounts", models.GetV31ConnectedAccountsResponse),
    ("GET", r"/connected_accounts/[^/]+", models.GetV31ConnectedAccountsByNanoidResponse),
    ("PATCH", r"/connected_accounts/[^/]+", models.PatchV31ConnectedAccountsByNanoidResponse),
    ("PATCH", r"/connected_accounts/[^/]+/status", models.PatchV31ConnectedAccountsByNanoIdStatusResponse),
    ("POST", r"/connected_accounts/[^/]+/refresh", models.PostV31ConnectedAccountsByNanoidRefreshResponse),
    ("POST", r"/connected_accounts/[^/]+/revoke", models.PostV31ConnectedAccountsByNanoidRevokeResponse),
    ("DELETE", r"/connected_accounts/[^/]+", models.DeleteV31ConnectedAccountsByNanoidResponse),
    ("GET", r"/auth_configs", models.GetV31AuthConfigsResponse),
    ("GET", r"/auth_configs/[^/]+", models.GetV31AuthConfigsByNanoidResponse),
]

# Credentials in hand, as the body model of the same package wants them.
IN_HAND = {
    "OAUTH1": {"oauth_token": "t", "oauth_token_secret": "s"},
    "OAUTH2": {"access_token": "t"},
    "DCR_OAUTH": {"client_id": "c", "access_token": "t"},
    "CIMD_OAUTH": {"client_id": "c", "access_token": "t"},
    "S2S_OAUTH2": {"access_token": "t"},
    "API_KEY": {"api_key": "k"},
    "BEARER_TOKEN": {"token": "t"},
    "BASIC": {"username": "u", "password": "p"},
    "BASIC_WITH_JWT": {"username": "u", "password": "p"},
    "GOOGLE_SERVICE_ACCOUNT": {"credentials_json": "{}"},
    "SERVICE_ACCOUNT": {"application_id": "a", "installation_id": "i", "private_key": "k"},
    "BILLCOM_AUTH": {"sessionId": "s", "devKey": "d"},
    "CALCOM_AUTH": {},
    "SAML": {},
    "NO_AUTH": {},
}
PATCHABLE = {scheme.value for scheme in models.PatchConnectedAccountBodyConnectionStateAuthScheme}

validated = 0
control = httpx.Client(base_url=URL, trust_env=False)


def sandbox(method, path, /, **body):
    answer = control.request(method, f"/_sandbox/{path}", json=body or None)
    answer.raise_for_status()
    return answer.json()


def validate(response):
    global validated
    path = response.request.url.path.removeprefix(API)
    method = response.request.method
    name = f"{method} {path} {response.status_code}"
    # The organisation's limit has a body of its own, the edge's is an error like the others.
    if response.status_code == 429 and "x-ratelimit" in response.headers:
        check(name, list(response.json()) == ["message"], response.text)
        return
    if response.is_success:
        fits = [model for verb, pattern, model in MODELS if verb == method and re.fullmatch(pattern, path)]
        model = fits[0]
    else:
        model = models.Error
    try:
        model.model_validate_json(response.content, strict=True)
        validated += 1
        check(name, True)
    except ValueError as error:
        check(name, False, f"is no {model.__name__}: {error}\n{response.text}")


def hook(response):
    response.read()
    validate(response)


async def async_hook(response):
    await response.aread()
    validate(response)


def client_of(key="sandbox", **options):
    http = httpx.Client(trust_env=False, event_hooks={"response": [hook]})
    return Composio(auth=ProjectAuth(key), base_url=URL, http_client=http, **options)


client = client_of(max_retries=0)


def refused(name, error, call):
    try:
        call()
    except error as seen:
        check(name, True)
        return seen
    check(name, False, f"was not refused with {error.__name__}")
    return None


def person(url, action="connect"):
    page = control.get(url)
    check("the page opens", page.status_code == 200, page.text)
    return control.post(url, data={"action": action}, follow_redirects=False)


def a_life_by_link():
    configs = client.auth_configs.list(limit=200)
    check("auth configs", {config.id for config in configs.items} >= {"ac_gmail", "ac_hubspot"})
    check("auth config", client.auth_configs.retrieve("ac_gmail").toolkit.slug == "gmail")

    link = client.link.create(
        auth_config_id="ac_gmail",
        user_id="ann@acme.com",
        alias="work",
        callback_url="https://app.test/done?tab=1",
        connection_data={"subdomain": "acme"},
    )
    account = link.connected_account_id
    check("INITIALIZING", client.connected_accounts.retrieve(account).status == "INITIALIZING")
    back = person(link.redirect_url)
    wanted = f"https://app.test/done?tab=1&status=success&connected_account_id={account}"
    check("the way back", back.headers.get("location") == wanted, str(back.headers))
    row = client.connected_accounts.retrieve(account)
    check("ACTIVE", (row.status, row.alias, row.user_id) == ("ACTIVE", "work", "ann@acme.com"), str(row))

    refused(
        "a second use of an alias",
        composio_client.BadRequestError,
        lambda: client.link.create(auth_config_id="ac_gmail", user_id="ann@acme.com", alias="work"),
    )
    done = client.connected_accounts.patch(account, alias="home")
    check("patched", (done.id, done.status, done.success) == (account, "ACTIVE", True))
    client.connected_accounts.patch(account, alias="")
    check("an empty alias is none", client.connected_accounts.retrieve(account).alias is None)

    client.connected_accounts.update_status(account, enabled=False)
    row = client.connected_accounts.retrieve(account)
    check("INACTIVE", (row.status, row.is_disabled) == ("INACTIVE", True))
    refused("revoke of INACTIVE", composio_client.ConflictError, lambda: client.connected_accounts.revoke(account))
    client.connected_accounts.update_status(account, enabled=True)

    again = client.connected_accounts.refresh(account, body_redirect_url="https://app.test/again")
    check("refresh", (again.id, bool(again.redirect_url)) == (account, True))
    person(again.redirect_url)

    revoked = client.connected_accounts.revoke(account)
    check("revoked", "refresh_token" in revoked.revoked_tokens and revoked.connected_account.status == "REVOKED")
    check("revoked before", client.connected_accounts.revoke(account).revoked_tokens == [])
    check("deleted", client.connected_accounts.delete(account).success)
    for name, call in [
        ("GET", lambda: client.connected_accounts.retrieve(account)),
        ("DELETE", lambda: client.connected_accounts.delete(account)),
    ]:
        refused(f"{name} of a deleted account", composio_client.NotFoundError, call)


def a_life_of_a_key():
    made = client.connected_accounts.create(
        auth_config={"id": "ac_hubspot"},
        connection={
            "user_id": "bob",
            "alias": "crm",
            "state": {"authScheme": "API_KEY", "val": {"status": "ACTIVE", "api_key": "one"}},
        },
    )
    check("created", made.connection_data.val.status == "ACTIVE", str(made))
    before = sandbox("GET", f"accounts/{made.id}")["credentials"]
    client.connected_accounts.patch(
        made.id,
        connection={"state": {"authScheme": "API_KEY", "val": {"api_key": None, "generic_api_key": "two"}}},
    )
    after = sandbox("GET", f"accounts/{made.id}")["credentials"]
    check("merged, and null removes", (set(before), set(after)) == ({"api_key"}, {"generic_api_key"}), str(after))
    check("no URL", client.connected_accounts.refresh(made.id).redirect_url is None)
    check("a job", client.connected_accounts.delete(made.id, revoke_on_delete=True).revoke_job_id is not None)
    check("the grant is dead", sandbox("GET", f"accounts/{made.id}")["grant"]["alive"] is False)


def sharing():
    link = client.link.create(
        auth_config_id="ac_slack",
        user_id="carol",
        experimental={"account_type": "SHARED", "acl_config_for_shared": {"allowed_user_ids": ["dan"]}},
    )
    account = link.connected_account_id
    client.connected_accounts.patch(
        account, experimental={"acl_config_for_shared": {"allow_all_users": True, "not_allowed_user_ids": ["eve"]}}
    )
    acl = client.connected_accounts.retrieve(account).experimental.acl_config_for_shared
    seen = (acl.allow_all_users, acl.allowed_user_ids, acl.not_allowed_user_ids)
    check("the list is merged", seen == (True, ["dan"], ["eve"]), str(seen))
    for kind, rows in [(None, 0), ("PRIVATE", 0), ("SHARED", 1), ("ALL", 1)]:
        options = {} if kind is None else {"account_type": kind}
        listed = client.connected_accounts.list(user_ids=["carol"], **options)
        check(f"account_type {kind}", len(listed.items) == rows)


def lists():
    ids = []
    for n in range(60):
        link = client.link.create(auth_config_id="ac_github", user_id=f"user-{n}", alias="a")
        ids.append(link.connected_account_id)
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        options = {"cursor": cursor} if cursor else {}
        page = client.connected_accounts.list(
            toolkit_slugs=["github", "jira"],
            statuses=["INITIALIZING", "ACTIVE"],
            auth_config_ids=["ac_github"],
            order_by="created_at",
            order_direction="asc",
            limit=1000,
            **options,
        )
        seen += [item.id for item in page.items]
        cursor, pages = page.next_cursor, pages + 1
    check("all pages", (sorted(seen), pages) == (sorted(ids), 2), f"{len(seen)} rows in {pages} pages")
    few = client.connected_accounts.list(connected_account_ids=ids[:2], user_ids=["user-0", "user-1", "user-2"])
    check("two filters", {item.id for item in few.items} == set(ids[:2]))


def refusals():
    refused(
        "managed OAuth",
        composio_client.BadRequestError,
        lambda: client.connected_accounts.create(auth_config={"id": "ac_gmail"}, connection={"user_id": "ann"}),
    )
    refused(
        "no such auth config",
        composio_client.NotFoundError,
        lambda: client.link.create(auth_config_id="ac_none", user_id="ann"),
    )
    error = refused(
        "a wrong key", composio_client.AuthenticationError, lambda: client_of("wrong").auth_configs.list()
    )
    check("its message", "Invalid API key" in str(error), str(error))
    statuses = {
        403: composio_client.PermissionDeniedError,
        422: composio_client.UnprocessableEntityError,
        429: composio_client.RateLimitError,
        500: composio_client.InternalServerError,
        501: composio_client.InternalServerError,
    }
    for status, kind in statuses.items():
        sandbox("POST", "fault", path="/connected_accounts/link", status=status)
        refused(f"{status}", kind, lambda: client.link.create(auth_config_id="ac_gmail", user_id="ann"))
    sandbox("POST", "fault", method="GET", path_prefix="/auth_configs", status="cut_before")
    refused("a cut", composio_client.APIConnectionError, lambda: client.auth_configs.list())
    sandbox("POST", "fault", method="GET", path_prefix="/auth_configs", status=503, headers={"retry-after": "0"})
    check("a retry", len(client_of(max_retries=1).auth_configs.list().items) > 0)


def every_scheme_and_status():
    for scheme, val in IN_HAND.items():
        config = f"ac_{scheme.lower()}"
        sandbox("POST", "auth-configs", id=config, toolkit=scheme.lower(), scheme=scheme, managed=False)
        check(f"{scheme} auth config", client.auth_configs.retrieve(config).auth_scheme == scheme)
        state = {"authScheme": scheme, "val": {"status": "ACTIVE", **val}}
        body = {"auth_config": {"id": config}, "connection": {"user_id": "ann", "state": state}}
        models.PostV31ConnectedAccountsBody.model_validate(body)
        made = client.connected_accounts.create(**body)
        row = client.connected_accounts.retrieve(made.id)
        check(f"{scheme} in hand", row.status == "ACTIVE", row.status)
        patch = {"connection": {"state": {"authScheme": scheme, "val": val}}}
        if scheme in PATCHABLE:
            check(f"{scheme} patched", client.connected_accounts.patch(made.id, **patch).success)
        else:
            refused(
                f"{scheme} patched",
                composio_client.BadRequestError,
                lambda: client.connected_accounts.patch(made.id, **patch),
            )
        linked = client.link.create(auth_config_id=config, user_id="bob").connected_account_id
        for account in (made.id, linked):
            for status in STATUSES:
                sandbox("POST", f"accounts/{account}/state", state=status, reason="because")
                row = client.connected_accounts.retrieve(account)
                seen = (row.status, row.status_reason, row.auth_config.auth_scheme)
                check(f"{scheme} {status}", seen == (status, "because", scheme), str(seen))
                listed = client.connected_accounts.list(connected_account_ids=[account], statuses=[status])
                check(f"{scheme} {status} in a list", [item.id for item in listed.items] == [account])


def who_signed_in():
    link = client.link.create(auth_config_id="ac_gmail", user_id="ann")
    account = link.connected_account_id
    sandbox("POST", f"accounts/{account}/consent", display_name="ann@gmail.example")
    value = client.connected_accounts.retrieve(account).state.val.model_dump(by_alias=True)
    check("displayName", value.get("displayName") == "ann@gmail.example", str(value))
    listed = client.connected_accounts.list(user_ids=["ann"]).items[0]
    value = listed.state.val.model_dump(by_alias=True)
    check("displayName in a list", value.get("displayName") == "ann@gmail.example", str(value))


def verification():
    sandbox("POST", "project", verifier_url="https://app.test/verify")
    for user, wanted in [("ann", "ACTIVE"), ("eve", "FAILED")]:
        link = client.link.create(auth_config_id="ac_gmail", user_id="ann")
        target = person(link.redirect_url).headers.get("location", "")
        check("the way to the verifier", target.startswith("https://app.test/verify?session_uri="), target)
        session = httpx.URL(target).params["session_uri"]
        complete = lambda: client.connected_accounts.complete_auth(session_uri=session, user_id=user)
        if wanted == "ACTIVE":
            done = complete()
            check("completed", (done.connected_account_id, done.toolkit_slug) == (link.connected_account_id, "gmail"))
        else:
            refused("the wrong user", composio_client.BadRequestError, complete)
        row = client.connected_accounts.retrieve(link.connected_account_id)
        check(f"{wanted} after verification", row.status == wanted, str(row))
        refused("a session that was used", composio_client.NotFoundError, complete)
    refused(
        "a placeholder",
        composio_client.BadRequestError,
        lambda: client.link.create(auth_config_id="ac_gmail", user_id="default"),
    )


def the_project():
    sandbox("POST", "project", id="pr_acme", organisation_id="ok_acme")
    # The client's own method wants a user's key; a project's key may ask as well.
    info = client.get("/api/v3.1/auth/session/info", cast_to=models.GetV31AuthSessionInfoResponse)
    check("the project", (info.project.nano_id, info.project.org.id) == ("pr_acme", "ok_acme"), str(info))


def webhooks():
    events = [item.event_type for item in client.webhook_subscriptions.list_event_types().items]
    check("event types", events == ["composio.connected_account.expired"], str(events))
    subscribe = lambda: client.webhook_subscriptions.create(
        webhook_url="https://app.test/hook", enabled_events=events, version="V3"
    )
    made = subscribe()
    refused("a second subscription", composio_client.ConflictError, subscribe)
    check("told once", client.webhook_subscriptions.retrieve(made.id).secret != made.secret)
    check("listed", [item.id for item in client.webhook_subscriptions.list().items] == [made.id])
    moved = client.webhook_subscriptions.update(made.id, webhook_url="https://app.test/moved")
    check("moved", moved.webhook_url == "https://app.test/moved")
    check("rotated", client.webhook_subscriptions.rotate_secret(made.id).secret != made.secret)
    check("unsubscribed", client.webhook_subscriptions.delete(made.id).success)
    refused(
        "what is gone", composio_client.NotFoundError, lambda: client.webhook_subscriptions.retrieve(made.id)
    )


def the_edge():
    sandbox("POST", "fault", status="edge_limit")
    error = refused("the edge", composio_client.RateLimitError, lambda: client.auth_configs.list())
    check("no budget", "x-ratelimit" not in error.response.headers, str(error.response.headers))
    sandbox("POST", "fault", status="address_refused")
    error = refused("the address", composio_client.AuthenticationError, lambda: client.auth_configs.list())
    check("which one", "203.0.113.7" in error.response.text, error.response.text)


def the_budget():
    sandbox("POST", "limit", limit=1)
    error = refused("429", composio_client.RateLimitError, lambda: [client.auth_configs.list() for _ in range(2)])
    headers = error.response.headers
    check("Retry-After", 1 <= int(headers["retry-after"]) <= 60)
    check("the window", (headers["x-ratelimit"], headers["x-ratelimit-remaining"]) == ("1", "0"), str(headers))
    sandbox("POST", "limit", limit=100000)


async def a_life_without_waiting():
    http = httpx.AsyncClient(trust_env=False, event_hooks={"response": [async_hook]})
    async with AsyncComposio(auth=ProjectAuth("sandbox"), base_url=URL, http_client=http, max_retries=0) as client:
        link = await client.link.create(auth_config_id="ac_slack", user_id="zoe")
        account = link.connected_account_id
        check("FAILED", "status=" not in person(link.redirect_url, "cancel").headers.get("location", ""))
        check("FAILED", (await client.connected_accounts.retrieve(account)).status == "FAILED")
        check("deleted", (await client.connected_accounts.delete(account)).success)


for name, run in [
    ("a life by link", a_life_by_link),
    ("a life of a key", a_life_of_a_key),
    ("sharing", sharing),
    ("lists", lists),
    ("refusals", refusals),
    ("every scheme and status", every_scheme_and_status),
    ("who signed in", who_signed_in),
    ("verification", verification),
    ("the project", the_project),
    ("webhooks", webhooks),
    ("the edge", the_edge),
    ("the budget", the_budget),
    ("a life without waiting", lambda: asyncio.run(a_life_without_waiting())),
]:
    sandbox("POST", "reset")
    sandbox("POST", "limit", limit=100000)
    step(name, run)
print(f"{validated} answers validated by Composio's models")
end()
