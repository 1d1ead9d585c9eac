// Writes the pages of docs/ that are generated from tables and comments in the source, so that they cannot fall behind it.
// `--check` writes nothing and fails if a page on disk differs. A page more is a row more in PAGES.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ERRORS } from "../src/base/errors.ts";
import { JOINT, TABLES } from "../src/wire/h1/state.ts";
import { errorsPage } from "./errors-page.ts";
import { referencePage } from "./reference.ts";
import { statesPage } from "./states-page.ts";
import { isMain, type Problem, readTree, report, root } from "./tree.ts";

interface Page {
  /** Relative to the root of the repository. */
  readonly path: string;
  make(): string;
}

const PAGES: readonly Page[] = [
  { path: "docs/errors.md", make: () => errorsPage(ERRORS) },
  { path: "docs/states.md", make: () => statesPage(TABLES, JOINT) },
  { path: "docs/reference.md", make: () => referencePage(readTree()) },
];

/** The pages on disk that differ from what their tables say. */
export function checkPages(): Problem[] {
  const problems: Problem[] = [];
  for (const { path, make } of PAGES) {
    const full = join(root, path);
    if (existsSync(full) && readFileSync(full, "utf8") === make()) continue;
    problems.push({
      path,
      rule: existsSync(full) ? "differs from the table it is printed from" : "is missing",
      instead: "Run `npm run print`, and commit the page with the change",
    });
  }
  return problems;
}

function writePages(): void {
  for (const { path, make } of PAGES) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, make());
    console.log(path);
  }
}

if (isMain(import.meta.url)) {
  if (process.argv.includes("--check")) report(checkPages());
  else writePages();
}
