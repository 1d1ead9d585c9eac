import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { canonicalPath } from "../message/target.ts";
import { loopback } from "../testing/loopback.ts";
import { custom, exact, frozen, prefix } from "./families.ts";
import { type Mux, mux } from "./mux.ts";
import { mountedPath } from "./params.ts";
import { parsePattern, printPattern } from "./pattern.ts";
import { hosts, regex } from "./regex.ts";
import { comparable, patternText } from "./spelling.ts";

const MARKS = "!\"$&'()*+,-.:;<=>@[]^_`{|}~";

/** The characters that a peer may send as they are. */
const isRaw = (character: string): boolean => /^[\x21-\x7e]$/.test(character) && !/["#<>?%/\\]/.test(character);

/** Each spelling of a name: as a browser has it, as encodeURIComponent() has it, and with every octet escaped. */
function spellings(name: string): string[] {
  const octets = (character: string): string =>
    [...Buffer.from(character)].map((octet) => `%${octet.toString(16).padStart(2, "0")}`).join("");
  const raw = Array.from(name, (character) => (isRaw(character) ? character : octets(character))).join("");
  return [raw, encodeURIComponent(name), Array.from(name, octets).join("")];
}

const NAMES = [
  ...Array.from(MARKS, (mark) => `a${mark}b`),
  "*",
  "**",
  ":id",
  "a b",
  "100%",
  "%41",
  "a%2Fb",
  "caf\u00e9",
  "cafe\u0301",
  "\u65e5\u672c@home",
  "\ud83c\udf75",
  "{name}",
  "{path...}",
  "a#b?c",
];

async function ask(handler: Handler, path: string): Promise<string> {
  await using bench = loopback(handler);
  const answer = await bench.connect().exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return answer.status === 200 ? answer.body : String(answer.status);
}

test("two paths are the same if and only if their segments are the same when they are decoded", () => {
  const segment = fc.oneof(
    fc.constantFrom("@", "%40", "%2F", "%25", "%", "%5C", "\\", "%00", "%0A", "%E2%80%A8", "+", "%2b", "e", "%65"),
    fc.constantFrom("%C3%A9", "%c3%a9", "%FF", "%C3", "%A9", "%ff%40", "%EF%BB%BF", "%20", "[", "%5B", "{x}", "%7Bx}"),
  );
  const path = fc.array(
    fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  const octetsOf = (canonical: string): string =>
    canonical
      .split("/")
      .map((each) => unescape(each))
      .join("\u0100");
  fc.assert(
    fc.property(path, path, (a, b) => {
      const [left, right] = [a, b].map((parts) => canonicalPath("GET", `/${parts.join("/")}`)) as [string, string];
      assert.equal(comparable(left) === comparable(right), octetsOf(left) === octetsOf(right), `${left} ${right}`);
      assert.equal(comparable(left).split("/").length, left.split("/").length, left);
      assert.equal(comparable(comparable(left)), comparable(left), left);
    }),
    { numRuns: 3000, seed: 11 },
  );
});

test("a path that is written with every character escaped takes no more looks than its length", () => {
  const work = (path: string): number => {
    const { replace } = String.prototype;
    let steps = 0;
    // biome-ignore lint/suspicious/noExplicitAny: the two faces of replace()
    String.prototype.replace = function (this: string, by: any, to: any): string {
      return replace.call(this, by, (...found: unknown[]) => {
        steps += String(found[0]).length;
        return to(...found);
      });
    } as typeof replace;
    try {
      comparable(path);
    } finally {
      String.prototype.replace = replace;
    }
    return steps;
  };
  for (const unit of ["%40", "%FF", "%C3%A9", "%FFa", "/%C3", "%E2%80%A8"]) {
    const [once, more] = [work(unit.repeat(100)), work(unit.repeat(1600))];
    assert.equal(more, once * 16, unit);
  }
});

test("a literal is found however its name is spelled, in every family and by every pattern [EL-15]", async () => {
  for (const name of NAMES) {
    const plain = name.replaceAll("%", "%25");
    const families: Record<string, (path: string, handler: Handler) => Mux> = {
      tree: (path, handler) => mux().on(path as "/", handler),
      "tree beside variables": (path, handler) =>
        mux({ fallback: () => text("fallback") })
          .on("/{a}", () => text("variable"))
          .on("/{a}/{b...}", () => text("rest"))
          .on(`${path}/{more}` as "/", () => text("below"))
          .on(path as "/", handler),
      "tree without capitals": (path, handler) => mux({ caseSensitive: false }).on(path.toLowerCase() as "/", handler),
      exact: (path, handler) => exact({ [path]: handler }),
      prefix: (path, handler) => prefix({ [path]: handler }),
      frozen: (path, handler) => frozen({ [path]: handler }),
      custom: (path, handler) => {
        const known = new Map<string, Handler | undefined>();
        return custom(
          (_, asked) => known.get(asked),
          (_, key, own) => known.set(key, own),
        ).on(path, handler);
      },
    };
    for (const [family, make] of Object.entries(families)) {
      for (const written of spellings(name)) {
        const routes = make(`/${patternText(written)}`, () => text("found"));
        const found = routes.find("GET", "a", `/${written}`);
        assert.notEqual(found, undefined, `${family} ${written}`);
        for (const asked of spellings(name)) {
          assert.equal(routes.find("GET", "a", `/${asked}`), found, `${family} ${written} ${asked}`);
          assert.notEqual(routes.find("GET", "a", `/x${asked}`), found, `${family} ${written} ${asked}`);
        }
      }
      assert.equal(
        await ask(make(`/${patternText(plain)}`, () => text("found")).handler, `/${encodeURIComponent(name)}`),
        "found",
      );
    }
    // By hand, as it is read: what would be something else in a pattern is all that is escaped.
    const byHand = mux().on(`/${patternText(plain)}` as "/", () => text("found"));
    for (const asked of spellings(name)) assert.equal(await ask(byHand.handler, `/${asked}`), "found", asked);
  }
});

test("an expression is held against the decoded path, and no escape becomes a slash or ends a line", async () => {
  const found = (): Handler => (request) => text(Object.values({ ...request.params }).at(-1) as string);
  const tables = {
    regex: (source: string) => regex([[source, found()]]),
    hosts: (source: string) => hosts([[`a//${source}`, found()]]),
  };
  for (const [family, make] of Object.entries(tables)) {
    const at = make("x/([^/]+)$").handler;
    for (const name of NAMES) {
      for (const asked of spellings(name)) {
        assert.equal(await ask(at, `/x/${asked}`), Buffer.from(name).toString("latin1"), `${family} ${asked}`);
      }
    }
    for (const written of ["(caf\u00e9) @home$", "(caf%C3%A9)%20@home$"]) {
      assert.equal(await ask(make(written).handler, "/caf%C3%A9%20%40home"), "caf\u00c3\u00a9", `${family} ${written}`);
    }
    for (const guarded of ["%0A", "%0d%0a", "%E2%80%A8", "%E2%80%A9", "a%0Ab", "%00"]) {
      assert.notEqual(await ask(make("private/.*$").handler, `/private/${guarded}`), "404", `${family} ${guarded}`);
    }
    assert.equal(await ask(at, "/x/a%2Fb"), "a/b", family);
    assert.equal(await ask(make("x/a/b$").handler, "/x/a%2Fb"), "404", family);
    assert.equal(await ask(make("x/a/b$").handler, "/x/a%5Cb"), "404", family);
  }
});

test("what is mounted behind a key that is spelled otherwise reads the path from where it really begins", async () => {
  const below: Handler = (request) => text(mountedPath(request));
  const mounts = {
    prefix: prefix({ "/caf\u00e9@home": below }).handler,
    tree: mux().on("/caf\u00e9@home/{rest...}", below).handler,
    "prefix in tree": mux().on("/{rest...}", prefix({ "/caf\u00e9@home": below }).handler).handler,
  };
  for (const [name, handler] of Object.entries(mounts)) {
    for (const spelled of ["caf%C3%A9@home", "caf%C3%A9%40home", "%63af%c3%a9%40h%6Fme"]) {
      assert.equal(await ask(handler, `/${spelled}/a%2Fb@c`), "/a%2Fb@c", `${name} ${spelled}`);
    }
  }
});

test("patterns that differ in their spelling alone are one, and print as one that is read as the same", () => {
  for (const name of NAMES) {
    const printed = spellings(name).map((spelled) => printPattern(parsePattern(`GET /x/${patternText(spelled)}/{n}`)));
    assert.deepEqual(new Set(printed).size, 1, name);
    assert.equal(printPattern(parsePattern(printed[0] as string)), printed[0]);
    const routes = mux().on(`/${patternText(spellings(name)[0] as string)}` as "/", () => text(""));
    for (const spelled of spellings(name)) {
      const again = `/${patternText(spelled)}`;
      assert.throws(() => routes.on(again as "/", () => text("")), { code: "USE_PATTERN_CONFLICT" }, again);
    }
    assert.equal(routes.off(`/${patternText(spellings(name)[2] as string)}`), true);
    assert.deepEqual(routes.patterns, []);
  }
});

test("a text that looks like a variable is none where it was escaped", async () => {
  const routes = mux()
    .on("/%7B:string%7D", () => text("literal"))
    .on("/{a}", () => text("variable"));
  assert.equal(await ask(routes.handler, "/%7B:string%7D"), "literal");
  assert.equal(await ask(routes.handler, "/{:string}"), "literal");
  assert.equal(await ask(routes.handler, "/x"), "variable");
  assert.equal(routes.off("/{b}"), true);
  assert.deepEqual(routes.patterns, ["/%7B:string%7D"]);
});
