// Errors that nobody caught: whoever imports this fails at its end if there was one in its process.
import assert from "node:assert/strict";
import { after } from "node:test";

/** What came out of the engine where nobody could catch it. Stays empty. */
export const strays: unknown[] = [];

process.on("unhandledRejection", (error) => strays.push(error));
process.on("uncaughtException", (error) => strays.push(error));

/** Lets what is under way come out: turns of the event loop. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

after(async () => {
  await turns();
  assert.deepEqual(strays, []);
});
