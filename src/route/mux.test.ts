import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { reply, text } from "../message/reply.ts";
import { loopback } from "../testing/loopback.ts";
import { compare } from "./compare.ts";
import { type MuxOptions, mux } from "./mux.ts";
import { asRoot, mountedPath } from "./params.ts";
import { type Pattern, parsePattern } from "./pattern.ts";

const say =
  (word: string): Handler =>
  (request) =>
    text(`${word} ${JSON.stringify(request.params)}`);

async function ask(handler: Handler, target: string, method = "GET", host = "a"): Promise<string> {
  await using bench = loopback(handler);
  const { status, body, headers } = await bench
    .connect()
    .exchange(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return [status, headers.get("allow") ?? headers.get("location") ?? body.split("\n")[0]].join(" ");
}

function site(patterns: readonly string[], options?: MuxOptions) {
  const routes = mux(options);
  for (const pattern of patterns) routes.on(pattern as "/", say(pattern));
  return routes;
}

test("the most specific route answers, and a dead end is none [HS-07]", async () => {
  const { handler } = site([
    "/",
    "/a/b/c",
    "/a/{y}/d",
    "/a/{n:integer}",
    "/a/{s}",
    "/f/{p...}",
    "/f/x",
    "GET /m",
    "/m",
    "*.b.org/m",
  ]);
  const cases = [
    ["/", "200 / {}"],
    ["/a/b/c", "200 /a/b/c {}"],
    ["/a/b/d", '200 /a/{y}/d {"y":"b"}'],
    ["/a/12", '200 /a/{n:integer} {"n":"12"}'],
    ["/a/tea", '200 /a/{s} {"s":"tea"}'],
    ["/f/", '200 /f/{p...} {"p":""}'],
    ["/f/x", "200 /f/x {}"],
    ["/f/x/y%2F%41", '200 /f/{p...} {"p":"x/y%2FA"}'],
    ["/a//b/../b/c", "200 /a/b/c {}"],
    ["/a/b", '200 /a/{s} {"s":"b"}'],
    ["/a/b/e", "404 404 Not Found"],
    ["/f", "404 404 Not Found"],
    ["/a/x/", "404 404 Not Found"],
  ] as const;
  for (const [target, expected] of cases) assert.equal(await ask(handler, target), expected, target);
});

test("a segment keeps its encoded slash, and a wrong type is 400 [HS-06]", async () => {
  const { handler } = site(["/hello-you/{name}", "/board/{id:integer}"]);
  assert.equal(await ask(handler, "/hello-you/James"), '200 /hello-you/{name} {"name":"James"}');
  assert.equal(await ask(handler, "/hello-you/a%2Fb%20c"), '200 /hello-you/{name} {"name":"a/b c"}');
  assert.equal(await ask(handler, "/hello-you/__proto__"), '200 /hello-you/{name} {"name":"__proto__"}');
  assert.equal(await ask(handler, "/board/12"), '200 /board/{id:integer} {"id":"12"}');
  assert.equal(await ask(handler, "/board/tea"), "400 400 Bad Request");
});

test("a segment of a wrong type is named with the types that it may have, and not quoted [HS-06]", async () => {
  const issues: unknown[] = [];
  const errorPage = (status: number, message: string, _: unknown, error: HttpError | undefined) => {
    issues.push(error?.code, error?.issues);
    return text(message, status);
  };
  const day = (name: string) => /^\d{4}-\d\d-\d\d$/.test(name);
  const routes = mux({ types: { day } });
  for (const path of ["/board/{id:integer}/{when:day}", "/n/{n:integer}", "/n/{b:boolean}/", "/n/{n:boolean}"]) {
    routes.on(path as "/", say(path));
  }
  await using bench = loopback(routes.handler, { errorPage });
  const get = async (path: string) => {
    const { status, body } = await bench.connect().exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return `${status} ${body}`;
  };
  const [id, when] = ["id: it is not of type integer", "when: it is not of type day"];
  assert.equal(await get("/board/tea/2024-01-01"), `400 ${id}`);
  assert.deepEqual(issues.splice(0), [
    "HTTP_BAD_PARAMETER",
    [{ parameter: "id", reason: "it is not of type integer" }],
  ]);
  assert.equal(await get("/board/tea/%3Cscript%3E"), `400 ${id}; ${when}`);
  assert.equal(await get("/board/1/now"), `400 ${when}`);
  assert.equal(await get("/n/x"), "400 n: it is not of type integer or boolean");
  assert.match(await get("/board/1/2024-01-01"), /^200 /);
  assert.match(await get("/board/tea"), /^404 /);
});

test("405 and 501 are pages like every other refusal, with their fields", async () => {
  const errorPage = (status: number) => text(`page ${status}`, status);
  await using bench = loopback(site(["GET /a"]).handler, { errorPage });
  const client = bench.connect();
  const ask = (method: string) => client.exchange(`${method} /a HTTP/1.1\r\nHost: a\r\n\r\n`);
  const [wrong, odd] = [await ask("PUT"), await ask("BREW")];
  assert.deepEqual([wrong.status, wrong.body, wrong.headers.get("allow")], [405, "page 405", "GET, HEAD, OPTIONS"]);
  assert.deepEqual([odd.status, odd.body, odd.headers.get("allow")], [501, "page 501", undefined]);
});

test("types that are there already, and what is none, are refused as types", () => {
  const yes = () => true;
  for (const types of [{ integer: yes }, { string: yes }, { rest: yes }, { "a b": yes }, { day: 1 as never }]) {
    assert.throws(
      () => mux({ types }),
      (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
    );
  }
});

test("the routes of a table are data", () => {
  const routes = site(["GET A.org/caf%c3%a9/{id:integer}/{more...}", "/{x}"]);
  assert.deepEqual(routes.routes, [
    {
      method: "GET",
      host: "a.org",
      path: "/caf%C3%A9/{id:integer}/{more...}",
      pattern: "GET A.org/caf%c3%a9/{id:integer}/{more...}",
      params: [
        { name: "id", type: "integer" },
        { name: "more", type: "rest" },
      ],
    },
    { method: "", host: "", path: "/{x}", pattern: "/{x}", params: [{ name: "x", type: "string" }] },
  ]);
  for (const { pattern } of routes.routes) assert.equal(routes.off(pattern), true);
  assert.deepEqual(routes.routes, []);
});

test("a list of patterns is typed: the handler sees the names that one of them gives [CH-30]", async () => {
  const routes = mux().on(["/a/{id}", "GET /b/{id:integer}"], ({ params }) => text(params.id));
  // @ts-expect-error: the name stands twice in the second
  assert.throws(() => routes.on(["/c/{id}", "/{id}/{id}"], () => text("")), LocalError);
  // @ts-expect-error: not every pattern has the name
  routes.on(["/d/{id}", "/e"], ({ params }) => text(params.id));
  assert.deepEqual([await ask(routes.handler, "/a/x"), await ask(routes.handler, "/b/1")], ["200 x", "200 1"]);
  assert.throws(() => routes.replace(["/a/{x}", "/f/{y}", "/a/{twice}", "/{z}/x"], () => text("")), LocalError);
  assert.equal(await ask(routes.handler, "/a/x"), "200 x");
  assert.deepEqual([...routes.patterns].sort(), ["/a/{id}", "/d/{id}", "/e", "GET /b/{id:integer}"]);
});

test("case and slash are options [HS-07]", async () => {
  const { handler } = site(["/About/{Name}", "/x/{p...}"], { caseSensitive: false, slash: "ignore" });
  assert.equal(await ask(handler, "/aBOUT//Tea/"), '200 /About/{Name} {"Name":"Tea"}');
  assert.equal(await ask(handler, "/x"), '200 /x/{p...} {"p":""}');
  assert.equal(await ask(handler, "/X/a/"), '200 /x/{p...} {"p":"a/"}');
  assert.equal(await ask(handler, "/about"), "404 404 Not Found");
  const to = site(["/a/", "/b"], { slash: "redirect" }).handler;
  assert.deepEqual(
    [await ask(to, "/a?x=1"), await ask(to, "/b/"), await ask(to, "/c")],
    ["307 /a/?x=1", "307 /b", "404 404 Not Found"],
  );
});

test("a wrong method is 405 with Allow, HEAD and OPTIONS are answered, an unknown token is 501 [HS-05, CH-28, CH-29]", async () => {
  const routes = site(["GET /a", "PUT /a", "/any"], { methods: ["GET", "HEAD", "POST"] });
  const { handler } = routes;
  assert.equal(await ask(handler, "/a", "POST"), "405 GET, HEAD, OPTIONS, PUT");
  assert.match(await ask(handler, "/a", "HEAD"), /^200 /);
  assert.equal(await ask(handler, "/a", "OPTIONS"), "204 GET, HEAD, OPTIONS, PUT");
  assert.equal(await ask(handler, "/a", "PUT"), "200 PUT /a {}");
  assert.equal(await ask(handler, "/any", "BREW"), "200 /any {}");
  assert.equal(await ask(handler, "/a", "BREW"), "501 501 Not Implemented");
  routes.on("BREW /a", say("tea"));
  assert.equal(await ask(handler, "/a", "BREW"), "200 tea {}");
});

test("the Host header decides before the path does [HS-44]", async () => {
  const { handler } = site(["/x", "a.org/x", "*.a.org/{y}", "*.b.a.org/x", "GET a.org/z"]);
  const cases = [
    ["a.org:8080", "a.org/x {}"],
    ["A.ORG.", "a.org/x {}"],
    ["c.a.org", '*.a.org/{y} {"y":"x"}'],
    ["c.b.a.org", "*.b.a.org/x {}"],
    ["other", "/x {}"],
  ] as const;
  for (const [host, expected] of cases) assert.equal(await ask(handler, "/x", "GET", host), `200 ${expected}`);
  assert.equal(await ask(handler, "/z"), "404 404 Not Found");
});

test("a mux is mounted without a rewritten path, and parameters add up", async () => {
  const inner = mux().on("/list/{id}", (request) => text(`${request.path} ${JSON.stringify(request.params)}`));
  const middle = mux().on("/m/{more...}", inner.handler);
  const outer = mux().on("/{tenant}/{rest...}", middle.handler);
  const body = '200 /t/m/list/7 {"tenant":"t","rest":"m/list/7","more":"list/7","id":"7"}';
  assert.equal(await ask(outer.handler, "/t/m/list/7"), body);
  const blog = mux().on("/", (request) => text(`${mountedPath(request)} ${JSON.stringify(request.params)}`));
  const site = mux().on("/{who}/blog", asRoot(blog.handler)).on("/{who}/blog/{rest...}", blog.handler);
  assert.equal(await ask(site.handler, "/me/blog"), '200 / {"who":"me"}');
  assert.equal(await ask(site.handler, "/me/blog/"), '200 / {"who":"me","rest":""}');
  const around = mux().on("/x/{all...}", site.handler);
  assert.equal(await ask(around.handler, "/x/me/blog"), '200 / {"all":"me/blog","who":"me"}');
  const lax = mux({ slash: "ignore" }).on("/x/{rest...}", mux().on("/", say("inner")).handler);
  for (const path of ["/x", "/x/"]) assert.equal(await ask(lax.handler, path), '200 inner {"rest":""}');
});

test("routes come, go and are swapped under traffic; what is in flight finishes on the old one [GB-08, CH-33, CH-34]", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const routes = mux().on("/slow", () => gate.then(() => text("old")));
  await using bench = loopback(routes.handler);
  const get = async (path: string) => {
    const { status, body } = await bench.connect().exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return `${status} ${body}`;
  };
  const slow = get("/slow");
  await bench.settled();
  const one: Handler = () => text("one");
  routes.on("/a/{x}", one).replace("/slow", () => text("new"));
  assert.equal(routes.find("GET", "", "/a/b"), one);
  assert.equal(routes.find("GET", "", "/nothing"), undefined);
  assert.deepEqual([await get("/a/1"), await get("/slow")], ["200 one", "200 new"]);
  assert.deepEqual([routes.off("/a/{y}"), routes.off("/a/{y}")], [true, false]);
  assert.match(await get("/a/1"), /^404/);
  const next = mux().on("/b", () => text("b"));
  routes.swap(next);
  assert.deepEqual([await get("/b"), (await get("/slow")).slice(0, 3)], ["200 b", "404"]);
  routes.swap(next);
  assert.equal(await get("/slow"), "200 new");
  routes.fallback = () => reply(410);
  assert.equal(await get("/b"), "410 ");
  release();
  assert.equal(await slow, "200 old");
  assert.throws(
    () => routes.on("/z", 1 as never),
    (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
  );
});

test("ten thousand routes cost a look-up what one does: by the Map, or by the depth of the tree", () => {
  const routes = mux();
  for (let i = 0; i < 10_000; i++) {
    routes.on(`/r${i}` as "/", say("static")).on(`/p${i}/{id}/x` as "/", say("param"));
  }
  assert.ok(routes.find("GET", "", "/r9999"));
  assert.equal(routes.steps, 0);
  assert.ok(routes.find("GET", "", "/p9999/7/x"));
  assert.equal(routes.steps, 4);
});

/** Whether the segments of a pattern, but for a rest, are those that a path begins with. */
function begins({ segments }: Pattern, texts: readonly string[]): boolean {
  return segments.every((segment, i) => {
    if (segment.kind === "literal") return segment.text === texts[i];
    if (segment.kind === "rest") return true;
    return texts[i] !== "" && (segment.type === "string" || /^\d+$/.test(texts[i] ?? ""));
  });
}

function matches(pattern: Pattern, method: string, path: string): boolean {
  const texts = path.slice(1).split("/");
  const { length } = pattern.segments;
  if (pattern.method !== "" && pattern.method !== method) return false;
  const fits = pattern.segments.at(-1)?.kind === "rest" ? texts.length >= length : texts.length === length;
  return fits && begins(pattern, texts);
}

const part = fc.constantFrom("a", "b", "1", "{v}", "{v:integer}");
const shape = fc.tuple(
  fc.constantFrom("", "GET ", "PUT "),
  fc.array(part, { maxLength: 3 }),
  fc.constantFrom("", "/", "/{r...}"),
);
const pattern = shape.map(([method, parts, end]) => {
  const path = parts.map((text, i) => `/${text.replace("v", `v${i}`)}`).join("") + end;
  return method + (path === "" ? "/" : path);
});
const path = fc
  .tuple(fc.array(fc.constantFrom("a", "b", "1", "c"), { maxLength: 4 }), fc.boolean())
  .map(([parts, slash]) => (parts.length === 0 ? "/" : `/${parts.join("/")}${slash ? "/" : ""}`));

test("the tree agrees with a naive matcher built on compare()", () => {
  const law = (patterns: string[], gone: string[], paths: string[]): void => {
    const routes = mux();
    const kept = new Map<string, [Pattern, Handler]>();
    for (const text of patterns) {
      const mine = parsePattern(text);
      const clash = [...kept.values()].some(([other]) => ["equal", "overlap"].includes(compare(mine, other)));
      const handler = say(text);
      const add = () => routes.on(text as "/", handler);
      if (clash) assert.throws(add, LocalError);
      else kept.set(text, [mine, add() && handler]);
    }
    for (const text of gone) if (kept.delete(text)) assert.equal(routes.off(text), true);
    for (const asked of paths) {
      const fitting = [...kept.values()].filter(([one]) => matches(one, "GET", asked));
      const best = fitting.find(([one]) =>
        fitting.every(([other]) => one === other || compare(one, other) === "moreSpecific"),
      );
      assert.equal(routes.find("GET", "", asked), best?.[1], asked);
    }
  };
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 12 }),
      fc.array(pattern, { maxLength: 4 }),
      fc.array(path, { maxLength: 12 }),
      law,
    ),
    { numRuns: 500, seed: 3 },
  );
});

const RANKS = { literal: 0, rest: 3 } as const;

/** Of two patterns that match, the one whose segments are the more specific from the left: it ends before it has a rest. */
function before(a: Pattern, b: Pattern): number {
  const [left, right] = [a, b].map(({ segments, method }) => [
    ...segments.map((one) => (one.kind === "variable" ? (one.type === "integer" ? 1 : 2) : RANKS[one.kind])),
    ...Array<number>(8).fill(0).slice(segments.length),
    method === "" ? 1 : 0,
  ]) as [number[], number[]];
  for (const [i, rank] of left.entries()) if (rank !== right[i]) return rank - (right[i] ?? 0);
  return 0;
}

test("the tree agrees with a naive matcher where neither capitals nor a slash at the end count", () => {
  const bare = (text: string) => text.replace(/(.)\/$/, (all, before: string) => (before === " " ? all : before));
  const capitals = (text: string) => text.replace(/\/[ab](?=\/|$)/g, (one) => one.toUpperCase());
  const law = (patterns: string[], paths: string[]): void => {
    const routes = mux({ slash: "ignore", caseSensitive: false });
    const kept: [Pattern, Handler][] = [];
    for (const text of patterns) {
      const mine = parsePattern(bare(text));
      if (kept.some(([other]) => ["equal", "overlap"].includes(compare(mine, other)))) continue;
      const handler = say(text);
      kept.push([mine, handler]);
      routes.on(capitals(text) as "/", handler);
    }
    for (const asked of paths) {
      const texts = bare(asked).slice(1).split("/");
      const fitting = kept.filter(([one]) => {
        const { segments, method } = one;
        const most = segments.at(-1)?.kind === "rest" ? texts.length : segments.length;
        const least = segments.at(-1)?.kind === "rest" ? segments.length - 1 : segments.length;
        return method !== "PUT" && texts.length >= least && texts.length <= most && begins(one, texts);
      });
      const [best] = fitting.sort(([a], [b]) => before(a, b));
      assert.equal(routes.find("GET", "", capitals(asked)), best?.[1], asked);
    }
  };
  const list = fc.array(pattern, { maxLength: 12 });
  fc.assert(fc.property(list, fc.array(path, { maxLength: 12 }), law), { numRuns: 500, seed: 5 });
});
