// One path, computed once: what a router matches is what a directory of files sees, however a request spells it.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { HttpError } from "../../src/base/errors.ts";
import { files } from "../../src/handlers/files.ts";
import type { Handler } from "../../src/message/handler.ts";
import { json, text } from "../../src/message/reply.ts";
import { hosts, mountedPath, mux, prefix, regex } from "../../src/route/index.ts";
import { type Loopback, loopback } from "../../src/testing/index.ts";

const NAMES = ["page.txt", "a b.txt", "private/key.txt", "private/a/key.txt", "caf\u00e9/100%.txt", "private.txt"];
let root = "";

before(async () => {
  root = await mkdtemp(join(tmpdir(), "portico-paths-"));
  for (const name of NAMES) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), `file ${encodeURI(name)}`);
  }
});
after(() => rm(root, { recursive: true }));

async function asked(bench: Loopback, target: string, host = "a"): Promise<string> {
  const answer = await bench.connect().exchange(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return answer.status === 200 ? answer.body : String(answer.status);
}

const forbidden: Handler = () => {
  throw new HttpError(403);
};

// Spellings of the way below /private/, and others that only look like one.
const GUARDED: readonly (readonly [target: string, expected: string])[] = [
  ["/private/key.txt", "403"],
  ["//private/key.txt", "403"],
  ["/./private/./key.txt", "403"],
  ["/x/../private/key.txt", "403"],
  ["/../../private//key.txt", "403"],
  ["/%70rivate/key.txt", "403"],
  ["/%2e/private/key.txt", "403"],
  ["/x/%2E%2e/private/a/key.txt", "403"],
  ["/private/", "403"],
  ["/private/%00", "403"],
  ["/private/../page.txt", "file page.txt"],
  ["/private/..%2Fprivate/key.txt", "403"],
  ["http://a/private/key.txt", "403"],
  ["/private%2Fkey.txt", "404"],
  ["/private%2fkey.txt", "404"],
  ["/private%5Ckey.txt", "404"],
  ["/private\\key.txt", "404"],
  ["/%2Fprivate/key.txt", "404"],
  ["/x%2F..%2Fprivate/key.txt", "404"],
  ["/x/..%2Fprivate/key.txt", "404"],
  ["/x/..%5Cprivate/key.txt", "404"],
  ["/%00/private/key.txt", "404"],
  ["/private%00/key.txt", "404"],
  ["/%2570rivate/key.txt", "404"],
  ["/%zzprivate/key.txt", "404"],
  ["/PRIVATE/key.txt", "404"],
  ["/page.txt", "file page.txt"],
  ["/%70age%2Etxt", "file page.txt"],
  ["/page.txt/", "404"],
  ["/page.txt%00", "404"],
  ["/private.txt", "file private.txt"],
  ["/a%20b.txt", "file a%20b.txt"],
  ["/caf%c3%a9/100%25.txt", "file caf%C3%A9/100%25.txt"],
  ["/caf%c3%a9/100%2525.txt", "404"],
];

test("no spelling of a path leads past a route to the file behind it, in any family", async () => {
  const site = files(root);
  const guards: Record<string, Handler> = {
    tree: mux({ fallback: site }).on("/private/{rest...}", forbidden).handler,
    prefix: prefix({ "/private": forbidden, "": site }).handler,
    regex: regex([["private/", forbidden]], { notFound: site }).handler,
    hosts: hosts([
      ["[^/]*//private/", forbidden],
      ["", site],
    ]).handler,
  };
  for (const [name, handler] of Object.entries(guards)) {
    await using bench = loopback(handler);
    for (const [target, expected] of GUARDED) assert.equal(await asked(bench, target), expected, `${name} ${target}`);
  }
});

test("a router finds the route of a file if and only if files finds the file", async () => {
  const routes = mux();
  for (const name of NAMES) routes.on(`/${name.replace("%", "%25")}` as "/", () => text(`file ${encodeURI(name)}`));
  await using router = loopback(routes.handler);
  await using directory = loopback(files(root));
  const pieces = [
    "page.txt",
    "a%20b.txt",
    "private",
    "key.txt",
    "caf%C3%A9",
    "100%25.txt",
    "private.txt",
    "a",
    "A",
    "x",
  ];
  const odd = [
    "",
    ".",
    "..",
    "%2e",
    "%2E%2e",
    "%2F",
    "%2f..",
    "%5C",
    "\\",
    "%00",
    "%25",
    "%",
    "%7",
    "...",
    "%ff",
    "{x}",
  ];
  const segment = fc.oneof(fc.constantFrom(...pieces), fc.constantFrom(...odd), fc.constantFrom(...pieces));
  const respelled = fc.tuple(segment, fc.nat(40)).map(([text, at]) => {
    const character = text.charAt(at);
    if (!/[a-z.]/.test(character) || text.includes("%")) return text;
    return `${text.slice(0, at)}%${character.charCodeAt(0).toString(16)}${text.slice(at + 1)}`;
  });
  const target = fc
    .tuple(fc.array(respelled, { minLength: 1, maxLength: 6 }), fc.constantFrom("", "?", "?x=/../private/key.txt"))
    .map(([segments, query]) => `/${segments.join("/")}${query}`);
  let found = 0;
  await fc.assert(
    fc.asyncProperty(target, async (path) => {
      const [matched, served] = [await asked(router, path), await asked(directory, path)];
      const seen = served === "308" ? "404" : served; // a directory without its slash
      assert.equal(matched, seen, path);
      if (matched !== "404") found++;
    }),
    { numRuns: 1500, seed: 7 },
  );
  assert.ok(found > 50, `${found} of them were files`);
});

test("a directory that is mounted sees what is below the mount, and nothing beside it", async () => {
  const site = files(root);
  const mounts: Record<string, Handler> = {
    tree: mux().on("/s/t/{path...}", site).handler,
    "tree in tree": mux().on("/s/{rest...}", mux().on("/t/{path...}", site).handler).handler,
    prefix: prefix({ "/s/t": site }).handler,
    "prefix in tree": mux().on("/s/{rest...}", prefix({ "/t": site }).handler).handler,
    "tree in prefix": prefix({ "/s": mux().on("/t/{path...}", site).handler }).handler,
    "tree in regex": regex([["s/t/", mux().on("/s/t/{path...}", site).handler]]).handler,
  };
  for (const [name, handler] of Object.entries(mounts)) {
    await using bench = loopback(handler);
    for (const file of NAMES) {
      const path = encodeURI(file);
      assert.equal(await asked(bench, `/s/t/${path}`), `file ${path}`, `${name} ${path}`);
      assert.equal(await asked(bench, `/x/..//s/./t/${path}`), `file ${path}`, `${name} ${path}`);
    }
    const outside = [
      "/page.txt",
      "/s/page.txt",
      "/s/tpage.txt",
      "/s/t/../page.txt",
      "/s/t/../../page.txt",
      "/s%2Ft/page.txt",
    ];
    const none = [
      "/s/t/..%2Fpage.txt",
      "/s/t/%2Fpage.txt",
      "/s/t%2Fpage.txt",
      "/s/t/private%2Fkey.txt",
      "/s/t/page.txt%00",
    ];
    for (const target of [...outside, ...none]) assert.equal(await asked(bench, target), "404", `${name} ${target}`);
  }
});

test("what a rest captured, decoded once more a segment at a time, is what was sent", async () => {
  const routes = mux().on("/f/{path...}", (request) => json([request.params.path, mountedPath(request)]));
  await using bench = loopback(routes.handler);
  const cases = {
    "/f/a/b": ["a/b", "/a/b"],
    "/f/": ["", "/"],
    "/f/a%2fb/c": ["a%2Fb/c", "/a%2Fb/c"],
    "/f/a%5cb\\c": ["a%5Cb%5Cc", "/a%5Cb%5Cc"],
    "/f/%00": ["%00", "/%00"],
    "/f/100%25": ["100%25", "/100%25"],
    "/f/%252F": ["%252F", "/%252F"],
    "/f/a%20b/%7Ec": ["a b/~c", "/a%20b/~c"],
    "/f/x/../y/./z": ["y/z", "/y/z"],
    "/f/..": "404",
    "/f/%2e%2e/f/x": ["x", "/x"],
    "/f": "404",
  };
  for (const [target, expected] of Object.entries(cases)) {
    const answer = await asked(bench, target);
    assert.deepEqual(answer === "404" ? answer : JSON.parse(answer), expected, target);
  }
});

test("capitals, and a slash at the end, count as the options say, and in values always [HS-07]", async () => {
  const shown: Handler = ({ params }) => json({ ...params });
  const table: readonly (readonly [Parameters<typeof mux>[0], Readonly<Record<string, unknown>>])[] = [
    [{}, { "/Tea/Cup": { n: "Cup" }, "/tea/Cup": "404", "/Tea/Cup/": "404", "/Tea//Cup": { n: "Cup" }, "/Tea": "404" }],
    [{ caseSensitive: false }, { "/tEA/Cup": { n: "Cup" }, "/TEA/%43up": { n: "Cup" }, "/tea/Cup/": "404" }],
    [
      { slash: "ignore" },
      { "/Tea/Cup/": { n: "Cup" }, "/Tea//Cup//": { n: "Cup" }, "/Tea/": "404", "/tea/Cup/": "404" },
    ],
    [{ slash: "redirect" }, { "/Tea/Cup/": "307", "/Tea/Cup": { n: "Cup" }, "/tea/Cup/": "404", "/Tea/": "404" }],
    [
      { caseSensitive: false, slash: "ignore" },
      { "/TEA/CUP/": { n: "CUP" }, "/TEA//": "404" },
    ],
  ];
  for (const [options, cases] of table) {
    await using bench = loopback(mux(options).on("/Tea/{n}", shown).handler);
    for (const [target, expected] of Object.entries(cases)) {
      const answer = await asked(bench, target);
      assert.deepEqual(
        /^\d/.test(answer) ? answer : JSON.parse(answer),
        expected,
        `${JSON.stringify(options)} ${target}`,
      );
    }
  }
});

test("a host is compared without its port, its case and its last dot, and never becomes part of the path [EL-25] [HS-44]", async () => {
  const routes = mux()
    .on("a.org/{rest...}", (request) => text(`a ${mountedPath(request)}`))
    .on("*.a.org/x", () => text("below a"))
    .on("[::1]/x", () => text("six"))
    .on("/x", () => text("any"));
  await using bench = loopback(routes.handler);
  const cases = [
    ["a.org", "/x", "a /x"],
    ["A.Org.:80", "/x", "a /x"],
    ["b.a.org", "/x", "below a"],
    ["c.b.a.org:1", "/x", "below a"],
    [".a.org", "/x", "any"],
    ["aa.org", "/x", "any"],
    ["[::1]:8080", "/x", "six"],
    ["", "/x", "any"],
    ["b.org", "http://a.org/x", "a /x"],
    ["b.org", "/a.org/x", "404"],
  ] as const;
  for (const [host, target, expected] of cases)
    assert.equal(await asked(bench, target, host), expected, `${host} ${target}`);
});
