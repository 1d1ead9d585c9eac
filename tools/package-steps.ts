// Checks what users get, not what we have: packs the package, installs the tarball into an empty project, loads it there
// and compiles a few lines against its types, as the README tells them to. Each is a step of its own, so that a failure says
// which; without a tarball those that need it fail as well.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { complaints, run, tool } from "./command.ts";
import { BOUNDS, checkBound, checkLinks, reading } from "./package-files.ts";
import type { Step } from "./steps.ts";
import { root } from "./tree.ts";

// It awaits at its top, so only import() loads it; and it starts a server, which is what it is for.
const LOADED_ELSEWHERE = new Set(["./auto", "./package.json"]);

/** What the README says a project needs, and the same program as a module and as CommonJS. */
const SETTINGS = { module: "NodeNext", strict: true, types: ["node"] };
const PROGRAM = `import { portico } from "portico";
import { t, typed } from "portico/handlers";
const app = portico();
app.get("/board/{id}", typed({ id: t.integer }, ({ id }) => id + 1));
export const names: readonly string[] = app.routes.map(({ pattern }) => pattern);
`;
const CONSUMERS: readonly Consumer[] = [
  { name: "as the README says", file: "consumer.mts", text: PROGRAM },
  { name: "in CommonJS", file: "consumer.cts", text: `${PROGRAM}import wire = require("portico/wire");\nvoid wire;\n` },
  {
    name: "strictest, libraries too",
    file: "strict.mts",
    text: PROGRAM,
    settings: { exactOptionalPropertyTypes: true },
  },
  {
    name: "for a bundler",
    file: "bundled.mts",
    text: PROGRAM,
    settings: { module: "ESNext", moduleResolution: "bundler" },
  },
];

interface Consumer {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly settings?: object;
}

/** The steps share one temporary folder, which the last of them removes. */
export function packageSteps(): Step[] {
  const folder = mkdtempSync(join(tmpdir(), "portico-check-"));
  const project = join(folder, "project");
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  let packed: string | undefined;
  let paths: readonly string[] = [];
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
        const { filename, files } = packedIn(stdout);
        packed = join(folder, filename);
        paths = files.map(({ path }) => path);
        return [];
      },
    },
    ...BOUNDS.map((bound) => ({
      name: `package: ${bound.name} below ${bound.bytes / 1000} kB`,
      run: () => checkBound(bound, paths, reading(root)),
    })),
    { name: "package: links lead somewhere", run: () => checkLinks(paths, reading(root)) },
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
    { name: "package: every entry point loads, by import and by require", run: () => loadEntries(installed()) },
    { name: "package: a trace names lines of the repository", run: () => traceLines(installed()) },
    ...CONSUMERS.map((consumer) => ({
      name: `package: a consumer compiles, ${consumer.name}`,
      run: () => compileConsumer(installed(), consumer),
    })),
  ];
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** npm 11 prints a list, npm 12 a record by package name. */
function packedIn(stdout: string): Packed {
  const printed = JSON.parse(stdout);
  const [first] = Array.isArray(printed) ? printed : Object.values(printed);
  return first as Packed;
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
    const name = JSON.stringify(`portico${entry.slice(1)}`);
    for (const [script, type] of [
      [`await import(${name})`, "module"],
      [`require(${name})`, "commonjs"],
    ] as const) {
      const { status, output } = await run(process.execPath, [`--input-type=${type}`, "--eval", script], project);
      if (status !== 0) wrong.push(`${script}: ${lineOfError(output)}`);
    }
  }
  return wrong;
}

/** Of a stack trace, the line that says what happened. */
function lineOfError(output: string): string {
  return output.split("\n").find((line) => /Error\b/.test(line)) ?? output.trim();
}

const TRACED = `
  const { portico } = await import("portico");
  const { typed } = await import("portico/handlers");
  Error.stackTraceLimit = 50;
  const app = portico();
  for (const wrong of [() => app.get("{", () => 1), () => portico({ limits: { none: 1 } }), () => typed({ id: 1 }, () => 1)]) {
    try { wrong(); } catch ({ stack }) { console.log(stack); }
  }
`;
const FRAME = /^ +at (?:new |async )?(?:\S+\.)?([#\w]+) \(.*\/node_modules\/portico\/(\S+):(\d+):\d+\)$/;

/** Each line that is named calls the function whose frame stands above it: the text of the line says so. */
async function traceLines(project: string): Promise<string[]> {
  const flags = ["--enable-source-maps", "--input-type=module", "--eval", TRACED];
  const { output } = await run(process.execPath, flags, project);
  const wrong: string[] = [];
  let calls = 0;
  let above: string | undefined;
  for (const frame of output.split("\n")) {
    const [, called, source, line] = FRAME.exec(frame) ?? [];
    if (source !== undefined && above !== undefined) {
      calls++;
      const code = codeAt(source, Number(line));
      // By name, or by one that is computed.
      if (!code.includes(`${above}(`) && !code.includes("](")) wrong.push(`No call of ${above}: ${frame.trim()}`);
    }
    above = called;
  }
  return calls < 8 ? [`There are only ${calls} calls to look at:`, output, ...wrong] : wrong;
}

function codeAt(source: string, line: number): string {
  const path = join(root, source);
  return existsSync(path) ? (readFileSync(path, "utf8").split("\n")[line - 1] ?? "") : "";
}

/** The declarations are checked too (`skipLibCheck: false`), against our own copy of the types of Node. */
function compileConsumer(project: string, { file, text, settings }: Consumer): Promise<string[]> {
  const compilerOptions = {
    ...SETTINGS,
    ...settings,
    skipLibCheck: false,
    noEmit: true,
    typeRoots: [join(root, "node_modules", "@types")],
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, include: [file] }));
  writeFileSync(join(project, file), text);
  return tool("typescript/bin/tsc", ["-p", project, "--pretty", "false"], project);
}
