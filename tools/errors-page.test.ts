import assert from "node:assert/strict";
import { test } from "node:test";
import { errorsPage } from "./errors-page.ts";

test("each code has a heading under the group of its prefix, with its status and sentence", () => {
  const page = errorsPage({
    USE_STATE: { status: 500, text: "Not now." },
    WIRE_TIMEOUT: { status: 408, text: "Too slow." },
  });
  const wire = page.indexOf(
    "## The peer broke the protocol: `RemoteError`, `WIRE_*`\n\n### WIRE_TIMEOUT\n\nStatus 408. Too slow.\n",
  );
  const use = page.indexOf("`LocalError`, `USE_*`\n\n### USE_STATE\n\nStatus 500. Not now.\n");
  assert.ok(wire > 0 && use > wire, page);
});

test("a code of no group is refused", () => {
  assert.throws(() => errorsPage({ ODD_CODE: { status: 500, text: "" } }), /ODD_CODE/);
});
