import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import { FileSlice, fileSlice, isBody, Takeover, takeover } from "./body.ts";
import { Fields } from "./fields.ts";
import { stack } from "./handler.ts";
import { escapeHtml, html, raw } from "./html.ts";
import { empty, json, page, Reply, redirect, reply, text, tunnel, upgrade, withFields } from "./reply.ts";
import { isRequest } from "./request.ts";
import { isRedirect, mayHaveBody, reason, registeredStatuses } from "./status.ts";

function code(wanted: string): (error: unknown) => boolean {
  return (error) => error instanceof LocalError && error.code === wanted;
}

test("only what a maker made is a reply; what looks like one is none [GB-27]", () => {
  const imitation = { status: 200, headers: new Fields(), body: null, extras: undefined };
  assert.deepEqual(
    [reply(200), text("a"), empty(), upgrade("x", () => {})].map((value) => Reply.is(value)),
    [true, true, true, true],
  );
  const others = [
    imitation,
    JSON.parse(JSON.stringify(text("a"))),
    Object.create(Reply.prototype),
    { ...text("a") },
    null,
    undefined,
    "reply",
    200,
    [],
    () => {},
  ];
  assert.deepEqual(
    others.filter((value) => Reply.is(value)),
    [],
  );
});

test("nothing but a received request is a request", () => {
  for (const value of [
    null,
    undefined,
    "",
    "GET / HTTP/1.1",
    0,
    {},
    [],
    { method: "GET", target: "/", headers: new Fields() },
    text("a"),
    () => {},
  ]) {
    assert.equal(isRequest(value), false);
  }
});

test("what imitates a file or a takeover is no body of that kind", () => {
  const slice = fileSlice("/etc/passwd", 0, 1);
  assert.ok(slice instanceof FileSlice && takeover(() => {}) instanceof Takeover);
  const imitation = JSON.parse(JSON.stringify(slice));
  assert.deepEqual([isBody(slice), isBody(imitation), isBody({ take: () => {} })], [true, false, false]);
  assert.throws(() => reply(200, {}, imitation), code("USE_BAD_BODY"));
  for (const [start, end] of [
    [-1, 0],
    [2, 1],
    [0.5, 1],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
  ] as const) {
    assert.throws(() => fileSlice("x", start, end), code("USE_BAD_BODY"));
  }
});

test("a body of no kind is refused", () => {
  for (const body of [1, true, {}, [], ["a"], () => {}, Symbol("x"), new Date()])
    assert.throws(() => reply(200, {}, body as never), code("USE_BAD_BODY"));
  assert.equal(reply(200, {}, undefined).body, null);
});

test("a status is an integer from 200 to 999", () => {
  for (const status of [0, 100, 101, 199, 1000, 200.5, Number.NaN, -200, "200" as never])
    assert.throws(() => reply(status), code("USE_BAD_STATUS"), `${status}`);
  for (const status of [200, 299, 999]) assert.equal(reply(status).status, status);
});

test("a reply never sees what is later written to the fields it was made of", () => {
  const fields = new Fields({ A: "1" });
  const made = reply(200, fields);
  fields.set("A", "2");
  assert.equal(made.headers.get("a"), "1");
  const changed = withFields(made, (copy) => copy.set("A", "3").add("B", "1"));
  assert.deepEqual([made.headers.get("a"), changed.headers.get("a"), made.headers.has("b")], ["1", "3", false]);
});

test("framing is not a handler's to set", () => {
  const framing = { "Transfer-Encoding": "chunked" };
  for (const make of [
    () => reply(200, framing),
    () => text("a", 200, framing),
    () => withFields(text("a"), (copy) => copy.set("transfer-encoding", "x")),
    () => tunnel(() => {}, framing),
    () => tunnel(() => {}, { "Content-Length": "0" }),
  ]) {
    assert.throws(make, code("USE_FRAMING_FIELD"));
  }
});

test("makers set the type, unless it was given", () => {
  assert.equal(text("a").headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(page("a").headers.get("content-type"), "text/html; charset=utf-8");
  assert.deepEqual(
    [json({ a: [1] }).body, json(null, 201).status, json(1).headers.get("content-type")],
    ['{"a":[1]}', 201, "application/json"],
  );
  assert.deepEqual([...text("a", 200, { "content-TYPE": "text/css" }).headers], [["content-TYPE", "text/css"]]);
  assert.throws(() => json(undefined), code("USE_BAD_BODY"));
  assert.throws(() => json(1n), TypeError);
  assert.equal(empty().status, 204);
});

test("the types of makers are shared, and cannot be spoilt by one who got them", () => {
  assert.throws(() => (text("a").headers as Fields).set("Content-Type", "spoilt"), code("USE_READ_ONLY"));
  assert.equal(text("b").headers.get("content-type"), "text/plain; charset=utf-8");
});

test("a redirect goes elsewhere, and nowhere else", () => {
  assert.deepEqual([redirect("/a").status, redirect("/a", 301).headers.get("location")], [307, "/a"]);
  assert.equal(
    redirect("/é/日本\ud800 x%20?q=ü").headers.get("location"),
    "/%C3%A9/%E6%97%A5%E6%9C%AC%EF%BF%BD%20x%20?q=%C3%BC",
  );
  assert.throws(() => redirect("/a\r\nSet-Cookie: b=c"), code("USE_BAD_FIELD"));
  for (const status of [200, 299, 400]) assert.throws(() => redirect("/a", status), code("USE_BAD_STATUS"));
});

test("upgrade() says what it switches to", () => {
  const { status, headers, body } = upgrade("tea", () => {}, { Connection: "x", "X-More": "1" });
  assert.deepEqual(
    [status, headers.get("connection"), headers.get("upgrade"), headers.get("x-more")],
    [101, "Upgrade", "tea", "1"],
  );
  assert.ok(body instanceof Takeover);
});

test("what is put into a page is escaped, what is marked as markup is not", () => {
  const evil = `<script>"&'`;
  assert.equal(escapeHtml(evil), "&lt;script&gt;&quot;&amp;&#39;");
  assert.equal(
    `${html`<p title="${evil}">${evil}</p>`}`,
    '<p title="&lt;script&gt;&quot;&amp;&#39;">&lt;script&gt;&quot;&amp;&#39;</p>',
  );
  assert.equal(
    `${html`${[html`<b>${1}</b>`, "<", [raw("<i>")]]}${null}${undefined}${false}${0}${true}`}`,
    "<b>1</b>&lt;<i>0true",
  );
  assert.equal(`${html`${{ toString: () => "<x>" }}`}`, "&lt;x&gt;");
  assert.equal(html`<p>`.reply(404).headers.get("content-type"), "text/html; charset=utf-8");
});

test("middleware wraps from the outside in", () => {
  const order: string[] = [];
  const wrap = (name: string) => (next: (request: never) => Reply) => (request: never) => {
    order.push(name);
    return next(request);
  };
  const handler = stack(() => text("a"), wrap("outer") as never, wrap("inner") as never);
  handler({} as never);
  assert.deepEqual(order, ["outer", "inner"]);
});

test("every registered status has its phrase, and an unknown one none [EL-11]", () => {
  // The IANA registry of HTTP status codes, without the unassigned and the unused.
  const registered = [
    100, 101, 102, 103, 104, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308,
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 425,
    426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
  ];
  assert.deepEqual(registeredStatuses(), registered);
  for (const status of registered) assert.match(reason(status), /^[A-Z][A-Za-z -]+$/);
  assert.deepEqual([reason(299), reason(999)], ["", ""]);
});

test("1xx, 204 and 304 have no body; 301, 302, 303, 307 and 308 redirect", () => {
  assert.deepEqual([100, 103, 204, 304].map(mayHaveBody), [false, false, false, false]);
  assert.deepEqual([200, 205, 206, 404, 500].map(mayHaveBody), [true, true, true, true, true]);
  assert.deepEqual([300, 301, 302, 303, 304, 305, 306, 307, 308].filter(isRedirect), [301, 302, 303, 307, 308]);
});
