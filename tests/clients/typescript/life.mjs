// Composio's TypeScript client, unchanged, through the whole life of an account against the sandbox.
//
// Usage: node life.mjs URL. The last line tells how many checks passed and failed.

import Composio, {
  APIConnectionError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "@composio/client";

const url = process.argv[2];
const client = new Composio({ apiKey: "sandbox", baseURL: url, maxRetries: 0 });

let passed = 0;
let failed = 0;

function check(name, condition, detail = "") {
  if (condition) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED ${name}`, detail);
  }
}

async function refused(name, error, call) {
  try {
    await call();
    check(name, false, "was not refused");
  } catch (seen) {
    check(name, seen instanceof error, seen);
    return seen;
  }
}

async function sandbox(method, path, body) {
  const answer = await fetch(`${url}/_sandbox/${path}`, {
    method,
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

async function person(link, action = "connect") {
  check("the page opens", (await fetch(link)).status === 200);
  const body = new URLSearchParams({ action });
  return fetch(link, { method: "POST", body, redirect: "manual" });
}

async function lifeByLink() {
  const configs = await client.authConfigs.list({ limit: 200 });
  check("auth configs", configs.items.some((config) => config.id === "ac_gmail"));
  check("auth config", (await client.authConfigs.retrieve("ac_gmail")).toolkit.slug === "gmail");
  const link = await client.link.create({
    auth_config_id: "ac_gmail",
    user_id: "ann",
    alias: "work",
    callback_url: "https://app.test/done",
  });
  const id = link.connected_account_id;
  check("INITIALIZING", (await client.connectedAccounts.retrieve(id)).status === "INITIALIZING");
  const back = await person(link.redirect_url);
  const location = back.headers.get("location");
  check("the way back", location?.endsWith(`?status=success&connected_account_id=${id}`), location);
  const row = await client.connectedAccounts.retrieve(id);
  check("ACTIVE", row.status === "ACTIVE" && row.alias === "work", row);
  await refused("a second use of an alias", BadRequestError, () =>
    client.link.create({ auth_config_id: "ac_gmail", user_id: "ann", alias: "work" }),
  );
  check("patched", (await client.connectedAccounts.patch(id, { alias: "" })).success);
  check("an empty alias is none", (await client.connectedAccounts.retrieve(id)).alias == null);
  await client.connectedAccounts.updateStatus(id, { enabled: false });
  check("INACTIVE", (await client.connectedAccounts.retrieve(id)).is_disabled === true);
  await refused("revoke of INACTIVE", ConflictError, () => client.connectedAccounts.revoke(id));
  await client.connectedAccounts.updateStatus(id, { enabled: true });
  const again = await client.connectedAccounts.refresh(id, {});
  check("refresh", again.redirect_url?.startsWith(url), again);
  const revoked = await client.connectedAccounts.revoke(id);
  check("revoked", revoked.revoked_tokens.length === 2, revoked);
  check("revoked before", (await client.connectedAccounts.revoke(id)).revoked_tokens.length === 0);
  check("deleted", (await client.connectedAccounts.delete(id)).success);
  await refused("a deleted account", NotFoundError, () => client.connectedAccounts.retrieve(id));
}

async function lifeOfAKey() {
  const made = await client.connectedAccounts.create({
    auth_config: { id: "ac_hubspot" },
    connection: {
      user_id: "bob",
      state: { authScheme: "API_KEY", val: { status: "ACTIVE", api_key: "one" } },
    },
  });
  check("created", made.connectionData.val.status === "ACTIVE", made);
  const state = { authScheme: "API_KEY", val: { api_key: null, generic_api_key: "two" } };
  await client.connectedAccounts.patch(made.id, { connection: { state } });
  const held = Object.keys((await sandbox("GET", `accounts/${made.id}`)).credentials);
  check("merged, and null removes", held.join() === "generic_api_key", held);
  const gone = await client.connectedAccounts.delete(made.id, { revoke_on_delete: true });
  check("a job", typeof gone.revoke_job_id === "string", gone);
  const custom = await client.connectedAccounts.create({
    auth_config: { id: "ac_custom" },
    connection: { user_id: "bob" },
  });
  check("a redirect", custom.connectionData.val.redirectUrl?.startsWith(url), custom);
}

async function sharingAndLists() {
  const acl = { allowed_user_ids: ["dan"] };
  for (let n = 0; n < 60; n += 1) {
    const experimental = { account_type: "SHARED", acl_config_for_shared: acl };
    const extra = n === 0 ? { experimental } : {};
    await client.link.create({ auth_config_id: "ac_github", user_id: `user-${n}`, ...extra });
  }
  for (const [type, total] of [[undefined, 59], ["SHARED", 1], ["ALL", 60]]) {
    const query = { toolkit_slugs: ["github", "jira"], statuses: ["INITIALIZING", "ACTIVE"] };
    if (type) query.account_type = type;
    let rows = 0;
    let cursor;
    do {
      if (cursor) query.cursor = cursor;
      const page = await client.connectedAccounts.list(query);
      check("50 at most", page.items.length <= 50);
      rows += page.items.length;
      cursor = page.next_cursor;
    } while (cursor);
    check(`account_type ${type}`, rows === total, rows);
  }
  const few = await client.connectedAccounts.list({ user_ids: ["user-1", "user-2"] });
  check("several users", few.items.length === 2, few.items.length);
}

async function whoSignedIn() {
  const link = await client.link.create({ auth_config_id: "ac_gmail", user_id: "ann" });
  const id = link.connected_account_id;
  await sandbox("POST", `accounts/${id}/consent`, { display_name: "ann@gmail.example" });
  const value = (await client.connectedAccounts.retrieve(id)).state.val;
  check("displayName", value.displayName === "ann@gmail.example", value);
}

async function verification() {
  await sandbox("POST", "project", { verifier_url: "https://app.test/verify" });
  for (const [user, wanted] of [["ann", "ACTIVE"], ["eve", "FAILED"]]) {
    const link = await client.link.create({ auth_config_id: "ac_gmail", user_id: "ann" });
    const target = new URL((await person(link.redirect_url)).headers.get("location"));
    const session_uri = target.searchParams.get("session_uri");
    check("the way to the verifier", target.host === "app.test" && session_uri, target.href);
    const body = { session_uri, user_id: user };
    // No method of its own in this version.
    const complete = () => client.post("/api/v3.1/connected_accounts/complete_auth", { body });
    if (wanted === "ACTIVE") {
      check("completed", (await complete()).connected_account_id === link.connected_account_id);
    } else {
      await refused("the wrong user", BadRequestError, complete);
    }
    const row = await client.connectedAccounts.retrieve(link.connected_account_id);
    check(`${wanted} after verification`, row.status === wanted, row);
    await refused("a session that was used", NotFoundError, complete);
  }
}

async function theProject() {
  await sandbox("POST", "project", { id: "pr_acme", organisation_id: "ok_acme" });
  // The client's own method wants a user's key; a project's key may ask as well.
  const info = await client.get("/api/v3.1/auth/session/info");
  const seen = [info.project.nano_id, info.project.org.id];
  check("the project", seen.join() === "pr_acme,ok_acme", info);
}

async function webhooks() {
  const types = (await client.webhookSubscriptions.listEventTypes()).items;
  const enabled_events = types.map((type) => type.event_type);
  const body = { webhook_url: "https://app.test/hook", enabled_events, version: "V3" };
  const subscribe = () => client.webhookSubscriptions.create(body);
  const made = await subscribe();
  await refused("a second subscription", ConflictError, subscribe);
  const shown = await client.webhookSubscriptions.retrieve(made.id);
  check("told once", made.secret && shown.secret !== made.secret, shown);
  check("listed", (await client.webhookSubscriptions.list()).items.length === 1);
  const rotated = await client.webhookSubscriptions.rotateSecret(made.id);
  check("rotated", rotated.secret !== made.secret, rotated);
  check("unsubscribed", (await client.webhookSubscriptions.delete(made.id)).success);
}

async function refusals() {
  const link = () => client.link.create({ auth_config_id: "ac_gmail", user_id: "ann" });
  await refused("managed OAuth", BadRequestError, () =>
    client.connectedAccounts.create({
      auth_config: { id: "ac_gmail" },
      connection: { user_id: "ann" },
    }),
  );
  const stranger = new Composio({ apiKey: "wrong", baseURL: url, maxRetries: 0 });
  const error = await refused("a wrong key", AuthenticationError, () => stranger.authConfigs.list());
  check("its message", String(error?.message).includes("Invalid API key"), error?.message);
  for (const [status, kind] of [
    [403, PermissionDeniedError],
    [422, UnprocessableEntityError],
    [429, RateLimitError],
    [500, InternalServerError],
    [501, InternalServerError],
    ["cut_before", APIConnectionError],
  ]) {
    await sandbox("POST", "fault", { path: "/connected_accounts/link", status });
    await refused(`${status}`, kind, link);
  }
  const fault = { path: "/auth_configs", status: 503, headers: { "retry-after": "0" } };
  await sandbox("POST", "fault", fault);
  const patient = new Composio({ apiKey: "sandbox", baseURL: url, maxRetries: 1 });
  check("a retry", (await patient.authConfigs.list()).items.length > 0);
}

const runs = [
  lifeByLink,
  lifeOfAKey,
  sharingAndLists,
  whoSignedIn,
  verification,
  theProject,
  webhooks,
  refusals,
];
for (const run of runs) {
  await sandbox("POST", "reset");
  try {
    await run();
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${run.name}`, error);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
