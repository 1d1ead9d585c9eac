import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields } from "../message/fields.ts";
import { mayBePart, precondition, type Validators } from "./conditional.ts";

const DATE = "Tue, 14 Nov 2023 22:13:20 GMT";
const EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT";
const LATER = "Tue, 14 Nov 2023 22:13:21 GMT";
const STRONG: Validators = { etag: '"a"', lastModified: DATE };
const WEAK: Validators = { etag: 'W/"a"', lastModified: DATE };

type Case = [result: 304 | 412 | null, state: Validators | null, fields: [string, string][], method?: string];

const CASES: Case[] = [
  [null, STRONG, []],
  // If-Match
  [null, STRONG, [["If-Match", '"a"']]],
  [null, STRONG, [["If-Match", '"b", "a"']]],
  [412, STRONG, [["If-Match", '"b"']]],
  [412, STRONG, [["If-Match", 'W/"a"']]],
  [412, WEAK, [["If-Match", 'W/"a"']]],
  [412, WEAK, [["If-Match", '"a"']]],
  [null, WEAK, [["If-Match", "*"]]],
  [412, null, [["If-Match", "*"]]],
  [412, STRONG, [["If-Match", ""]]],
  [412, { lastModified: DATE }, [["If-Match", '"a"']]],
  // If-Unmodified-Since, which If-Match silences
  [null, STRONG, [["If-Unmodified-Since", DATE]]],
  [null, STRONG, [["If-Unmodified-Since", LATER]]],
  [412, STRONG, [["If-Unmodified-Since", EARLIER]]],
  [null, STRONG, [["If-Unmodified-Since", "yesterday"]]],
  [
    null,
    STRONG,
    [
      ["If-Match", '"a"'],
      ["If-Unmodified-Since", EARLIER],
    ],
  ],
  // If-None-Match
  [304, STRONG, [["If-None-Match", '"a"']]],
  [304, STRONG, [["If-None-Match", 'W/"a"']]],
  [304, WEAK, [["If-None-Match", '"a"']]],
  [304, WEAK, [["If-None-Match", '"b",W/"a" , "c"']]],
  [
    304,
    STRONG,
    [
      ["If-None-Match", '"b"'],
      ["If-None-Match", '"a"'],
    ],
  ],
  [304, STRONG, [["If-None-Match", "*"]]],
  [null, STRONG, [["If-None-Match", '"b", *']]],
  [null, STRONG, [["If-None-Match", '"b"']]],
  [null, STRONG, [["If-None-Match", "a"]]],
  [null, STRONG, [["If-None-Match", ""]]],
  [null, null, [["If-None-Match", "*"]]],
  [412, STRONG, [["If-None-Match", "*"]], "PUT"],
  [null, null, [["If-None-Match", "*"]], "PUT"],
  [
    304,
    STRONG,
    [
      ["If-None-Match", '"a"'],
      ["Cache-Control", "no-cache"],
    ],
    "HEAD",
  ],
  // If-Modified-Since, which If-None-Match silences
  [304, STRONG, [["If-Modified-Since", DATE]]],
  [304, STRONG, [["If-Modified-Since", LATER]]],
  [null, STRONG, [["If-Modified-Since", EARLIER]]],
  [null, STRONG, [["If-Modified-Since", "2030-01-01"]]],
  [
    null,
    STRONG,
    [
      ["If-Modified-Since", DATE],
      ["If-Modified-Since", DATE],
    ],
  ],
  [null, { etag: '"a"' }, [["If-Modified-Since", LATER]]],
  [
    null,
    STRONG,
    [
      ["If-None-Match", '"b"'],
      ["If-Modified-Since", LATER],
    ],
  ],
  [
    null,
    STRONG,
    [
      ["If-None-Match", ""],
      ["If-Modified-Since", LATER],
    ],
  ],
  [null, STRONG, [["If-Modified-Since", LATER]], "POST"],
  // Both kinds: the first decides where it fails
  [
    412,
    STRONG,
    [
      ["If-Match", '"b"'],
      ["If-None-Match", '"a"'],
    ],
  ],
  [
    304,
    STRONG,
    [
      ["If-Match", '"a"'],
      ["If-None-Match", '"a"'],
    ],
  ],
  [
    412,
    STRONG,
    [
      ["If-Unmodified-Since", EARLIER],
      ["If-None-Match", '"a"'],
    ],
  ],
];

test("preconditions are looked at in the order of RFC 9110 §13.2.2", () => {
  for (const [result, state, fields, method = "GET"] of CASES) {
    const name = `${method} ${JSON.stringify(fields)} of ${JSON.stringify(state)}`;
    assert.equal(precondition({ method, headers: new Fields(fields) }, state), result, name);
  }
});

test("a tag with a comma or a backslash in it is one tag, for each condition and in each line", () => {
  const tags = ['"a,b"', '"a, b"', '","', '"a\\"', '"\\"', '"a\\,b"', '"a\\\\"', '"\\\\,"', '"x=1;y=2"'];
  for (const etag of tags) {
    const state = { etag };
    const weak = { etag: `W/${etag}` };
    for (const lines of [[etag], [`"0", ${etag}`], [`${etag}, "0"`], ['"0"', etag], [`"0,\\", ${etag} , "\\"`]]) {
      const verdict = (name: string, of: Validators, method = "GET"): unknown => {
        const headers = new Fields(lines.map((value) => [name, value] as const));
        return precondition({ method, headers }, of);
      };
      const told = `${JSON.stringify(lines)} of ${etag}`;
      assert.equal(verdict("If-None-Match", state), 304, told);
      assert.equal(verdict("If-None-Match", weak), 304, told);
      assert.equal(verdict("If-None-Match", state, "PUT"), 412, told);
      assert.equal(verdict("If-Match", state, "PUT"), null, told);
      assert.equal(verdict("If-Match", weak, "PUT"), 412, told);
      // A part of a tag is none.
      for (const part of ['"a"', '"b"', '"', '" b"', '"a\\,b']) {
        assert.equal(verdict("If-None-Match", { etag: part }), null, `${told}: ${part}`);
        assert.equal(verdict("If-Match", { etag: part }, "PUT"), 412, `${told}: ${part}`);
      }
    }
    const range = (value: string, of: Validators): boolean => mayBePart(new Fields({ "If-Range": value }), of);
    assert.equal(range(etag, state), true, etag);
    assert.equal(range(`W/${etag}`, weak), false, etag);
    assert.equal(range(etag, weak), false, etag);
    assert.equal(range(`${etag}, "0"`, state), false, etag);
  }
});

test("If-Range asks for a part of the state that there is, and is compared strongly", () => {
  const now = Date.parse(DATE) + 60_000;
  const cases: [boolean, Validators, string[]][] = [
    [true, STRONG, []],
    [true, STRONG, ['"a"']],
    [false, STRONG, ['"b"']],
    [false, STRONG, ['W/"a"']],
    [false, WEAK, ['W/"a"']],
    [false, WEAK, ['"a"']],
    [true, WEAK, [DATE]],
    [false, WEAK, [EARLIER]],
    [false, WEAK, [LATER]],
    [false, WEAK, ["nonsense"]],
    [false, WEAK, [""]],
    [false, WEAK, [DATE, DATE]],
    [false, { etag: '"a"' }, [DATE]],
  ];
  for (const [result, state, values] of cases) {
    const headers = new Fields(values.map((value) => ["If-Range", value] as const));
    assert.equal(mayBePart(headers, state, now), result, `${values} of ${JSON.stringify(state)}`);
  }
  assert.equal(mayBePart(new Fields({ "If-Range": DATE }), WEAK, Date.parse(DATE) + 500), false);
});

test("a date without a zone is one of Greenwich, wherever the server stands", () => {
  const zone = process.env["TZ"];
  try {
    for (const place of ["America/New_York", "Asia/Tokyo", "UTC"]) {
      process.env["TZ"] = place;
      const headers = new Fields({ "If-Modified-Since": "Tue Nov 14 22:13:20 2023" });
      const results = [EARLIER, DATE, LATER].map((lastModified) =>
        precondition({ method: "GET", headers }, { lastModified }),
      );
      assert.deepEqual(results, [304, 304, null], place);
    }
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
});
