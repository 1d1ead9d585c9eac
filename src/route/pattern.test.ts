import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import { text } from "../message/reply.ts";
import { commonPath, compare, type Relation } from "./compare.ts";
import { mux } from "./mux.ts";
import { parsePattern, printPattern } from "./pattern.ts";

test("what is written differently and means the same prints the same", () => {
  const cases = [
    ["GET /board/{id}", "GET /board/{id}"],
    ["/café", "/caf%C3%A9"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/%61//b/./c/../d", "/a/b/d"],
    ["GET  EXAMPLE.org/x/{n:string}", "GET example.org/x/{n}"],
    ["*.example.org/", "*.example.org/"],
    ["[::1]/{path...}", "[::1]/{path...}"],
    ["/a b", "/a%20b"],
    ["/a%2Fb/", "/a%2Fb/"],
  ] as const;
  for (const [written, printed] of cases) assert.equal(printPattern(parsePattern(written)), printed);
});

test("what is no pattern is refused", () => {
  // biome-ignore format: one a line is too many
  const bad = ["", "a", "GET a", "/{}", "/{a}b", "/a{b}", "/{a", "/a}", "/{a...}/b", "/{1}", "/{a:}", "/{a:tea}", "/a?b", "/a#b", "example.org:80/", "/{__proto__}", "ex*mple.org/", "GET POST /a", "/{a-b}"];
  for (const text of bad) {
    assert.throws(
      () => parsePattern(text),
      (error) => error instanceof LocalError && error.code === "USE_BAD_PATTERN",
      text,
    );
  }
});

test("a name that stands twice is refused when it is registered and by the compiler [HS-08]", () => {
  const routes = mux();
  // @ts-expect-error: the name stands twice
  assert.throws(() => routes.on("/{a}/{a:integer}", () => text("")), /the name a stands twice/);
  // @ts-expect-error: b is no parameter of the pattern
  routes.on("/{a}/x", ({ params }) => text(params.a + String(params.b)));
  const read: string = ["/read/{when}"].join();
  mux().on(read, ({ params }) => text(String(params["when"])));
  routes.on("/{a}/{c:integer}/{d...}", ({ params }) => text(params.a + params.c + params.d));
});

test("two patterns are ordered, disjoint or in conflict", () => {
  const cases: readonly [a: string, b: string, relation: Relation][] = [
    ["/a", "/a", "equal"],
    ["/{a}", "/{b}", "equal"],
    ["/a", "/{b}", "moreSpecific"],
    ["/{a}", "/{b...}", "moreSpecific"],
    ["/a/", "/{b}", "disjoint"],
    ["/a/", "/a/{b...}", "moreSpecific"],
    ["/a", "/a/{b...}", "disjoint"],
    ["/{a:integer}", "/{b}", "moreSpecific"],
    ["/{a:integer}", "/{b:number}", "moreSpecific"],
    ["/{a:integer}", "/{b:boolean}", "disjoint"],
    ["/1", "/{b:integer}", "moreSpecific"],
    ["/x", "/{b:integer}", "disjoint"],
    ["/a/{b}", "/{a}/b", "overlap"],
    ["/a/{b...}", "/{a}/b", "overlap"],
    ["GET /a", "/a", "moreSpecific"],
    ["HEAD /a", "GET /a", "moreSpecific"],
    ["GET /a", "POST /a", "disjoint"],
    ["GET /{a...}", "/api/{b...}", "lessSpecific"],
    ["a.org/{x}", "/a", "moreSpecific"],
    ["a.org/", "b.org/", "disjoint"],
    ["x.a.org/", "*.a.org/", "moreSpecific"],
    ["*.b.a.org/", "*.a.org/", "moreSpecific"],
    ["a.org/", "*.a.org/", "disjoint"],
  ];
  const turned = { moreSpecific: "lessSpecific", lessSpecific: "moreSpecific" } as const;
  for (const [a, b, relation] of cases) {
    const [left, right] = [parsePattern(a), parsePattern(b)];
    assert.equal(compare(left, right), relation, `${a} : ${b}`);
    assert.equal(compare(right, left), turned[relation as "moreSpecific"] ?? relation, `${b} : ${a}`);
  }
});

test("a conflict names both patterns and a path that both match", () => {
  const routes = mux().on("GET /a/{b:integer}", () => text(""));
  assert.throws(
    () => routes.on("/{a}/1", () => text("")),
    (error) =>
      error instanceof LocalError &&
      error.code === "USE_PATTERN_CONFLICT" &&
      /"\/\{a\}\/1".*"GET \/a\/\{b:integer\}".*\/a\/1\./.test(error.message),
  );
  assert.deepEqual(routes.patterns, ["GET /a/{b:integer}"]);
  assert.equal(
    commonPath(parsePattern("/{a}/x/{r...}").segments, parsePattern("/{n:integer}/{y}/z").segments),
    "/1/x/z",
  );
});
