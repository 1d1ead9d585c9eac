import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { loopback } from "../testing/loopback.ts";
import { badRequest, notFound, status } from "./answers.ts";
import { custom, exact, frozen, prefix } from "./families.ts";
import { type Mux, mux } from "./mux.ts";
import { hosts, regex } from "./regex.ts";

const say =
  (word: string): Handler =>
  () =>
    text(word);

async function ask(handler: Handler, target: string, host = "Host: a"): Promise<string> {
  await using bench = loopback(handler);
  const version = host === "" ? "1.0" : "1.1";
  const answer = await bench
    .connect()
    .exchange(`GET ${target} HTTP/${version}\r\n${host === "" ? "" : `${host}\r\n`}\r\n`);
  return answer.status === 200 ? answer.body : String(answer.status);
}

const KEYS = ["/", "/a", "/a/b", "/a/b/c", "/simple", "/tea/"];
// Three letters and their slashes, two levels and three: sixty paths.
const URLS: readonly string[] = [
  ...["/", "/a", "/b", "/c", "/simple", "/simplex", "/tea", "/tea/", "/a/", "/bogus", "//a", "/./a"],
  ...["a", "b", "simple", "tea"].flatMap((one) =>
    ["a", "b", "c"].flatMap((two) => [`/${one}/${two}`, `/${one}/${two}/`]),
  ),
  ...["a", "b", "tea"].flatMap((one) =>
    ["/b/c", "/b/c/", "/b/c/d", "/c", "/c/d", "/%2F", "/..", "/b/../c"].map((rest) => `/${one}${rest}`),
  ),
];

const above = (path: string): string | undefined =>
  path === "" ? undefined : KEYS.includes(path) ? path : above(path.slice(0, path.lastIndexOf("/")));

test("sixty URLs against every family, alone and mounted in another [GB-10, GB-11, GB-12, GB-13, GB-14]", () => {
  assert.equal(URLS.length, 60);
  const table = KEYS.map((key) => [key, say(key)] as const);
  const map = new Map(table);
  const sorted = [...table].sort((a, b) => b[0].length - a[0].length);
  const tree = mux();
  for (const [key, handler] of table) tree.on(key as "/", handler);
  const canonical = (url: string) => new URL(`http://a${url.replace(/^\/+/, "/")}`).pathname;
  const families: readonly [string, Mux, (path: string) => string | undefined][] = [
    ["tree", tree, (path) => (map.has(path) ? path : undefined)],
    ["exact", exact(table), (path) => (map.has(path) ? path : undefined)],
    ["frozen", frozen(table), (path) => (map.has(path) ? path : undefined)],
    ["custom", custom((_, path) => map.get(path)), (path) => (map.has(path) ? path : undefined)],
    ["prefix", prefix(table), above],
    ["frozen prefix", frozen(table, { match: "prefix" }), above],
    [
      "regex",
      regex(table.map(([key, handler]) => [`${key.slice(1)}$`, handler])),
      (path) => (map.has(path) ? path : undefined),
    ],
    [
      "hosts",
      hosts(sorted.map(([key, handler]) => [`a/${key}$`, handler])),
      (path) => (map.has(path) ? path : undefined),
    ],
  ];
  for (const [name, family, expected] of families) {
    for (const url of URLS) {
      const want = expected(canonical(url));
      const path = name === "custom" ? canonical(url) : url;
      assert.equal(family.find("GET", "a", path), want === undefined ? undefined : map.get(want), `${name} ${url}`);
    }
  }
});

test("every family answers where it is mounted", async () => {
  const inner: Record<string, Mux> = {
    tree: mux().on("/a", say("a")),
    exact: exact({ "/a": say("a") }),
    prefix: prefix({ "/a": say("a") }),
    frozen: frozen({ "/a": say("a") }),
    custom: custom((_, path) => (path === "/a" ? say("a") : undefined)),
    regex: regex([["a$", say("a")]]),
    hosts: hosts([["a//a$", say("a")]]),
  };
  for (const [name, family] of Object.entries(inner)) {
    const outer = mux().on("/x/{rest...}", family.handler);
    assert.deepEqual([name, await ask(outer.handler, "/x/a"), await ask(outer.handler, "/x/b")], [name, "a", "404"]);
  }
});

test("the empty path is for everything, / only for itself [GB-11]", async () => {
  const routes = prefix({ "/": say("root"), "/simple": say("simple") });
  const asked = async (): Promise<string[]> =>
    Promise.all(["/", "/simple/nested", "/simplex", "/bogus"].map((url) => ask(routes.handler, url)));
  assert.deepEqual(await asked(), ["root", "simple", "404", "404"]);
  routes.on("", say("all"));
  assert.deepEqual(await asked(), ["root", "simple", "all", "all"]);
});

test("a frozen table takes no route, and does for a look-up what a live one does [GB-12, GB-13]", () => {
  const table = Array.from({ length: 10_000 }, (_, i) => [`/r${i}`, say("x")] as const);
  const routes = frozen(table);
  for (const change of [
    () => routes.on("/z", say("z")),
    () => routes.replace("/r1", say("z")),
    () => routes.off("/r1"),
  ]) {
    assert.throws(change, (error) => error instanceof LocalError && error.code === "USE_FROZEN");
  }
  assert.equal(routes.find("GET", "", "/r9999"), table.at(-1)?.[1]);
});

test("custom functions get host, path and handler; what is no handler is 500 [GB-09, GB-14]", async () => {
  const seen: unknown[] = [];
  const tea = say("tea");
  const routes = custom(
    (host, path) => {
      seen.push([host, path]);
      return path === "/tea" ? tea : path === "/odd" ? (1 as never) : undefined;
    },
    (path, handler) => seen.push([path, handler]),
  );
  routes.on("/tea", tea);
  assert.deepEqual(
    [await ask(routes.handler, "/tea"), await ask(routes.handler, "/odd"), await ask(routes.handler, "/x")],
    ["tea", "500", "404"],
  );
  assert.deepEqual(seen, [
    ["/tea", tea],
    ["a", "/tea"],
    ["a", "/odd"],
    ["a", "/x"],
  ]);
  custom(() => tea).on("/ignored", tea);
});

test("exact paths, a fallback, and keys that are none [GB-04, GB-08, GB-10]", async () => {
  const routes = exact({}, { fallback: notFound() });
  assert.equal(await ask(routes.handler, "/a"), "404");
  routes.on("/a", say("a"));
  assert.deepEqual(
    [await ask(routes.handler, "/a"), await ask(routes.handler, "/a/"), await ask(routes.handler, "/a/b")],
    ["a", "404", "404"],
  );
  assert.throws(() => routes.on(1 as never, say("a")), LocalError);
  assert.throws(() => routes.on("/b", null as never), LocalError);
  assert.throws(() => routes.on("/a", say("b")), LocalError);
});

test("regular expressions in order, anchored, with captures [EL-24]", async () => {
  const groups: Handler = ({ params }) => text(`${params["1"]} ${params["name"]}`);
  const routes = regex(
    [
      ["$", say("root")],
      ["path/$", say("path")],
      ["path/(?<name>[^/]+)/$", groups],
      ["path/.*", say("late")],
    ],
    { notFound: say("own") },
  );
  const cases = { "/": "root", "/path/": "path", "/path/a%20b/": "a b a b", "/path/a/b": "late", "/x/path/": "own" };
  for (const [url, expected] of Object.entries(cases)) assert.equal(await ask(routes.handler, url), expected, url);
  assert.throws(() => routes.on("(", say("")), LocalError);
});

test("host and path in one table, which takes rows while it runs [EL-25]", async () => {
  const routes = hosts([
    ["one//p", say("1")],
    ["two//p", say("2")],
  ]);
  assert.equal(await ask(routes.handler, "/p", "Host: one"), "1");
  assert.equal(await ask(routes.handler, "/p", "Host: Two:8080"), "2");
  assert.equal(await ask(routes.handler, "/p", ""), "404");
  routes.prepend("[^/]*//p", say("all"));
  assert.equal(await ask(routes.handler, "/p", ""), "all");
});

test("ready-made answers escape what they say [EL-21]", async () => {
  await using bench = loopback(
    mux({ fallback: notFound() }).on("/bad", badRequest("<b>")).on("/tea", status(418)).handler,
  );
  const get = (path: string) => bench.connect().exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const [bad, tea, none] = [await get("/bad"), await get("/tea"), await get("/x")];
  assert.deepEqual([bad.status, tea.status, none.status], [400, 418, 404]);
  assert.match(bad.body, /<h1>&lt;b&gt;<\/h1>/);
  assert.match(none.headers.get("content-type") ?? "", /^text\/html/);
  assert.ok(none.body.includes("<h1>Not Found</h1>"));
});
