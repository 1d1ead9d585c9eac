// Checks what users get, not what we have: packs the package, installs the tarball into an empty project, loads it there
// and compiles three lines against its types. Each is a step of its own, so that a failure says which; without a tarball
// those that need it fail as well.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { complaints, run, tool } from "./command.ts";
import type { Step } from "./steps.ts";
import { root } from "./tree.ts";

// Ten times what the engine needs: a tarball past it carries something that was never meant to be in it.
const MAX_PACKED = 500_000;

// Loading it starts a server, which is what it is for.
const LOADED_ELSEWHERE = new Set(["./auto", "./package.json"]);

const CONSUMER = `import * as portico from "portico";
export const names: string[] = Object.keys(portico);
console.log(names.join(" "));
`;

/** The steps share one temporary folder, which the last of them removes. */
export function packageSteps(): Step[] {
  const folder = mkdtempSync(join(tmpdir(), "portico-check-"));
  const project = join(folder, "project");
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  let packed: string | undefined;
  const tarball = (): string => {
    if (packed === undefined) throw new Error("There is no tarball: `npm pack` failed.");
    return packed;
  };
  const installed = (): string => {
    if (!existsSync(join(project, "node_modules", "portico"))) throw new Error("The tarball was not installed.");
    return project;
  };
  return [
    {
      name: "package: npm pack",
      run: async () => {
        const { status, stdout, output } = await run("npm", [
          "pack",
          "--json",
          "--ignore-scripts",
          "--pack-destination",
          folder,
        ]);
        if (status !== 0) return [output];
        packed = join(folder, packedName(stdout));
        return [];
      },
    },
    {
      name: `package: packed size below ${MAX_PACKED / 1000} kB`,
      run: () => {
        const size = statSync(tarball()).size;
        return size < MAX_PACKED
          ? []
          : [`The tarball has ${size} octets; see what is in it with \`npm pack --dry-run\`.`];
      },
    },
    { name: "package: publint", run: () => tool("publint/src/cli.js", ["run", tarball(), "--strict"]) },
    {
      name: "package: are the types wrong?",
      run: () =>
        tool("@arethetypeswrong/cli/dist/index.js", [
          tarball(),
          "--profile",
          "esm-only",
          "--format",
          "ascii",
          "--no-color",
          "--no-emoji",
        ]),
    },
    { name: "package: installs into an empty project", run: () => install(project, tarball()) },
    { name: "package: every entry point loads", run: () => loadEntries(installed()) },
    { name: "package: a consumer compiles", run: () => compileConsumer(installed()) },
  ];
}

/** npm 11 prints a list, npm 12 a record by package name. */
function packedName(stdout: string): string {
  const printed = JSON.parse(stdout);
  const [first] = Array.isArray(printed) ? printed : Object.values(printed);
  return first.filename;
}

function install(project: string, tarball: string): Promise<string[]> {
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  return complaints("npm", ["install", "--ignore-scripts", "--prefer-offline", ...quiet, tarball], project);
}

async function loadEntries(project: string): Promise<string[]> {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, unknown>;
  };
  const wrong: string[] = [];
  for (const entry of Object.keys(exports).filter((entry) => !LOADED_ELSEWHERE.has(entry))) {
    const name = `portico${entry.slice(1)}`;
    const script = `await import(${JSON.stringify(name)})`;
    const { status, output } = await run(process.execPath, ["--input-type=module", "--eval", script], project);
    if (status !== 0) wrong.push(`${script}: ${lineOfError(output)}`);
  }
  return wrong;
}

/** Of a stack trace, the line that says what happened. */
function lineOfError(output: string): string {
  return output.split("\n").find((line) => /Error\b/.test(line)) ?? output.trim();
}

/** The declarations are checked too (`skipLibCheck: false`), against our own copy of the types of Node. */
function compileConsumer(project: string): Promise<string[]> {
  const compilerOptions = {
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable"],
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    typeRoots: [join(root, "node_modules", "@types")],
    types: ["node"],
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["consumer.ts"] }));
  writeFileSync(join(project, "consumer.ts"), CONSUMER);
  return tool("typescript/bin/tsc", ["-p", project, "--pretty", "false"], project);
}
