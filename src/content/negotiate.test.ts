import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields, type FieldsInit } from "../message/fields.ts";
import { encodingFor, language, preferred } from "./negotiate.ts";

const asking = (fields: FieldsInit): { headers: Fields } => ({ headers: new Fields(fields) });

test("the media type is the one that is liked best", () => {
  const types = ["text/html", "application/json"] as const;
  const cases: [string | undefined, string | undefined][] = [
    [undefined, "text/html"],
    ["*/*", "text/html"],
    ["application/json", "application/json"],
    ["application/*", "application/json"],
    ["text/html;q=0.5, application/json", "application/json"],
    ["text/*, application/json;q=0.9", "text/html"],
    ["text/html;q=0, */*", "application/json"],
    ["image/png", undefined],
    ["*/*;q=0", undefined],
    [",", undefined],
    [",;;=,", "text/html"],
  ];
  for (const [accept, type] of cases) {
    assert.equal(preferred(asking(accept === undefined ? {} : { Accept: accept }), types), type, accept);
  }
});

test("several lines of a field are one list", () => {
  const request = asking([
    ["Accept", "text/html;q=0.1"],
    ["Accept", "application/json"],
  ]);
  assert.equal(preferred(request, ["text/html", "application/json"]), "application/json");
  const codings = asking([
    ["Accept-Encoding", "identity;q=0"],
    ["Accept-Encoding", "gzip"],
  ]);
  assert.equal(encodingFor(codings, ["br", "gzip"]), "gzip");
});

test("of codings that are liked as much, the order of the server decides; identity is last, and can be refused", () => {
  const offered = ["br", "zstd", "gzip"] as const;
  const cases: [string | undefined, string | undefined][] = [
    [undefined, "identity"],
    ["", "identity"],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip, deflate", "gzip"],
    ["*", "br"],
    ["gzip, *;q=0", "gzip"],
    ["br;q=0, *", "zstd"],
    ["gzip;q=0.9, br;q=0.5", "gzip"],
    ["br;q=0.5, identity", "identity"],
    ["GZIP", "gzip"],
    ["x-gzip;q=1", "gzip"],
    ["compress", "identity"],
    ["identity;q=0", undefined],
    ["*;q=0", undefined],
    ["compress, identity;q=0", undefined],
    ["identity;q=0, zstd;q=0.1", "zstd"],
    ["gzip;q=nonsense", "identity"],
  ];
  for (const [accept, coding] of cases) {
    const request = asking(accept === undefined ? {} : { "Accept-Encoding": accept });
    // Twice: the second answer is the remembered one.
    for (const time of [1, 2]) assert.equal(encodingFor(request, offered), coding, `${accept}, time ${time}`);
  }
});

test("a peer that says something else each time, or something long, is answered too", () => {
  const offered = ["gzip"] as const;
  for (let i = 0; i < 1000; i++) {
    assert.equal(
      encodingFor(asking({ "Accept-Encoding": `x-${i}, gzip;q=0.${i}` }), offered),
      i === 0 ? "identity" : "gzip",
    );
  }
  const long = "a,".repeat(20_000);
  assert.equal(encodingFor(asking({ "Accept-Encoding": `gzip,${long}` }), offered), "gzip");
  assert.equal(encodingFor(asking({ "Accept-Encoding": `${long}gzip` }), offered), "identity");
  assert.equal(
    preferred(asking({ Accept: `application/json,${long}` }), ["text/html", "application/json"]),
    "application/json",
  );
  assert.equal(language(asking({ "Accept-Language": "x".repeat(60_000) }), ["en", "de"]), "en");
});

test("a member whose weight is none says nothing, and refuses nothing that it does not name", () => {
  const wrong = ["-1", "-0.5", "2", "1.5", "1.001", "abc", "", "1e-1", "0x1", "NaN", "Infinity", "--1", "0.5.5", '"x"'];
  for (const q of wrong) {
    for (const weight of [`;q=${q}`, `; Q=${q}`, `;a=b;q=${q}`, `; q = ${q}`]) {
      const alone = asking({ "Accept-Encoding": `gzip${weight}` });
      assert.equal(encodingFor(alone, ["br", "gzip"]), "identity", weight);
      const beside = asking({ "Accept-Encoding": `br, gzip${weight}` });
      assert.equal(encodingFor(beside, ["gzip", "br"]), "br", weight);
      const star = asking({ "Accept-Encoding": `*${weight}` });
      assert.equal(encodingFor(star, ["br", "gzip"]), "identity", weight);
      const identity = asking({ "Accept-Encoding": `identity${weight}, br;q=0.5` });
      assert.equal(encodingFor(identity, ["br"]), "br", weight);
      const type = asking({ Accept: `text/html${weight}` });
      assert.equal(preferred(type, ["text/plain", "text/html"]), "text/plain", weight);
      const other = asking({ Accept: `text/html${weight}, application/json;q=0.1` });
      assert.equal(preferred(other, ["text/html", "application/json"]), "application/json", weight);
      assert.equal(language(asking({ "Accept-Language": `de${weight}` }), ["en", "de"]), "en", weight);
      assert.equal(language(asking({ "Accept-Language": `de${weight}, fr` }), ["en", "de", "fr"]), "fr", weight);
    }
  }
  // What refuses identity still does.
  assert.equal(encodingFor(asking({ "Accept-Encoding": "gzip;q=-1, identity;q=0" }), ["gzip"]), undefined);
  assert.equal(encodingFor(asking({ "Accept-Encoding": "gzip;q=-1, *;q=0" }), ["gzip"]), undefined);
});

test("a weight is read as clients write it", () => {
  for (const q of ["0.5", "0.500", "0.12345", ".5", "1", "1.", "1.0", "1.000", "1.0000"]) {
    assert.equal(encodingFor(asking({ "Accept-Encoding": `gzip;q=${q}` }), ["gzip"]), "gzip", q);
    assert.equal(encodingFor(asking({ "Accept-Encoding": `gzip ; q = ${q}` }), ["gzip"]), "gzip", q);
  }
  for (const q of ["0", "0.", "0.0", "0.000", ".0"]) {
    assert.equal(encodingFor(asking({ "Accept-Encoding": `*, gzip;q=${q}` }), ["gzip", "br"]), "br", q);
  }
});

test("a language is found by its narrower and its wider name", () => {
  const cases: [string | undefined, string | undefined][] = [
    [undefined, "en"],
    ["de", "de"],
    ["de-AT, en;q=0.5", "de"],
    ["pt", "pt-BR"],
    ["fr", undefined],
    ["fr, *;q=0.1", "en"],
  ];
  for (const [accept, tag] of cases) {
    const request = asking(accept === undefined ? {} : { "Accept-Language": accept });
    assert.equal(language(request, ["en", "de", "pt-BR"]), tag, accept);
  }
});
