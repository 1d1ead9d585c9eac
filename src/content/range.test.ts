import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fields } from "../message/fields.ts";
import { byteRanges, contentRange, MOST_RANGES, multipart } from "./range.ts";

const asked = (...values: string[]): Fields => new Fields(values.map((value) => ["Range", value] as const));

test("a range is octets from start to end, in any of the three forms", () => {
  const cases: [string, [number, number][] | null][] = [
    ["bytes=0-9", [[0, 10]]],
    ["bytes=90-", [[90, 100]]],
    ["bytes=-10", [[90, 100]]],
    ["bytes=-1000", [[0, 100]]],
    ["bytes=0-", [[0, 100]]],
    ["bytes=0-1000000", [[0, 100]]],
    ["bytes=99-99", [[99, 100]]],
    ["BYTES=0-0", [[0, 1]]],
    [
      "bytes=0-0,-1",
      [
        [0, 1],
        [99, 100],
      ],
    ],
    [
      "bytes= 0-0 , -1 ",
      [
        [0, 1],
        [99, 100],
      ],
    ],
    [
      "bytes=50-59,0-9",
      [
        [50, 60],
        [0, 10],
      ],
    ],
    // What overlaps or touches is one.
    ["bytes=0-9,5-14,15-19", [[0, 20]]],
    ["bytes=0-,-1", null],
    ["bytes=0-49,50-99", null],
    ["bytes=0-9,200-300", [[0, 10]]],
    // Empty members are none (RFC 9110 §5.6.1.2).
    ["bytes=,0-9, ,5-14,,", [[0, 15]]],
    ["bytes=0-,", [[0, 100]]],
    ["bytes=,", null],
    // None can be had.
    ["bytes=100-", []],
    ["bytes=200-300", []],
    ["bytes=-0", []],
    ["bytes=9-3", []],
    // As if it were not there.
    ["bytes=", null],
    ["bytes=-", null],
    ["bytes=a-b", null],
    ["bytes=0-9,x", null],
    ["bytes=0x1-5", null],
    ["bytes=--5", null],
    ["bytes", null],
    ["items=0-9", null],
    ["0-9", null],
    ["", null],
    ["bytes=1e3-", null],
    ["bytes=99999999999999999999999-", []],
    [`bytes=-${"9".repeat(400)}`, [[0, 100]]],
  ];
  for (const [value, ranges] of cases) {
    const found = byteRanges(asked(value), 100);
    assert.deepEqual(found?.map(({ start, end }) => [start, end]) ?? null, ranges, value);
  }
});

test("no Range, two of them, and one of nothing are answered with the whole", () => {
  assert.equal(byteRanges(asked(), 100), null);
  assert.equal(byteRanges(asked("bytes=0-1", "bytes=2-3"), 100), null);
  for (const value of ["bytes=0-", "bytes=-1", "bytes=5-6"]) assert.equal(byteRanges(asked(value), 0), null);
});

test("more ranges than a client can mean are answered with the whole", () => {
  const many = (count: number): string =>
    `bytes=${Array.from({ length: count }, (_, i) => `${i * 2}-${i * 2}`).join()}`;
  assert.equal(byteRanges(asked(many(MOST_RANGES)), 1000)?.length, MOST_RANGES);
  assert.equal(byteRanges(asked(many(MOST_RANGES + 1)), 1000), null);
  assert.equal(byteRanges(asked(`bytes=${",".repeat(60_000)}`), 1000), null);
});

test("whatever is asked for, ranges lie inside, do not overlap, and are no more than there is", () => {
  const part = fc.oneof(
    fc.tuple(fc.nat(300), fc.nat(300)).map(([a, b]) => `${a}-${b}`),
    fc.nat(300).map((a) => `${a}-`),
    fc.nat(300).map((a) => `-${a}`),
    fc.string({ maxLength: 4 }).map((text) => text.replace(/[^\x20-\x7e]/g, "")),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), fc.nat(200), (list, size) => {
      const found = byteRanges(asked(`bytes=${list.join(",")}`.trim()), size) ?? [];
      const sorted = [...found].sort((a, b) => a.start - b.start);
      for (const [i, { start, end }] of sorted.entries()) {
        assert.ok(start >= 0 && start < end && end <= size);
        assert.ok(i === 0 || start > (sorted[i - 1]?.end as number));
      }
    }),
  );
});

test("several ranges are one body, whose length is known before", () => {
  const ranges = [
    { start: 0, end: 2 },
    { start: 8, end: 10 },
  ];
  const { type, parts, tail, length } = multipart(ranges, 10, "text/plain");
  const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{36})$/.exec(type)?.[1] as string;
  const body = parts.map(({ head, range }) => head + "0123456789".slice(range.start, range.end)).join("") + tail;
  assert.equal(body.length, length);
  assert.deepEqual(body.split(`--${boundary}`), [
    "",
    "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n",
    "\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n",
    "--\r\n",
  ]);
  assert.equal(contentRange({ start: 3, end: 4 }, 10), "bytes 3-3/10");
});
