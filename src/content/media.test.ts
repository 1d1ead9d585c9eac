import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import { mediaTypes } from "./media.ts";

const typeOf = mediaTypes();

test("the extension of a file name gives its type, and text is UTF-8", () => {
  const cases: Record<string, string> = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "page.mjs": "text/javascript; charset=utf-8",
    "notes.txt": "text/plain; charset=utf-8",
    "data.json": "application/json",
    "logo.svg": "image/svg+xml",
    "photo.PNG": "image/png",
    "font.woff2": "font/woff2",
    "engine.wasm": "application/wasm",
    "archive.tar.gz": "application/gzip",
    "a/deep.folder/file.pdf": "application/pdf",
  };
  for (const [name, type] of Object.entries(cases)) assert.equal(typeOf(name), type, name);
});

test("a name that says nothing gives octets", () => {
  for (const name of ["README", "html", ".profile", ".html", "a.nobody-knows-this", "dot.", "some.html/README", ""]) {
    assert.equal(typeOf(name), "application/octet-stream", name);
  }
});

test("what a name that says nothing stands for can be given", () => {
  const plain = mediaTypes({}, "text/plain");
  for (const name of ["README", "a.nobody-knows-this"]) assert.equal(plain(name), "text/plain; charset=utf-8");
  assert.equal(plain("a.css"), "text/css; charset=utf-8");
  assert.throws(() => mediaTypes({}, "nonsense"), { code: "USE_BAD_OPTION" });
});

test("types of one's own win over those that are known", () => {
  const own = mediaTypes({ tea: "text/x-tea", HTML: "application/xhtml+xml", old: "text/plain; charset=latin1" });
  assert.equal(own("green.TEA"), "text/x-tea; charset=utf-8");
  assert.equal(own("index.html"), "application/xhtml+xml");
  assert.equal(own("a.old"), "text/plain;charset=latin1");
  assert.equal(own("a.css"), "text/css; charset=utf-8");
  assert.equal(typeOf("green.tea"), "application/octet-stream");
});

test("what is no media type is refused when it is given", () => {
  for (const type of ["", "text", "text/", "text/html\r\nX: y"]) {
    assert.throws(
      () => mediaTypes({ x: type }),
      (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
      type,
    );
  }
});
