// Rules of the house that a search through the text can hold us to: names and sizes of files, no synchronous file calls
// in the library, no test left out, and a repository that speaks of Portico alone. Each is a pure function of a tree.
// What needs the meaning of code is for the type checker, the linter and layers.ts.
import { isMain, lineAt, type Problem, readTree, report, type Tree } from "./tree.ts";

const CODE = /^(src|test|tools|examples|bench)\/.*\.ts$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const EMPTY_NAMES = new Set(["util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "impl"]);
const MAX_LINES = 400;

/** Files and folders are named in kebab-case, and after what is in them. */
export function checkNames(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const path of Object.keys(tree).filter((path) => CODE.test(path))) {
    const names = path.replace(/(\.test|\.d)?\.ts$/, "").split("/");
    for (const name of names) {
      if (!KEBAB.test(name)) {
        problems.push({
          path,
          rule: `\`${name}\` is not kebab-case`,
          instead: "Name it after its main export, like-this.ts",
        });
      } else if (name === "data" || name.split("-").some((word) => EMPTY_NAMES.has(word))) {
        problems.push({
          path,
          rule: `\`${name}\` says nothing`,
          instead: "Name it after the one idea in it; if there are two, split it",
        });
      }
    }
  }
  return problems;
}

/** A file of the library that passes 400 lines holds a second idea; tests may be longer. */
export function checkSizes(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  for (const [path, text] of Object.entries(tree)) {
    if (!path.startsWith("src/") || !path.endsWith(".ts") || path.endsWith(".test.ts")) continue;
    const lines = lineAt(text, text.length - 1);
    if (lines <= MAX_LINES) continue;
    problems.push({ path, rule: `${lines} lines, more than ${MAX_LINES}`, instead: "Split it by idea, not by halves" });
  }
  return problems;
}

const SYNC =
  /\b(?:exec|execFile|spawn|(?:read|write|append|copy|rm|cp|open|close|exists|access|unlink|rename)(?:File)?|l?stat|realpath|(?:read|mk|rm)dir)Sync\b/g;

/** A synchronous file call stops every connection of the process; only the command line, which serves nobody yet, may. */
export function checkSync(tree: Tree): Problem[] {
  return search(tree, SYNC, {
    within: (path) =>
      path.startsWith("src/") && path.endsWith(".ts") && !path.startsWith("src/cli/") && !path.endsWith(".test.ts"),
    rule: (found) => `\`${found}\` stops every connection while it works`,
    instead: "Use node:fs/promises, or the asynchronous call of the same name",
  });
}

/** A signal of several is not let go by them: 1.2 KB a request on Node 20, where one of them lives for long. */
export function checkSignals(tree: Tree): Problem[] {
  return search(tree, /\bAbortSignal\s*\.\s*any\b/g, {
    within: (path) => path.startsWith("src/") && path.endsWith(".ts"),
    rule: (found) => `\`${found}\` leaks on Node 20`,
    instead: "Listen to the signal that leads, and stop listening when it no longer matters",
  });
}

const LEFT_OUT =
  /\b(?:test|it|describe|suite|t|context)\.(?:only|skip|todo)\(|\b(?:only|todo|skip):\s*(?:true\b|["'`])/g;

/** A test that is skipped is not a test. `skip: condition` stays allowed, for what a platform cannot do. */
export function checkTestsRun(tree: Tree): Problem[] {
  return search(tree, LEFT_OUT, {
    within: (path) => path.endsWith(".test.ts") || (path.startsWith("test/") && path.endsWith(".ts")),
    rule: (found) => `\`${found}\` leaves tests out`,
    instead: "Fix or delete the test; what only some platforms can do takes `skip: <condition>`",
  });
}

// A path of one machine: at the start of a word, never in the middle of an address.
const MACHINE_PATH = /(?<![\w.:/*-])\/(?:work\/|opt\/nodes|root(?![\w-])|home\/\w|Users\/\w)/g;
const REGISTRY = /"resolved":|https?:\/\/[\w.-]*(?:registry|npmmirror|artifactory|nexus|verdaccio)[\w.-]*/g;

/** Nothing in the repository tells on which machine it was written, or from which registry its packages came. */
export function checkPlaces(tree: Tree): Problem[] {
  const paths = search(tree, MACHINE_PATH, {
    within: (path) => !isLockfile(path),
    rule: (found) => `\`${found}\` is a path of one machine`,
    instead: "Write it relative to the repository; in a test or an example, invent another path",
  });
  const hosts = search(tree, REGISTRY, {
    within: (path) => isLockfile(path) || path.endsWith(".npmrc"),
    rule: (found) => `\`${found}\` ties the install to one registry`,
    instead: "Run `npm install` with the .npmrc of the repository, which leaves it out",
  });
  return [...paths, ...hosts];
}

function isLockfile(path: string): boolean {
  return path.split("/").at(-1) === "package-lock.json";
}

interface Search {
  within(path: string): boolean;
  rule(found: string): string;
  readonly instead: string;
}

function search(tree: Tree, pattern: RegExp, { within, rule, instead }: Search): Problem[] {
  const problems: Problem[] = [];
  for (const [path, text] of Object.entries(tree)) {
    if (!within(path)) continue;
    for (const match of text.matchAll(pattern)) {
      problems.push({ path, line: lineAt(text, match.index + 1), rule: rule(match[0]), instead });
    }
  }
  return problems;
}

if (isMain(import.meta.url)) {
  const tree = readTree();
  const checks = [checkNames, checkSizes, checkSync, checkSignals, checkTestsRun, checkPlaces];
  report(checks.flatMap((check) => check(tree)));
}
