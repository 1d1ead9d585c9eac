// Checks what somebody gets who clones the repository, or adds it to a project from git or by its path: a copy of what is
// tracked, as a repository of its own, without what has been installed and built here.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { complaints, run } from "./command.ts";
import type { Step } from "./steps.ts";
import { pathsOf, root } from "./tree.ts";

/** What npm says of itself when it runs a script, and at the end. */
const SAID = /^(?:> portico@\S+ prepare|> node tools\/build\.js|(?:added|up to date).* in .*|)$/;
/** What npm 11 and later say of a package that has a script to build it, wherever that comes from. */
const ASKED = /^npm warn (?:install|allow)-scripts\b/;

const OFFLINE = "--prefer-offline";

/** The steps share one temporary folder, which is removed at the end. */
export function cloneSteps(): Step[] {
  const folder = mkdtempSync(join(tmpdir(), "portico-clone-"));
  const clone = join(folder, "clone");
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return [
    { name: "clone: npm install says nothing but that it builds", run: () => makeClone(clone) },
    { name: "clone: npm pack packs what it packs here", run: () => packsTheSame(clone) },
    { name: "clone: installs from its path", run: () => installs(join(folder, "by-path"), clone) },
    { name: "clone: installs from git", run: () => installs(join(folder, "from-git"), `git+file://${clone}`) },
  ];
}

async function makeClone(clone: string): Promise<readonly string[]> {
  for (const path of pathsOf()) {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    cpSync(join(root, path), join(clone, path));
  }
  const as = ["-c", "user.name=check", "-c", "user.email=check@example.com", "-c", "commit.gpgsign=false"];
  for (const args of [
    ["init", "-q"],
    ["add", "-A"],
    [...as, "commit", "-q", "-m", "A copy"],
  ]) {
    const wrong = await complaints("git", args, clone);
    if (wrong.length > 0) return wrong;
  }
  return npm(["install", OFFLINE], clone, (line) => SAID.test(line));
}

async function packsTheSame(clone: string): Promise<readonly string[]> {
  // The build is up to date, so that to pack it builds nothing.
  const [here, there] = [await packed(root, "--ignore-scripts"), await packed(clone)];
  const differ = [...here.filter((path) => !there.includes(path)), ...there.filter((path) => !here.includes(path))];
  return differ.map((path) => `${path} is in one package and not in the other.`);
}

/** The paths in the package. What a script prints stands before the JSON. */
async function packed(folder: string, ...flags: readonly string[]): Promise<readonly string[]> {
  const { status, stdout, output } = await run("npm", ["pack", "--dry-run", "--json", ...flags], folder);
  if (status !== 0) throw new Error(output);
  const printed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [first] = Array.isArray(printed) ? printed : Object.values(printed);
  return first.files.map(({ path }: { readonly path: string }) => path).sort();
}

async function installs(project: string, what: string): Promise<readonly string[]> {
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  // npm 12 takes nothing from git without being asked to; those before do not know the variable.
  const wrong = await npm(
    ["install", OFFLINE, "--allow-git=root", what],
    project,
    (line) => SAID.test(line) || ASKED.test(line),
  );
  if (wrong.length > 0) return wrong;
  const script = 'if (typeof require("portico").portico !== "function") throw new Error("It has no portico().")';
  return complaints(process.execPath, ["--eval", script], project);
}

/** What npm prints beside what is allowed, or all that it printed where it failed. */
async function npm(
  args: readonly string[],
  folder: string,
  allowed: (line: string) => boolean,
): Promise<readonly string[]> {
  const { status, output } = await run("npm", args, folder);
  return status === 0 ? output.split("\n").filter((line) => !allowed(line)) : [output];
}
