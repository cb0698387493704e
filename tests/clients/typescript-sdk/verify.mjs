// Composio's SDK of TypeScript as the judge of webhook signatures: it says of each vector what the receiver's own test
// and the SDK of Python say.
//
// Usage: node verify.mjs WEBHOOK-VECTORS.json

import { readFileSync } from "node:fs";
import { Composio, ComposioWebhookSignatureVerificationError } from "@composio/core";

const composio = new Composio({ apiKey: "sandbox", allowTracking: false, disableVersionCheck: true });
let passed = 0;
let failed = 0;

for (const one of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  let good = true;
  try {
    await composio.triggers.verifyWebhook({
      id: one.id,
      timestamp: one.timestamp,
      signature: one.signature,
      payload: one.body,
      secret: one.secret,
      // The vectors are old.
      tolerance: 0,
    });
  } catch (error) {
    if (!(error instanceof ComposioWebhookSignatureVerificationError)) {
      throw error;
    }
    good = false;
  }
  if (good === one.good) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED  ${one.name}: judged ${good ? "good" : "bad"}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
