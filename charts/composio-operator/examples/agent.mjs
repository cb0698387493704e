// An agent that calls a tool through the account that a ConfigMap names (spec.writeTo of a ConnectedAccount).
//
// It needs Composio's client (npm install @composio/client), an API key in COMPOSIO_API_KEY, and the ConfigMap mounted
// at $ACCOUNT. TypeScript takes it as it is.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import Composio from "@composio/client";

/** What the operator has written, read anew each time: the id may change while the agent runs. */
async function account() {
  const folder = process.env.ACCOUNT ?? "/var/run/account";
  // While there is no account there are no id and no state.
  const read = (key) => readFile(join(folder, key), "utf8").catch(() => undefined);
  const [id, state, user] = await Promise.all(["connectedAccountId", "state", "user"].map(read));
  return { id, state, user };
}

const { id, state, user } = await account();
if (state !== "ACTIVE") {
  console.error(`the account of ${user} cannot be used now: ${state ?? "there is none yet"}`);
  process.exit(1);
}
const client = new Composio({
  apiKey: process.env.COMPOSIO_API_KEY,
  baseURL: process.env.COMPOSIO_BASE_URL,
});
const result = await client.tools.execute("GMAIL_GET_PROFILE", {
  connected_account_id: id,
  user_id: user,
  arguments: {},
});
if (!result.successful) {
  console.error(`the tool failed: ${result.error}`);
  process.exit(1);
}
console.log(result.data);
