// Scenario 6, the routing laboratory: the same sixty URLs against every family of tables, alone and mounted in every other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answering } from "../../src/message/answer.ts";
import type { Handler } from "../../src/message/handler.ts";
import { empty, json, text } from "../../src/message/reply.ts";
import {
  custom,
  exact,
  frozen,
  hosts,
  type Mux,
  mountedPath,
  mux,
  notFound,
  prefix,
  regex,
} from "../../src/route/index.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { loopback } from "../../src/testing/index.ts";

const KEYS = ["/", "/a", "/a/b", "/a/b/c", "/simple", "/tea/"];
const URLS: readonly string[] = [
  ...["/", "/a", "/b", "/c", "/simple", "/simplex", "/tea", "/tea/", "/a/", "/bogus", "//a", "/./a"],
  ...["a", "b", "simple", "tea"].flatMap((one) =>
    ["a", "b", "c"].flatMap((two) => [`/${one}/${two}`, `/${one}/${two}/`]),
  ),
  ...["a", "b", "tea"].flatMap((one) =>
    ["/b/c", "/b/c/", "/b/c/d", "/c/./d", "/c/d", "/%2F", "/..", "/b/../c"].map((rest) => `/${one}${rest}`),
  ),
];

/** Written apart from the code under test: the path as RFC 3986 has it, which the WHATWG parser resolves alike. */
const canonical = (url: string): string => new URL(`http://a${url.replace(/^\/+/, "/")}`).pathname;

const same = (path: string): string => (KEYS.includes(path) ? path : "404");
/** The path, or the longest key that it is below. The root is only itself. */
const above = (path: string): string =>
  path === "" ? "404" : KEYS.includes(path) ? path : above(path.slice(0, path.lastIndexOf("/")));

const said = (word: string): Handler => {
  const answer = text(word);
  return () => answer;
};

interface Family {
  /** A table of the keys. */
  readonly make: (rows: readonly (readonly [string, Handler])[]) => Mux;
  /** Which key answers a canonical path; 404 where none does. */
  readonly answers: (path: string) => string;
  /** Another table in one of this family; "/x" where the outer table takes that off the path. */
  readonly mount: (inner: Handler) => Handler;
  readonly base: "" | "/x";
}

const everyPath = (inner: Handler): Map<string, Handler> => new Map(URLS.map((url) => [canonical(url), inner]));

const FAMILIES: Readonly<Record<string, Family>> = {
  tree: {
    make: (rows) => rows.reduce((routes, [key, handler]) => routes.on(key, handler), mux() as Mux),
    answers: same,
    mount: (inner) => mux().on("/x/{rest...}", inner).handler,
    base: "/x",
  },
  exact: { make: exact, answers: same, mount: (inner) => exact(everyPath(inner)).handler, base: "" },
  frozen: { make: frozen, answers: same, mount: (inner) => frozen(everyPath(inner)).handler, base: "" },
  prefix: { make: prefix, answers: above, mount: (inner) => prefix({ "/x": inner }).handler, base: "/x" },
  "frozen prefix": {
    make: (rows) => frozen(rows, { match: "prefix" }),
    answers: above,
    mount: (inner) => frozen({ "/x": inner }, { match: "prefix" }).handler,
    base: "/x",
  },
  custom: {
    make: (rows) => {
      const known = new Map(rows);
      return custom((_, path) => known.get(path));
    },
    answers: same,
    mount: (inner) => custom(() => inner).handler,
    base: "",
  },
  regex: {
    make: (rows) =>
      regex(
        rows.map(([key, handler]) => [`${key.slice(1)}$`, handler]),
        { slash: "strict" },
      ),
    answers: same,
    mount: (inner) => regex([["", inner]]).handler,
    base: "",
  },
  hosts: {
    make: (rows) =>
      hosts(
        rows.map(([key, handler]) => [`example.org/${key}$`, handler]),
        { slash: "strict" },
      ),
    answers: same,
    mount: (inner) => hosts([["example.org//", inner]]).handler,
    base: "",
  },
};

/** Bodies, or statuses where they are not 200, of requests over one connection, which are sent all at once. */
async function asked(handler: Handler, targets: readonly string[], options: ServerOptions = {}): Promise<string[]> {
  await using bench = loopback(handler, options);
  const client = bench.connect();
  client.send(targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: example.org:8080\r\n\r\n`).join(""));
  const answers: string[] = [];
  for (const _ of targets) {
    const { status, body } = await client.answer();
    answers.push(status === 200 ? body : String(status));
  }
  return answers;
}

const rows = KEYS.map((key) => [key, said(key)] as const);

for (const [name, family] of Object.entries(FAMILIES)) {
  test(`sixty URLs against ${name}, alone and mounted in every family [GB-10] [GB-11] [GB-12] [GB-13] [GB-14]`, async () => {
    assert.equal(new Set(URLS).size, 60);
    const inner = family.make(rows);
    const expected = URLS.map((url) => [url, family.answers(canonical(url))]);
    const table = async (handler: Handler, base: string): Promise<unknown> => {
      const answers = await asked(
        handler,
        URLS.map((url) => base + url),
      );
      return URLS.map((url, i) => [url, answers[i]]);
    };
    assert.deepEqual(await table(inner.handler, ""), expected, "alone");
    for (const [where, { mount, base }] of Object.entries(FAMILIES)) {
      assert.deepEqual(await table(mount(inner.handler), base), expected, `mounted in ${where}`);
    }
  });
}

type Mount = (inner: Handler) => Handler;

const OUTER: Readonly<Record<string, Mount>> = {
  tree: (inner) => mux().on("/{tenant}/{rest...}", inner).handler,
  regex: (inner) => regex([["(?<tenant>[^/]+)/", inner]]).handler,
  hosts: (inner) => hosts([["[^/]+//(?<tenant>[^/]+)/", inner]]).handler,
};

const BETWEEN: Readonly<Record<string, Mount>> = {
  none: (inner) => inner,
  tree: (inner) => mux().on("/{all...}", inner).handler,
  exact: (inner) => exact({ "/t%20t/x/7": inner, "/x/7": inner }).handler,
  frozen: (inner) => frozen({ "/t%20t/x/7": inner, "/x/7": inner }).handler,
  prefix: (inner) => prefix({ "": inner }).handler,
  custom: (inner) => custom(() => inner).handler,
  regex: (inner) => regex([["(?<between>.).*", inner]]).handler,
  hosts: (inner) => hosts([["(?<between>.).*", inner]]).handler,
};

const shown: Handler = (request) => json([mountedPath(request), { ...request.params }]);

const INNER: Readonly<Record<string, (base: string) => Handler>> = {
  tree: (base) => mux().on(`${base}/x/{id}` as "/{id}", shown).handler,
  exact: (base) => exact({ [`${base}/x/7`]: shown }).handler,
  prefix: (base) => prefix({ [`${base}/x`]: shown }).handler,
  custom: () => custom(() => shown).handler,
  regex: (base) => regex([[`${base.slice(1)}${base === "" ? "" : "/"}x/(?<id>\\d)$`, shown]]).handler,
  hosts: (base) => hosts([[`example\\.org/${base}/x/(?<id>\\d)$`, shown]]).handler,
};

/** What three tables leave of the path, and what they captured of it by name. */
function expectedOf(outer: string, between: string, inner: string): unknown {
  const rest = outer === "tree" ? "x/7" : undefined;
  const path = rest === undefined ? "t t/x/7" : rest;
  const left = rest === undefined ? "/t%20t/x/7" : "/x/7";
  const first: Record<string, string> = { tree: path, regex: path.charAt(0), hosts: "e" };
  return [
    inner === "prefix" ? "/7" : left,
    {
      tenant: "t t",
      ...(rest === undefined ? {} : { rest }),
      ...(between === "tree" ? { all: path } : {}),
      ...(between === "regex" || between === "hosts" ? { between: first[between] } : {}),
      ...(["tree", "regex", "hosts"].includes(inner) ? { id: "7" } : {}),
    },
  ];
}

test("what an outer table captured is kept in every family that is mounted in it, through three levels", async () => {
  const combinations = Object.keys(OUTER).flatMap((outer) =>
    Object.keys(BETWEEN).flatMap((between) => Object.keys(INNER).map((inner) => [outer, between, inner] as const)),
  );
  assert.equal(combinations.length, 144);
  for (const [outer, between, inner] of combinations) {
    const last = INNER[inner]?.(outer === "tree" ? "" : "/t%20t") as Handler;
    const handler = OUTER[outer]?.(BETWEEN[between]?.(last) as Handler) as Handler;
    const [body = ""] = await asked(handler, ["/t%20t/x/7"]);
    const [path, params] = JSON.parse(body) as [string, Record<string, string>];
    const named = Object.fromEntries(Object.entries(params).filter(([name]) => !/^\d+$/.test(name)));
    assert.deepEqual([path, named], expectedOf(outer, between, inner), `${inner} in ${between} in ${outer}`);
  }
});

test("a table that has no handler answers 404 without a body, and what is no handler is 500 [GB-04] [GB-15]", async () => {
  const bytes = async (handler: Handler): Promise<string> => {
    await using bench = loopback(handler, { date: false, errorPage: (status) => empty(status) });
    const client = bench.connect().send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    await client.closed;
    return client.received;
  };
  const head = (line: string) => `HTTP/1.1 ${line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
  for (const routes of [mux(), exact(), prefix(), frozen({}), regex(), hosts(), custom(() => undefined)]) {
    assert.equal(await bytes(routes.handler), head("404 Not Found"));
  }
  assert.equal(await bytes(custom(() => "page" as never).handler), head("500 Internal Server Error"));
  assert.deepEqual(await asked(exact({}, { fallback: said("default page") }).handler, ["/a"]), ["default page"]);
  const page = (await asked(notFound(), ["/"], {}))[0];
  assert.equal(page, "404");
});

test("a handler's value is the page of its path, and a second definition takes the place of the first [HS-03]", async () => {
  await using bench = loopback(
    mux()
      .on(
        "/hello-world",
        answering(() => "Hello"),
      )
      .replace(
        "/hello-world",
        answering(() => "Hello again"),
      ).handler,
  );
  const { status, body, headers } = await bench.connect().exchange("GET /hello-world HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([status, body, headers.get("content-type")], [200, "Hello again", "text/plain; charset=utf-8"]);
});

test("the handler of the top path answers the root and nothing else [HS-45]", async () => {
  assert.deepEqual(await asked(mux().on("/", said("top")).handler, ["/", `/${"root"}`, "//", "/x"]), [
    "top",
    "404",
    "top",
    "404",
  ]);
});
