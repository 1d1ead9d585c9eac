import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { createLog } from "./named-log.ts";

const clock = new FakeClock(Date.UTC(2009, 7, 1, 12, 30, 59, 7));

test("a line is a compact time, the level, the name and the formatted text [EL-31]", () => {
  const lines: string[] = [];
  const log = createLog("orders", (line) => lines.push(line), { clock });
  log.error("order %d failed: %s %j", 42, "no stock", { left: 0 });
  log.info("plain", "and more");
  assert.deepEqual(lines, [
    '20090801T123059.007Z error orders: order 42 failed: no stock {"left":0}',
    "20090801T123059.007Z info orders: plain and more",
  ]);
});

test("each log has only its lines, and logs that share a target are told apart by name [EL-31]", () => {
  const one: string[] = [];
  const two: string[] = [];
  createLog("a", (line) => one.push(line), { clock }).warn("first");
  createLog("b", (line) => two.push(line), { clock }).warn("second");
  createLog("c", (line) => two.push(line), { clock }).warn("third");
  assert.deepEqual(one, ["20090801T123059.007Z warn a: first"]);
  assert.deepEqual(two, ["20090801T123059.007Z warn b: second", "20090801T123059.007Z warn c: third"]);
});

test("nobody forges a line: ends of lines and escapes of terminals are written out", () => {
  const lines: string[] = [];
  const log = createLog("web", (line) => lines.push(line), { clock });
  log.info("user %s", "ada\n20090801T123059.007Z info web: user root\x1b[2K\r");
  log.error(new Error("a\nb"));
  assert.equal(lines.length, 2);
  for (const line of lines) assert.doesNotMatch(line, /[\x00-\x1f\x7f]/);
});

test("a value that throws when it is looked at does not", () => {
  const lines: string[] = [];
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error("no");
      },
      getPrototypeOf() {
        throw new Error("no");
      },
      ownKeys() {
        throw new Error("no");
      },
    },
  );
  const log = createLog("web", (line) => lines.push(line), { clock });
  log.info("%s", hostile);
  log.info(hostile);
  log.info("%d", Symbol("s"));
  log.info("%j", { big: 1n });
  assert.equal(lines.length, 4);
});

test("what is less than the level is not written", () => {
  const lines: string[] = [];
  const log = createLog("web", (line) => lines.push(line.split(" ")[1] as string), { clock, level: "warn" });
  log.debug("x");
  log.info("x");
  log.warn("x");
  log.error("x");
  assert.deepEqual(lines, ["warn", "error"]);
});

test("a target that fails is told of, and the caller is not", () => {
  const told: unknown[] = [];
  const log = createLog("web", () => assert.fail("disk full"), { onError: (error) => told.push(error) });
  log.error("x");
  assert.equal((told[0] as Error).message, "disk full");
});

test("a log without a name, or of no level, is refused", () => {
  assert.throws(() => createLog(""), { code: "USE_BAD_OPTION" });
  assert.throws(() => createLog("a", process.stderr, { level: "loud" as never }), { code: "USE_BAD_OPTION" });
});
