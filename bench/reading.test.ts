// What the bench makes of the texts and numbers it reads: wrk's reports, profiles, streams of heads, and medians.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hottest } from "./profile.ts";
import { headCounter } from "./servers/floor.ts";
import { median } from "./statistics.ts";
import { parseReport } from "./wrk.ts";

const REPORT = `Running 3s test @ http://127.0.0.1:40001/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   371.59us   95.42us   4.18ms   95.14%
    Req/Sec   173.25k     9.31k  182.71k    83.33%
  Latency Distribution
     50%  351.00us
     75%  370.00us
     90%  430.00us
     99%    1.25ms
  517263 requests in 3.00s, 64.13MB read
Requests/sec: 172401.32
Transfer/sec:     21.37MB
`;

test("a report of wrk gives requests, rate and latencies in microseconds", () => {
  assert.deepEqual(parseReport(REPORT), { requests: 517263, perSecond: 172401.32, p50: 351, p99: 1250 });
});

test("a report with errors is no sample", () => {
  const failures: readonly (readonly [text: string, why: RegExp])[] = [
    [REPORT.replace("Requests/sec", "  Non-2xx or 3xx responses: 7\nRequests/sec"), /Non-2xx or 3xx responses: 7/],
    [REPORT.replace("Requests/sec", "  Socket errors: connect 0, read 3, write 0, timeout 0\nRequests/sec"), /read 3/],
    ["wrk: unable to connect", /no answer/],
  ];
  for (const [text, why] of failures) assert.throws(() => parseReport(text), why);
});

test("the floor counts heads whole, byte by byte and pipelined", () => {
  const heads = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
  assert.equal(headCounter("every")(heads, heads.length), 3);
  const countHeads = headCounter("every");
  let total = 0;
  for (const byte of heads) total += countHeads(Uint8Array.of(byte), 1);
  assert.equal(total, 3);
  assert.equal(headCounter("last")(heads, heads.length), 1);
  assert.equal(headCounter("last")(heads, heads.length - 1), 0);
});

test("a profile is summed up by function, without idle time", () => {
  const node = (id: number, functionName: string): Parameters<typeof hottest>[0]["nodes"][number] => {
    return { id, callFrame: { functionName, url: "", lineNumber: 0 } };
  };
  const nodes = [node(1, "(idle)"), node(2, "scan"), node(3, "write"), node(4, "scan")];
  const hot = hottest({ nodes, samples: [1, 2, 3, 4], timeDeltas: [900, 20, 60, 20] });
  assert.deepEqual(hot, [
    { name: "write", percent: 60 },
    { name: "scan", percent: 40 },
  ]);
});

test("the median is the middle, or the mean of the two in the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(Number.isNaN(median([])), true);
});
