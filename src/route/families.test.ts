import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { Reply, text } from "../message/reply.ts";
import { loopback } from "../testing/loopback.ts";
import { badRequest, notFound, status } from "./answers.ts";
import { custom, exact, frozen, prefix } from "./families.ts";
import { type Mux, mux } from "./mux.ts";
import { hosts, regex } from "./regex.ts";
import { restartable, rewrite } from "./rewrite.ts";

const say =
  (word: string): Handler =>
  () =>
    text(word);

const isLocal = (code: string) => (error: unknown) => error instanceof LocalError && error.code === code;

async function ask(handler: Handler, target: string, host = "Host: a"): Promise<string> {
  await using bench = loopback(handler);
  const version = host === "" ? "1.0" : "1.1";
  const answer = await bench
    .connect()
    .exchange(`GET ${target} HTTP/${version}\r\n${host === "" ? "" : `${host}\r\n`}\r\n`);
  return answer.status === 200 ? answer.body : String(answer.status);
}

const table = ["/", "/a", "/a/b", "/tea/"].map((key) => [key, say(key)] as const);

test("what find() gives is what was registered, by the path as a request would name it [GB-10, GB-12, GB-13, CH-33]", () => {
  const map = new Map(table);
  const families: Record<string, Mux> = {
    tree: mux(),
    exact: exact(table),
    frozen: frozen(table),
    custom: custom((_, path) => map.get(path)),
    prefix: prefix(table),
    "frozen prefix": frozen(table, { match: "prefix" }),
    regex: regex(table.map(([key, handler]) => [`${key.slice(1)}$`, handler])),
    hosts: hosts(table.map(([key, handler]) => [`a/${key}$`, handler])),
  };
  for (const [key, handler] of table) families["tree"]?.on(key, handler);
  for (const [name, family] of Object.entries(families)) {
    const below = name.includes("prefix");
    const cases = { "/": "/", "//a": "/a", "/%61": "/a", "/a/b": "/a/b", "/x/../tea/": "/tea/", "/tea": "", "/ab": "" };
    for (const [path, key] of Object.entries(cases)) {
      assert.equal(family.find("GET", "A.:80", path), map.get(key), `${name} ${path}`);
    }
    assert.equal(family.find("GET", "a", "/a/b/c"), below ? map.get("/a/b") : undefined, name);
    assert.equal(family.find("GET", "a", "none"), undefined, name);
  }
});

test("one call takes a list of paths, all of them or none, and takes them away again [CH-30, CH-32]", async () => {
  const families: readonly (readonly [string, Mux])[] = [
    ["tree", mux({ fallback: say("fallback") })],
    ["exact", exact({}, { fallback: say("fallback") })],
    ["prefix", prefix({}, { fallback: say("fallback") })],
    ["regex", regex([], { notFound: say("fallback") })],
    ["hosts", hosts([], { notFound: say("fallback") })],
  ];
  for (const [name, family] of families) {
    const at = (path: string): string =>
      name === "hosts" ? `a/${path}$` : name === "regex" ? `${path.slice(1)}$` : path;
    const asked = async (): Promise<string[]> => Promise.all(["/one", "/two"].map((path) => ask(family.handler, path)));
    const both = [at("/one"), at("/two")];
    family.on(both, say("both"));
    assert.deepEqual(await asked(), ["both", "both"], name);
    family.replace(both, say("new"));
    assert.deepEqual(await asked(), ["new", "new"], name);
    const bad = name === "regex" || name === "hosts" ? "(" : "no path";
    assert.throws(() => family.on([at("/three"), bad], say("none")), isLocal("USE_BAD_PATTERN"), name);
    assert.throws(() => family.replace([at("/one"), bad], say("none")), isLocal("USE_BAD_PATTERN"), name);
    assert.deepEqual([...family.patterns].sort(), [...both].sort(), name);
    assert.deepEqual(await asked(), ["new", "new"], name);
    assert.deepEqual([family.off([...both, at("/unknown")]), family.off(both)], [true, false], name);
    assert.deepEqual(await asked(), ["fallback", "fallback"], name);
  }
});

test("a path in a list twice, or taken, is a conflict, and nothing of the list is registered", () => {
  for (const family of [mux(), exact(), prefix()] as readonly Mux[]) {
    family.on("/taken", say("old"));
    assert.throws(() => family.on(["/new", "/taken"], say("x")), isLocal("USE_PATTERN_CONFLICT"));
    assert.throws(() => family.on(["/new", "/%6Eew"], say("x")), isLocal("USE_PATTERN_CONFLICT"));
    assert.deepEqual(family.patterns, ["/taken"]);
  }
});

test("the empty path is for everything, / only for itself, in a table that is live or frozen [GB-11, GB-13]", async () => {
  const rows = { "/": say("root"), "/simple": say("simple") };
  const routes = prefix(rows);
  const asked = async ({ handler }: Mux): Promise<string[]> =>
    Promise.all(["/", "/simple/nested", "/simplex", "/bogus"].map((url) => ask(handler, url)));
  assert.deepEqual(await asked(routes), ["root", "simple", "404", "404"]);
  assert.deepEqual(await asked(frozen(rows, { match: "prefix" })), ["root", "simple", "404", "404"]);
  routes.on("", say("all"));
  assert.deepEqual(await asked(routes), ["root", "simple", "all", "all"]);
  const cold = frozen({ ...rows, "": say("all") }, { match: "prefix" });
  assert.deepEqual(await asked(cold), ["root", "simple", "all", "all"]);
  assert.throws(() => cold.on("/x", say("x")), isLocal("USE_FROZEN"));
});

test("a frozen table takes no route, and does for a look-up what a live one does [GB-12, GB-13]", () => {
  const table = Array.from({ length: 10_000 }, (_, i) => [`/r${i}`, say("x")] as const);
  const routes = frozen(table);
  for (const change of [
    () => routes.on("/z", say("z")),
    () => routes.on("/r1", say("z")),
    () => routes.replace("/r1", say("z")),
    () => routes.off("/r1"),
  ]) {
    assert.throws(change, isLocal("USE_FROZEN"));
  }
  assert.equal(routes.find("GET", "", "/r9999"), table.at(-1)?.[1]);
});

/** How often a call looks something up in a Map or a Set. */
function lookups(call: () => unknown): number {
  const { get, has } = Map.prototype;
  let count = 0;
  const counted = <A extends unknown[], R>(original: (...args: A) => R) =>
    function (this: unknown, ...args: A): R {
      count++;
      return original.apply(this as never, args);
    };
  Map.prototype.get = counted(get) as typeof get;
  Map.prototype.has = counted(has) as typeof has;
  try {
    call();
  } finally {
    Map.prototype.get = get;
    Map.prototype.has = has;
  }
  return count;
}

test("a look-up in a frozen table takes the steps that one in a live table does, however many routes there are [GB-49]", () => {
  const counts = [10, 10_000].map((count) => {
    const rows = Array.from({ length: count }, (_, i) => [`/r${i}`, say("x")] as const);
    const path = `/r${count - 1}`;
    const [live, cold] = [exact(rows), frozen(rows)];
    const [livePrefix, coldPrefix] = [prefix(rows), frozen(rows, { match: "prefix" })];
    assert.equal(cold.find("GET", "", path), rows.at(-1)?.[1]);
    return [
      lookups(() => live.find("GET", "", path)),
      lookups(() => cold.find("GET", "", path)),
      lookups(() => livePrefix.find("GET", "", `${path}/a`)),
      lookups(() => coldPrefix.find("GET", "", `${path}/a`)),
    ];
  });
  assert.deepEqual(counts, [
    [1, 1, 2, 2],
    [1, 1, 2, 2],
  ]);
});

test("a path of thousands of slashes is cut before it is looked up, not step by step", () => {
  const routes = prefix({ "/a/b": say("x") });
  assert.equal(
    lookups(() => routes.find("GET", "", "/a/c".repeat(2000))),
    3,
  );
  assert.ok(routes.find("GET", "", `/a/b${"/c".repeat(2000)}`));
});

test("custom functions get host, path and handler; what is no handler is 500 [GB-09, GB-14]", async () => {
  const seen: unknown[] = [];
  const tea = say("tea");
  const known = new Map<string, Handler>();
  const routes = custom(
    (host, path, method) => {
      seen.push([host, path, method]);
      return path === "/odd" ? (1 as never) : known.get(path);
    },
    (host, path, handler, method) => {
      seen.push([host, path, handler, method]);
      if (handler === undefined) return known.delete(path);
      return known.set(path, handler);
    },
  );
  routes.on(["GET Tea.org/t%65a", ""], tea);
  assert.deepEqual(
    [await ask(routes.handler, "/tea"), await ask(routes.handler, "/odd"), await ask(routes.handler, "/x")],
    ["tea", "500", "404"],
  );
  assert.deepEqual(seen.splice(0), [
    ["tea.org", "/tea", tea, "GET"],
    ["", "", tea, ""],
    ["a", "/tea", "GET"],
    ["a", "/odd", "GET"],
    ["a", "/x", "GET"],
  ]);
  assert.deepEqual([routes.off("/tea"), routes.off("/tea")], [true, false]);
  assert.equal(await ask(routes.handler, "/tea"), "404");
  assert.throws(() => routes.on("tea", tea), isLocal("USE_BAD_PATTERN"));
  assert.throws(() => routes.on("/tea", 1 as never), isLocal("USE_BAD_OPTION"));
  const bare = custom((_, path) => (path === "/tea" ? tea : undefined));
  assert.equal(bare.on("/ignored", tea).off("/ignored"), false);
  assert.deepEqual([await ask(bare.handler, "/tea"), await ask(bare.handler, "/ignored")], ["tea", "404"]);
});

test("an object of two methods is a table: its look-up may say false, and it may take nothing [GB-09] [GB-14]", async () => {
  const tea = say("tea");
  class Table {
    readonly known = new Map<string, Handler>([["/tea", tea]]);
    get(host: string, path: string): Handler | false {
      return host === "closed.example" ? false : (this.known.get(path) ?? false);
    }
    put(_host: string, path: string, handler: Handler | undefined): boolean {
      return handler === undefined ? this.known.delete(path) : this.known.set(path, handler).size > 0;
    }
  }
  const routes = custom(new Table());
  routes.on("/cup", say("cup"));
  assert.deepEqual(
    [await ask(routes.handler, "/tea"), await ask(routes.handler, "/cup"), await ask(routes.handler, "/x")],
    ["tea", "cup", "404"],
  );
  assert.equal(await ask(routes.handler, "/tea", "Host: closed.example"), "404");
  assert.deepEqual([routes.find("GET", "a", "/tea"), routes.find("GET", "a", "/x")], [tea, undefined]);
  assert.deepEqual([routes.off("/cup"), routes.off("/cup")], [true, false]);
  const only = custom({ get: (_, path) => (path === "/only" ? say("a look-up") : false) });
  assert.deepEqual([await ask(only.handler, "/only"), await ask(only.handler, "/other")], ["a look-up", "404"]);

  const bare = custom({ get: () => false }, undefined, { fallback: say("default page") });
  assert.equal(bare.on("/x", tea).replace("/x", tea).off("/x"), false);
  assert.equal(await ask(bare.handler, "/x"), "default page");
  for (const [none, expected] of [
    [false, "404"],
    [null, "404"],
    [undefined, "404"],
    [0, "500"],
    ["page", "500"],
  ] as const) {
    assert.equal(await ask(custom(() => none as never).handler, "/"), expected, String(none));
  }
  for (const wrong of [undefined, null, {}, { put: () => true }, "x"]) {
    assert.throws(() => custom(wrong as never), isLocal("USE_BAD_OPTION"));
  }
  assert.throws(() => custom(() => false, undefined, { fallback: 1 as never }), isLocal("USE_BAD_OPTION"));
});

test("exact paths, a fallback, and keys that are none [GB-04, GB-08, GB-10]", async () => {
  const routes = exact({}, { fallback: notFound() });
  assert.equal(await ask(routes.handler, "/a"), "404");
  routes.on("/a", say("a"));
  assert.deepEqual(
    [await ask(routes.handler, "/a"), await ask(routes.handler, "/a/"), await ask(routes.handler, "/a/b")],
    ["a", "404", "404"],
  );
  assert.throws(() => routes.on(1 as never, say("a")), isLocal("USE_BAD_PATTERN"));
  assert.throws(() => routes.on("/b?x", say("a")), isLocal("USE_BAD_PATTERN"));
  assert.throws(() => routes.on("/b", null as never), isLocal("USE_BAD_OPTION"));
  assert.throws(() => exact({}, { fallback: 1 as never }), isLocal("USE_BAD_OPTION"));
  assert.throws(() => frozen({}, { match: "some" as never }), isLocal("USE_BAD_OPTION"));
  routes.on("/café", say("coffee"));
  assert.equal(await ask(routes.handler, "/caf%c3%a9"), "coffee");
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
  for (const bad of ["(", 1 as never]) assert.throws(() => routes.on(bad, say("")), isLocal("USE_BAD_PATTERN"));
  assert.throws(() => regex([], { notFound: 1 as never }), isLocal("USE_BAD_OPTION"));
  assert.deepEqual(routes.routes[2], {
    method: "",
    host: "",
    path: "path/(?<name>[^/]+)/$",
    pattern: "path/(?<name>[^/]+)/$",
    params: [{ name: "name", type: "string" }],
  });
});

test("a table of expressions puts the slash behind a path by itself, as its pages end in one [EL-24]", async () => {
  const routes = regex(
    [
      ["$", say("root")],
      ["path/$", say("path")],
      ["path/subpath/$", say("subpath")],
      ["plain$", say("plain")],
      ["dot.x/$", say("dot")],
    ],
    { notFound: say("own") },
  );
  const to = async (url: string, method = "GET"): Promise<unknown> => {
    await using bench = loopback(mux().on("/{...}", routes.handler).handler);
    const { status, headers } = await bench.connect().exchange(`${method} ${url} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return [status, headers.get("location")];
  };
  assert.deepEqual(await to("/path"), [302, "/path/"]);
  assert.deepEqual(await to("/path/subpath?x=1&y"), [302, "/path/subpath/?x=1&y"]);
  assert.deepEqual(await to("/path", "HEAD"), [302, "/path/"]);
  assert.deepEqual(await to("/path", "POST"), [307, "/path/"]); // 302 would lose the body of a form
  const cases = { "/": "root", "/path/": "path", "/plain": "plain", "/dot.x": "own", "/lost": "own", "/lost/": "own" };
  for (const [url, expected] of Object.entries(cases)) assert.equal(await ask(routes.handler, url), expected, url);
  const strict = regex([["path/$", say("path")]], { slash: "strict" });
  assert.equal(await ask(strict.handler, "/path"), "404");
  assert.throws(() => regex([], { slash: "ignore" as never }), isLocal("USE_BAD_OPTION"));
  const mounted = mux().on("/wiki/{...}", regex([["page/$", say("page")]]).handler);
  await using bench = loopback(mounted.handler);
  const { headers } = await bench.connect().exchange("GET /wiki/page?q HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(headers.get("location"), "/wiki/page/?q");
});

test("host and path are one text with one slash between them or two, however the manual's pattern is written [EL-25]", async () => {
  const groups: Handler = ({ params }) => text(JSON.stringify(params));
  const routes = hosts([
    ["^localhost/pastebin.*", say("one slash")],
    ["^two.example//pastebin.*", say("two slashes")],
    ["(?<host>[^/]+)/named/(?<rest>.*)", groups],
    ["/nohost", say("no host")],
    ["^b.example/wiki/$", say("wiki")],
    ["[^/]+//.*\\.txt$", say("text")],
  ]);
  const cases = [
    ["Host: localhost", "/pastebin/x", "one slash"],
    ["Host: localhost:8000", "/pastebin", "one slash"],
    ["Host: LOCALHOST.", "/pastebin", "one slash"],
    ["Host: two.example:1", "/pastebin/x", "two slashes"],
    ["Host: other", "/pastebin/x", "404"],
    ["Host: other", "/localhost/pastebin", "404"],
    [
      "Host: a.example",
      "/named/b/c",
      '{"0":"a.example/named/b/c","1":"a.example","2":"b/c","host":"a.example","rest":"b/c"}',
    ],
    ["", "/nohost", "no host"],
    ["", "/pastebin/x", "404"],
    ["Host: c.example", "/a/b.txt", "text"],
    ["Host: b.example", "/wiki", "302"],
    ["Host: a.example", "/wiki", "404"],
  ] as const;
  for (const [host, url, expected] of cases)
    assert.equal(await ask(routes.handler, url, host), expected, `${host} ${url}`);
  assert.ok(routes.find("GET", "localhost:80", "/pastebin") !== undefined);
  assert.equal(routes.find("GET", "elsewhere", "/pastebin"), undefined);
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

test("no table makes a promise of its own: a reply that is there is given at once", async () => {
  const rows = [["/a", say("a")]] as const;
  const tables: readonly Handler[] = [
    mux().on("/{x}", say("a")).handler,
    mux().on("/{rest...}", mux().on("/{x:string}", say("a")).handler).handler,
    ...[exact(rows), prefix(rows), frozen(rows), custom(() => say("a")), regex([["a", say("a")]])].map(
      (one) => one.handler,
    ),
    hosts([["", say("a")]]).handler,
    restartable(rewrite((target) => `${target}?`)(say("a"))),
  ];
  const answers: unknown[] = [];
  for (const handler of tables) {
    await ask((request) => {
      const answer = handler(request);
      answers.push(answer);
      return answer;
    }, "/a");
  }
  assert.deepEqual([answers.length, answers.filter((answer) => !Reply.is(answer))], [tables.length, []]);
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
