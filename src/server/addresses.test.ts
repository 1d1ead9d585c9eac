import assert from "node:assert/strict";
import { test } from "node:test";
import { addressesOf } from "./addresses.ts";

test("an address may be a port, a text of host and port, or an object, and there may be several [GB-03]", () => {
  const cases: readonly (readonly [given: Parameters<typeof addressesOf>[0], made: unknown])[] = [
    [8070, [{ host: "127.0.0.1", port: 8070 }]],
    [
      [8070, 8071],
      [
        { host: "127.0.0.1", port: 8070 },
        { host: "127.0.0.1", port: 8071 },
      ],
    ],
    ["127.0.0.1:8075", [{ host: "127.0.0.1", port: 8075 }]],
    ["8075", [{ host: "127.0.0.1", port: 8075 }]],
    ["localhost:0", [{ host: "127.0.0.1", port: 0 }]],
    ["*:80", [{ host: "0.0.0.0", port: 80 }]],
    ["[::1]:65535", [{ host: "::1", port: 65_535 }]],
    ["tea.example:80", [{ host: "tea.example", port: 80 }]],
    [{ path: "/run/x" }, [{ path: "/run/x" }]],
    [
      ["0.0.0.0:1", { host: "a", port: 2 }, 3],
      [
        { host: "0.0.0.0", port: 1 },
        { host: "a", port: 2 },
        { host: "127.0.0.1", port: 3 },
      ],
    ],
  ];
  for (const [given, made] of cases) assert.deepEqual(addressesOf(given), made, JSON.stringify(given));
});

test("what is no address is refused by what it should have been", () => {
  const texts = [
    "",
    "a",
    "a:",
    ":80",
    "a:b",
    "a:65536",
    "a:-1",
    "a:1.5",
    "a: 1",
    "::1:80",
    "[::1]",
    "[a]:1",
    "[]:1",
    "a/b:1",
  ];
  const others = [null, undefined, true, () => 1, ["127.0.0.1:1", null], [[1]], ["a:1", "x"]];
  for (const wrong of [...texts, "http://a:1", "/run/x.sock", ...others]) {
    assert.throws(() => addressesOf(wrong as never), { code: "USE_BAD_OPTION" }, String(wrong));
  }
});
