// That reading is linear: each row of a table at one length and at sixteen times that. Work is counted, in blocks of JavaScript that run,
// so that nothing else on the machine decides; of what native code does, patterns above all, there is the time of the processor, where
// it is long enough to mean something.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Work, WorkCounter } from "../fixtures/work.ts";
import type { Shape } from "./linear-shapes.ts";
import type { Row } from "./linear-table.ts";

const TIMES = 16;
/** Of a square it would be 256 times. */
const MOST_BLOCKS = 40;
/** So many for a character are few, whatever they are a multiple of. */
const FEW_BLOCKS = 8;
/** Microseconds that are worth a second look: a square of 16,000 blanks took 95,000 and more. */
const LONG = 40_000;
const MOST_TIME = 100;
const LEAST_TIME = 50;
const TRIES = 5;

const counter = new WorkCounter();
after(() => counter[Symbol.dispose]());

type Read = Row["read"];

/** The shortest time of several: what else runs makes it longer, and nothing shorter. */
async function shortest(read: Read, text: string): Promise<number> {
  let time = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) time = Math.min(time, (await counter.of(() => read(text))).time);
  return time;
}

/** Whether native code takes more than a multiple of the time: what a request without the text takes does not count. */
async function isSlow(read: Read, shape: Shape, most: number, first: Work): Promise<boolean> {
  if (first.time < LONG) return false;
  const long = await shortest(read, shape(most));
  const base = await shortest(read, shape(1));
  const short = Math.max(LEAST_TIME, (await shortest(read, shape(most / TIMES))) - base);
  return long - base > LONG && long - base > MOST_TIME * short;
}

/** A test for each row, which tells the work of the text that took most. */
export function provesLinear(rows: readonly Row[]): void {
  for (const { place, reader, bound, most, shapes, read } of rows) {
    test(`${place} is read by ${reader} in linear time, within ${bound}`, async (t) => {
      let worst = { blocks: -1, shape: "" };
      const once = async (shape: string): Promise<number> => {
        return (await counter.of(() => read(shapes[shape]?.(most / TIMES) ?? ""))).blocks;
      };
      for (const shape of Object.keys(shapes).slice(0, 1)) await once(shape); // what is loaded when it is first needed
      for (const [name, shape] of Object.entries(shapes)) {
        const work = await counter.of(() => read(shape(most)));
        const { blocks } = work;
        if (blocks > FEW_BLOCKS * most) {
          const few = await once(name);
          assert.ok(blocks <= MOST_BLOCKS * few, `${name}: ${few} blocks, and ${blocks} of ${TIMES} times as much`);
        }
        assert.equal(await isSlow(read, shape, most, work), false, `${name}: ${work.time} us of the processor`);
        if (blocks > worst.blocks) worst = { blocks, shape: name };
      }
      t.diagnostic(`work at 1x: ${await once(worst.shape)}, at ${TIMES}x: ${worst.blocks} (${worst.shape})`);
    });
  }
}
