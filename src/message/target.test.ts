import assert from "node:assert/strict";
import { test } from "node:test";
import { RemoteError } from "../base/errors.ts";
import { canonicalPath, decodeComponent, parseAuthority, rawQuery, targetAuthority, targetForm } from "./target.ts";

test("a target has one of four forms, by its method and its beginning", () => {
  assert.equal(targetForm("GET", "/a"), "origin");
  assert.equal(targetForm("GET", "http://a"), "absolute");
  assert.equal(targetForm("OPTIONS", "*"), "asterisk");
  assert.equal(targetForm("CONNECT", "a:1"), "authority");
  for (const [method, target] of [
    ["GET", "*"],
    ["CONNECT", "/"],
    ["GET", "a:1"],
    ["GET", "httpx://a"],
    ["GET", "http:a"],
  ] as const) {
    assert.throws(() => targetForm(method, target), RemoteError, `${method} ${target}`);
  }
});

test("the path is canonical: what names the same has the same path", () => {
  const cases: [string, string][] = [
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a/b/", "/a/b/"],
    ["/a?b/../c", "/a"],
    ["//", "/"],
    ["//a//b//", "/a/b/"],
    ["/.", "/"],
    ["/..", "/"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/b/.", "/a/b/"],
    ["/a/..", "/"],
    ["/...", "/..."],
    ["/.a", "/.a"],
    ["/a.", "/a."],
    ["/a/.b/", "/a/.b/"],
    ["/~a", "/~a"],
    ["/%7Ea", "/~a"],
    ["/%41%2d%5F", "/A-_"],
    ["/a%2fb", "/a%2Fb"],
    ["/a%20b", "/a%20b"],
    ["/%c3%a4", "/%C3%A4"],
    ["/100%", "/100%25"],
    ["/%zz%4", "/%25zz%254"],
    ["/a\\b", "/a%5Cb"],
    ["/a:b,c;d=e", "/a:b,c;d=e"],
    ["/{}|^[]`", "/{}|^[]`"],
    ["/%25", "/%25"],
    ["/%252e%252e/", "/%252e%252e/"],
    ["/a%00b", "/a%00b"],
  ];
  for (const [target, path] of cases) {
    assert.equal(canonicalPath("GET", target), path, target);
    assert.equal(canonicalPath("GET", path), path, `${path} stays`);
  }
});

test("no path rises above the root, however the dots are written", () => {
  const dots = ["..", "%2e%2e", "%2E.", ".%2e"];
  for (const up of dots) {
    for (const target of [
      `/${up}`,
      `/${up}/etc/passwd`,
      `/a/${up}/${up}/etc/passwd`,
      `//${up}//etc/passwd`,
      `/./${up}/etc/passwd`,
    ]) {
      const path = canonicalPath("GET", target);
      assert.ok(path === "/" || path === "/etc/passwd", `${target} became ${path}`);
    }
  }
  for (const stays of [
    "/..%2fetc",
    "/..%5cetc",
    "/..\\etc",
    "/%2e%2e%2fetc",
    "/..;/etc",
    "/..%00/etc",
    "/%c0%ae%c0%ae/etc",
  ]) {
    assert.equal(canonicalPath("GET", stays).split("/").includes(".."), false, stays);
  }
});

test("an absolute target loses scheme and host, and keeps the rest [GB-20]", () => {
  const cases: [string, string, string | undefined][] = [
    ["http://h/p?q", "/p", "q"],
    ["http://h", "/", undefined],
    ["http://h?q", "/", "q"],
    ["HTTPS://h:1/a/../b", "/b", undefined],
    ["http://h//x", "/x", undefined],
    ["/x?u=http://h/", "/x", "u=http://h/"],
    ["/http://h/", "/http:/h/", undefined],
  ];
  for (const [target, path, query] of cases) {
    assert.equal(canonicalPath("GET", target), path, target);
    assert.equal(rawQuery("GET", target), query, target);
  }
});

test("the query is what follows the first question mark, and undefined where there is none [GB-21]", () => {
  const cases: [string, string | undefined][] = [
    ["/x", undefined],
    ["/x?", ""],
    ["/x?json", "json"],
    ["/x?a=1&b=%20?c", "a=1&b=%20?c"],
  ];
  for (const [target, query] of cases) assert.equal(rawQuery("GET", target), query, target);
  assert.deepEqual([rawQuery("OPTIONS", "*"), rawQuery("CONNECT", "a:1")], [undefined, undefined]);
  assert.deepEqual([canonicalPath("OPTIONS", "*"), canonicalPath("CONNECT", "a:1")], ["", ""]);
});

test("an authority is a host, and a port where one is written", () => {
  assert.deepEqual(parseAuthority("a.example:80"), { host: "a.example", port: 80 });
  assert.deepEqual(parseAuthority("a"), { host: "a", port: undefined });
  assert.deepEqual(parseAuthority("a:"), { host: "a", port: undefined });
  assert.deepEqual(parseAuthority(""), { host: "", port: undefined });
  assert.deepEqual(parseAuthority("[::1]:65535"), { host: "[::1]", port: 65_535 });
  for (const bad of [
    "a:65536",
    "a:x",
    "a@b",
    "[::1",
    "[::1]x",
    "[]",
    "[x]",
    "a b",
    "a/b",
    "a%4",
    "a%zz",
    "\u00e4",
    "a:1:2",
    "a:+1",
    "\ud83d",
    "a".repeat(256),
  ]) {
    assert.equal(parseAuthority(bad), undefined, bad);
  }
  assert.deepEqual(targetAuthority("GET", "http://a:1/b"), { host: "a", port: 1 });
  assert.deepEqual(
    [targetAuthority("GET", "/"), targetAuthority("CONNECT", "a:1")],
    [undefined, { host: "a", port: 1 }],
  );
});

test("escapes are decoded, and what is malformed stays as it is [CH-52]", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["a%20b", "a b"],
    ["a+b", "a+b"],
    ["%C3%A4", "\u00e4"],
    ["%", "%"],
    ["%4", "%4"],
    ["%zz%41", "%zzA"],
    ["%41%", "A%"],
    ["%FF", "\ufffd"],
    ["%C3%", "\ufffd%"],
    ["%00", "\0"],
    ["%0d%0a", "\r\n"],
    ["\u00e4%FF", "\u00e4\ufffd"],
    ["%EF%BB%BFa%FF", "\ufeffa\ufffd"],
  ];
  for (const [text, decoded] of cases) assert.equal(decodeComponent(text), decoded, text);
  assert.deepEqual([decodeComponent("1+2%2B", "space"), decodeComponent("+", "space")], ["1 2+", " "]);
});
