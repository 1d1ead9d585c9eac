import assert from "node:assert/strict";
import { test } from "node:test";
import { statesPage } from "./states-page.ts";

test("each state has a row, each event a column, and each pair a line", () => {
  const page = statesPage(
    { client: { idle: { request: "send-body" }, error: {} } },
    { idle: { closed: ["client", "must-close"] } },
  );
  assert.ok(
    page.includes(
      "## What the client may say\n\n| state | request | informational | response | data | end | closed |\n",
    ),
  );
  assert.ok(page.includes("| idle | send-body |  |  |  |  |  |\n| error |  |  |  |  |  |  |\n"));
  assert.ok(page.includes("| idle | closed | client | must-close |\n"));
});

test("an event without a column is refused", () => {
  assert.throws(() => statesPage({ client: { idle: { shout: "idle" } } }, {}), /shout/);
});
