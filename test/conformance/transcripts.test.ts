// Every transcript of this folder, against a server in memory: whole, octet by octet, cut at random, and with another request
// behind it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parseTranscripts, play } from "../../src/testing/index.ts";
import { serve } from "./site.ts";

const folder = new URL("../../../test/conformance/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

for (const file of files.sort()) {
  for (const each of parseTranscripts(readFileSync(new URL(file, folder), "utf8"), `test/conformance/${file}`)) {
    test(`${file.replace(".txt", "")}: ${each.title}`, () => play(each, { serve }));
  }
}

test("there are transcripts, and no title stands twice in a file", () => {
  assert.ok(files.length > 10, `${files.length} files`);
  for (const file of files) {
    const titles = parseTranscripts(readFileSync(new URL(file, folder), "utf8"), file).map(({ title }) => title);
    assert.equal(new Set(titles).size, titles.length, file);
  }
});
