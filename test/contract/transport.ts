// What every Transport must do, whatever carries it: order, half-close, backpressure, stopping, ending and takeover. Runs
// against two connected ends; knows no sockets. Nothing here waits for time: each test waits for the event that it needs.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { LocalError, TransportError } from "../../src/base/errors.ts";
import type { Transport, TransportEvents } from "../../src/base/transport.ts";

/** Two ends of one connection, not opened yet; close() lets go of what made them. */
export interface Connected {
  readonly near: Transport;
  readonly far: Transport;
  close(): Promise<void>;
}

type Step = "data" | "end" | "drain" | "close";

/** Hears a transport out: what came, in which order, copied at once as the interface asks. */
class Witness implements TransportEvents {
  readonly steps: Step[] = [];
  readonly chunks: Buffer[] = [];
  length = 0;
  error: Error | undefined;
  onData: (bytes: Uint8Array) => void = () => {};
  #wake: () => void = () => {};

  data(bytes: Uint8Array, start: number, end: number): void {
    const copy = Buffer.from(bytes.subarray(start, end));
    this.chunks.push(copy);
    this.length += copy.length;
    this.#note("data");
    this.onData(copy);
  }

  end(): void {
    this.#note("end");
  }

  drain(): void {
    this.#note("drain");
  }

  close(error?: Error): void {
    this.error = error;
    this.#note("close");
  }

  count(step: Step): number {
    return this.steps.filter((one) => one === step).length;
  }

  text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #note(step: Step): void {
    assert.ok(!this.steps.includes("close"), `${step} was told after close`);
    this.steps.push(step);
    const wake = this.#wake;
    this.#wake = () => {};
    wake();
  }
}

/** Octets that look random and are the same every time (xorshift32). */
function seeded(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

function hash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes all of it, in pieces of all sizes, as strings, buffers and mixed lists; waits where it is told to. */
async function send(transport: Transport, witness: Witness, bytes: Buffer): Promise<void> {
  const sizes = [1, 700, 0, 9000, 3, 40_000, 16_384, 120_000];
  for (let at = 0, turns = 0; at < bytes.length; turns += 1) {
    const list: (Uint8Array | string)[] = [];
    for (let piece = 0; piece <= turns % 4; piece += 1) {
      const part = bytes.subarray(at, at + sizes[(turns + piece) % sizes.length]!);
      at += part.length;
      list.push((turns + piece) % 3 === 0 ? part.toString("latin1") : part);
    }
    const drains = witness.count("drain");
    if (!transport.write(list)) await witness.until(() => witness.count("drain") > drains);
  }
}

/** Writes again and again until the other end's absence shows; how soon it does is the system's affair. */
async function writeUntilClosed(transport: Transport, witness: Witness): Promise<void> {
  while (witness.count("close") === 0) {
    transport.write(["is anyone there?"]);
    await turn();
  }
}

/** Runs the suite; `connect` makes a fresh pair for each test. */
export function transportContract(name: string, connect: () => Promise<Connected>): void {
  function contract(title: string, run: (pair: Connected, near: Witness, far: Witness) => Promise<void>): void {
    test(`${name}: ${title}`, { timeout: 30_000 }, async () => {
      const pair = await connect();
      try {
        await run(pair, new Witness(), new Witness());
      } finally {
        pair.near.destroy();
        pair.far.destroy();
        await pair.close();
      }
    });
  }

  contract("megabytes arrive whole and in order, both ways at once", async ({ near, far }, here, there) => {
    const [out, back] = [seeded(4_000_000, 7), seeded(3_000_000, 11)];
    near.open(here);
    far.open(there);
    await Promise.all([send(near, here, out), send(far, there, back)]);
    await Promise.all([here.until(() => here.length >= back.length), there.until(() => there.length >= out.length)]);
    assert.equal(hash(Buffer.concat(there.chunks)), hash(out));
    assert.equal(hash(Buffer.concat(here.chunks)), hash(back));
  });

  contract("strings are Latin-1, also beside bytes", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    near.write(["\u00e9\u00ff"]);
    near.write(["\u00e4", Buffer.from([0x00, 0x80]), "\r\n"]);
    near.write([Buffer.alloc(20_000, 0x2e), "\u00fc"]);
    await there.until(() => there.length >= 20_008);
    assert.equal(there.text(), `\u00e9\u00ff\u00e4\u0000\u0080\r\n${".".repeat(20_000)}\u00fc`);
  });

  contract("what was written before the other end opened is not lost", async ({ near, far }, here, there) => {
    near.open(here);
    near.write(["early"]);
    await turn();
    far.open(there);
    await there.until(() => there.length >= 5);
    near.write([" late"]);
    await there.until(() => there.length >= 10);
    assert.equal(there.text(), "early late");
  });

  for (const first of ["near", "far"] as const) {
    contract(`after ${first} has ended, the other end still sends`, async ({ near, far }, here, there) => {
      const [ender, talker] = first === "near" ? [near, far] : [far, near];
      const [ending, talking] = first === "near" ? [here, there] : [there, here];
      const answer = seeded(1_000_000, 3);
      near.open(here);
      far.open(there);
      ender.write(["question"]);
      ender.end();
      await talking.until(() => talking.count("end") === 1);
      assert.equal(talking.text(), "question");
      await send(talker, talking, answer);
      talker.end();
      await Promise.all([ending, talking].map((one) => one.until(() => one.count("close") === 1)));
      assert.equal(hash(Buffer.concat(ending.chunks)), hash(answer));
      for (const one of [ending, talking]) {
        assert.equal(one.error, undefined);
        assert.deepEqual([one.count("end"), one.steps.at(-1)], [1, "close"]);
      }
    });
  }

  contract("a stopped end is told nothing until it resumes", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    there.onData = () => far.pause();
    near.write(["one"]);
    await there.until(() => there.length >= 3);
    near.write(["two"]);
    near.end();
    for (let round = 1; round <= 20; round += 1) {
      far.write(["."]); // each arrives behind what was held: had that been told, it would show by now
      await here.until(() => here.length >= round);
    }
    assert.deepEqual([there.text(), there.count("end")], ["one", 0]);
    there.onData = () => {};
    far.resume();
    await there.until(() => there.count("end") === 1);
    assert.equal(there.text(), "onetwo");
  });

  contract("stopping inside data() and resuming later loses nothing", async ({ near, far }, here, there) => {
    const bytes = seeded(1_500_000, 23);
    near.open(here);
    far.open(there);
    let stopped = false;
    there.onData = () => {
      assert.equal(stopped, false, "data() came while stopped");
      stopped = true;
      far.pause();
      setImmediate(() => {
        stopped = false;
        far.resume();
      });
    };
    await send(near, here, bytes);
    await there.until(() => there.length >= bytes.length);
    assert.equal(hash(Buffer.concat(there.chunks)), hash(bytes));
  });

  contract("stopping right after opening, or after resuming, holds", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    far.pause();
    near.write(["held"]);
    for (let round = 1; round <= 10; round += 1) {
      far.resume();
      far.pause();
      far.write(["."]);
      await here.until(() => here.length >= round);
    }
    assert.equal(there.length, 0);
    far.resume();
    await there.until(() => there.length >= 4);
  });

  contract(
    "write() says false when the other end is slow, and drain() follows once it reads",
    async (pair, here, there) => {
      const { near, far } = pair;
      near.open(here);
      const block = seeded(65_536, 5);
      let sent = 0;
      for (let taken = true; taken; await turn()) {
        for (taken = near.write([block]); taken && sent < 1 << 26; sent += 65_536) taken = near.write([block]);
        sent += 65_536;
        for (let wait = 0; wait < 20 && !taken && near.pending === 0; wait += 1) await turn();
        if (!taken && near.pending === 0) taken = true; // the system had room after all
      }
      assert.ok(near.pending > 0);
      const drains = here.count("drain");
      far.open(there);
      await here.until(() => here.count("drain") > drains);
      assert.equal(near.pending, 0);
      await there.until(() => there.length >= sent);
      assert.equal(there.length, sent);
    },
  );

  contract("pending falls while a slow peer reads inside one large write", async ({ near, far }, here, there) => {
    const bytes = Buffer.alloc(24_000_000, 0x61);
    near.open(here);
    near.write([bytes]);
    await turn();
    const seen = new Set<number>([near.pending]);
    assert.ok(near.pending > 0 && near.pending <= bytes.length, `${near.pending} are pending`);
    there.onData = () => seen.add(near.pending);
    far.open(there);
    await there.until(() => there.length >= bytes.length);
    const between = [...seen].filter((pending) => pending > 0);
    assert.ok(between.length >= 4, `pending had the values ${between.join(", ")} only`);
    assert.deepEqual(
      between,
      [...between].sort((one, other) => other - one),
      "pending only falls",
    );
  });

  contract("an empty list is written at once", async ({ near }, here) => {
    near.open(here);
    assert.equal(near.write([]), true);
    assert.equal(near.write(["", new Uint8Array(0)]), true);
  });

  contract("writing after end() is the caller's mistake", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    near.end();
    near.end();
    assert.throws(
      () => near.write(["x"]),
      (error) => error instanceof LocalError && error.code === "USE_ENDED",
    );
    await there.until(() => there.count("end") === 1);
  });

  contract(
    "destroy(error) closes at once with that error, and the other end sees a reset",
    async (pair, here, there) => {
      const { near, far } = pair;
      const reason = new Error("enough");
      near.open(here);
      far.open(there);
      near.destroy(reason);
      near.destroy(new Error("a second reason is too late"));
      await here.until(() => here.count("close") === 1);
      assert.equal(here.error, reason);
      await writeUntilClosed(far, there);
      assert.ok(there.error instanceof TransportError && there.error.code === "NET_RESET", String(there.error));
      assert.ok(there.error.cause instanceof Error);
      assert.equal(there.steps.at(-1), "close");
    },
  );

  contract("destroy() without an error closes without one", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    near.destroy();
    assert.equal(near.write(["dropped"]), false);
    assert.equal(near.pending, 0);
    near.end();
    near.pause();
    near.resume();
    await here.until(() => here.count("close") === 1);
    assert.deepEqual([here.error, here.steps], [undefined, ["close"]]);
    await writeUntilClosed(far, there);
  });

  contract("a large write to a peer that leaves ends in close(error)", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    there.onData = () => far.destroy(new Error("gone"));
    near.write([Buffer.alloc(30_000_000, 0x62)]);
    await writeUntilClosed(near, here);
    assert.ok(here.error instanceof TransportError && here.error.code === "NET_RESET", String(here.error));
  });

  contract("nothing but close() is told after destroy() inside data()", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    there.onData = () => far.destroy();
    near.write([Buffer.alloc(3_000_000)]);
    await there.until(() => there.count("close") === 1);
    assert.deepEqual(there.steps, ["data", "close"]);
  });

  contract("whoever opens after the close is told of it", async ({ near }, here) => {
    const reason = new Error("before anyone listened");
    near.destroy(reason);
    await turn();
    await turn();
    near.open(here);
    await here.until(() => here.count("close") === 1);
    assert.deepEqual([here.error, here.steps], [reason, ["close"]]);
  });

  contract(
    "a takeover opens again and may keep what it gets; a third time is refused",
    async ({ near, far }, here, there) => {
      near.open(here);
      far.open(there);
      near.write(["for the first"]);
      await there.until(() => there.length >= 13);
      const kept: Uint8Array[] = [];
      const second = new Witness();
      far.pause();
      far.open({
        data: (bytes, start, end) => {
          kept.push(bytes.subarray(start, end));
          second.data(bytes, start, end);
        },
        end: () => second.end(),
        drain: () => second.drain(),
        close: (error) => second.close(error),
      });
      near.write(["for the second"]);
      await second.until(() => second.length >= 14);
      near.write([Buffer.alloc(200_000, 0x7a)]);
      await second.until(() => second.length >= 200_014);
      assert.equal(Buffer.concat(kept).subarray(0, 17).toString(), "for the secondzzz");
      assert.equal(hash(Buffer.concat(kept)), hash(Buffer.concat(second.chunks)));
      assert.equal(there.length, 13);
      assert.throws(
        () => far.open(there),
        (error) => error instanceof LocalError && error.code === "USE_OPENED",
      );
      near.destroy(new Error("over"));
      await writeUntilClosed(far, second);
      assert.equal(there.count("close"), 0, "who was relieved hears no more");
    },
  );

  contract("a takeover after the peer's FIN is told of it", async ({ near, far }, here, there) => {
    near.open(here);
    far.open(there);
    near.end();
    await there.until(() => there.count("end") === 1);
    const second = new Witness();
    far.open(second);
    await second.until(() => second.count("end") === 1);
    far.write(["still open"]);
    await here.until(() => here.length >= 10);
  });
}
