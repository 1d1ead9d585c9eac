import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { seeded } from "../../src/testing/index.ts";
import { CORPUS, TOKENS } from "./corpus.ts";
import { fuzz, told } from "./fuzz.ts";
import { cutsDoNotMatter, serverAnswersOrCloses, valuesAreReadOrRefused } from "./laws.ts";
import { minimized, mutated } from "./mutate.ts";

const octets: fc.Arbitrary<string> = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => Buffer.from(bytes).toString("latin1"));

// What looks like HTTP gets further into the engine than noise does.
const likely: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...TOKENS), fc.constantFrom(...CORPUS), octets), { maxLength: 8 })
  .map((pieces) => pieces.join(""));

const seed = fc.integer({ min: 0, max: 2 ** 31 });

test("events do not depend on how the input was cut, and nothing but RemoteError is thrown", () => {
  fc.assert(
    fc.property(fc.oneof(octets, likely), seed, (input, from) => cutsDoNotMatter(input, seeded(from))),
    { seed: 20_090_801, numRuns: 1500 },
  );
});

test("whatever a header says, and a form, it is read or refused", () => {
  fc.assert(
    fc.property(fc.oneof(octets, likely), (input) => valuesAreReadOrRefused(input)),
    { seed: 20_090_801, numRuns: 1500 },
  );
});

test("a server answers or closes within its timeouts, whatever comes, and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(octets, likely), seed, (input, from) => serverAnswersOrCloses(input, seeded(from))),
    { seed: 20_090_801, numRuns: 150 },
  );
});

test("the corpus itself keeps the laws", async () => {
  for (const [index, input] of CORPUS.entries()) {
    cutsDoNotMatter(input, seeded(index));
    valuesAreReadOrRefused(input);
    await serverAnswersOrCloses(input, seeded(index));
  }
});

test("mutations of the corpus keep the laws", async () => {
  const { finding } = await fuzz(1, (executions) => executions >= 2000);
  assert.equal(finding === undefined ? "" : told(finding), "");
});

test("the same seed makes the same input, and another seed another", () => {
  const inputs = Array.from({ length: 100 }, (_, at) => mutated(seeded(at)));
  assert.deepEqual(
    inputs,
    Array.from({ length: 100 }, (_, at) => mutated(seeded(at))),
  );
  assert.ok(new Set(inputs).size > 90);
});

test("what fails is made as short as it can be", async () => {
  assert.equal(await minimized("some long input with a \0 in it", async (input) => input.includes("\0")), "\0");
  assert.equal(await minimized("xaxbx", async (input) => /a.*b/.test(input)), "ab");
});
