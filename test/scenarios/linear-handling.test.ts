// Nothing that a peer sends is looked at in more than linear time: routes, handlers, middleware and the app. And that no place is
// forgotten.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ENGINE } from "./linear-engine.ts";
import { HANDLERS, MIDDLEWARE, ROUTES } from "./linear-handlers.ts";
import { provesLinear } from "./linear-proof.ts";
import { READERS } from "./linear-values.ts";

provesLinear([...ROUTES, ...HANDLERS, ...MIDDLEWARE]);

// What is in none of the rows, and why: it is the program's, or the system's, and no peer's.
const OF_THE_PROGRAM: Readonly<Record<string, string>> = {
  "app/autostart.ts": "the message of an error",
  "app/config.ts": "settings",
  "app/subject.ts": "a target and a host that the engine has bounded",
  "app/workers.ts": "the name of a module",
  "content/cookie.ts": "also what is set: names and options",
  "handlers/file-options.ts": "options",
  "handlers/file-routes.ts": "names of files on the disk",
  "handlers/file.ts": "a path of the program",
  "handlers/listing-page.ts": "names of files on the disk",
  "handlers/readers.ts": "the pattern of a program, which may be what it likes",
  "handlers/representation.ts": "headers of the program",
  "handlers/typed.ts": "options",
  "message/answer.ts": "the coding of a reply that was fetched",
  "message/imperative.ts": "a status of the program",
  "message/json-text.ts": "names of keys of the program",
  "middleware/named-log.ts": "a time",
  "route/pattern.ts": "patterns",
  "route/segment-type.ts": "patterns; the segments are in the rows of mux()",
};

/** A pattern that is used, a text that is split or trimmed, a URL, a library. */
const LOOKS =
  /\.(?:test|exec|replace|replaceAll|split|match|matchAll|search|trim)\(|new RegExp|new URL|URL\.|URLSearchParams|isIP|from "[^.n]|import\("(?![.n])|createRequire/;

test("every file that looks at text by a pattern or a library is in a row, or says whose text it is", () => {
  const source = new URL("../../../src/", import.meta.url);
  const inRows = new Set([...ENGINE, ...READERS, ...ROUTES, ...HANDLERS, ...MIDDLEWARE].map(({ file }) => file));
  for (const file of inRows) assert.ok(readFileSync(new URL(file, source), "utf8").length > 0, file);
  const forgotten: string[] = [];
  for (const folder of ["wire", "message", "content", "route", "handlers", "middleware", "app"]) {
    for (const name of readdirSync(new URL(`${folder}/`, source), { recursive: true, encoding: "utf8" })) {
      const file = `${folder}/${name.replaceAll("\\", "/")}`;
      if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file in OF_THE_PROGRAM) continue;
      const lines = readFileSync(new URL(file, source), "utf8").split("\n");
      const looks = lines.filter((line) => LOOKS.test(line) && !/^\s*(?:\*|\/\/|\/\*)/.test(line));
      if (looks.length > 0 && !inRows.has(file)) forgotten.push(`${file}: ${looks[0]?.trim()}`);
    }
  }
  assert.deepEqual(forgotten, []);
});
