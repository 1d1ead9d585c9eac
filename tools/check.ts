// `npm run check`: everything that must hold before a commit, beside the tests. The build has checked the types already.
// Goes on after a failure and ends with 1 if there was one. An argument runs only the steps whose name contains it.
import { cloneSteps } from "./clone-steps.ts";
import { tool } from "./command.ts";
import { checkNames, checkPlaces, checkSignals, checkSizes, checkSync, checkTestsRun } from "./habits.ts";
import { checkLayers } from "./layers.ts";
import { packageSteps } from "./package-steps.ts";
import { checkPages } from "./print.ts";
import { paint, runSteps, type Step } from "./steps.ts";
import { formatProblem, type Problem, readTree, type Tree } from "./tree.ts";

const tree = readTree();

function onTree(name: string, check: (tree: Tree) => readonly Problem[]): Step {
  return { name, run: () => check(tree).map(formatProblem) };
}

const steps: readonly Step[] = [
  {
    name: "format and lint",
    run: () => tool("@biomejs/biome/bin/biome", ["ci", "--colors=off", "--max-diagnostics=50", "."]),
  },
  onTree("layers: imports, cycles, barrels", checkLayers),
  onTree("names of files", checkNames),
  onTree("sizes of files", checkSizes),
  onTree("no synchronous file calls", checkSync),
  onTree("no signal of several", checkSignals),
  onTree("printed pages are up to date", checkPages),
  onTree("no test is left out", checkTestsRun),
  onTree("speaks of Portico alone", checkPlaces),
  ...packageSteps(),
  ...cloneSteps(),
];

const [filter] = process.argv.slice(2);
const chosen = filter === undefined ? steps : steps.filter((step) => step.name.includes(filter));
const failed = await runSteps(chosen, (line) => console.log(line));

if (chosen.length === 0) {
  console.log(`No step has “${filter}” in its name: ${steps.map((step) => step.name).join("; ")}.`);
  process.exitCode = 1;
} else if (failed.length === 0) {
  console.log(paint("32", `All ${chosen.length} checks passed.`));
} else {
  console.log(paint("31", `${failed.length} of ${chosen.length} checks failed: ${failed.join("; ")}.`));
  process.exitCode = 1;
}
