// `npm run fuzz`: mutations of the corpus against the laws, for so many seconds. Prints the speed, and on a failure the seed and
// the shortest input that still fails.
//   node dist/test/fuzz/run.js --seconds 60 --seed 1
import { parseArgs } from "node:util";
import { fuzz, told } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
  },
});
const seed = Number(values.seed);
const milliseconds = Number(values.seconds) * 1000;
console.log(`Fuzzing for ${values.seconds} s from seed ${seed}.`);
const started = performance.now();
const { executions, finding } = await fuzz(seed, () => performance.now() - started > milliseconds);
const elapsed = (performance.now() - started) / 1000;
console.log(`${executions} executions, ${Math.round(executions / elapsed)} a second.`);
if (finding !== undefined) {
  console.error(`Failed: ${told(finding)}`);
  process.exitCode = 1;
}
