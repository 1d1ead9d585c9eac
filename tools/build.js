// Builds src, test, tools, examples and bench with tsc, copies the plain files (pages, styles, transcripts) beside their
// modules, and joins the modules of the package into few files: to load 74 of them takes 44 ms, to load 8 of them 22. Tests
// of src run on the modules, whatever imports "portico" on the joined files. Plain JavaScript, because it runs before
// anything is compiled.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
// Whoever imports one of these has a server, and so the front door: said here, it and what it needs are one file for all of
// them, where each combination of entries would get files of its own.
const WITH_FRONT_DOOR =
  /[\\/]dist[\\/]src[\\/](auto|worker|(app|server|handlers|middleware|testing)[\\/]index|cli[\\/]main)\.js$/;

const COPIED = /\.(html|css|svg|txt|http|png)$/;

if (process.argv.includes("--clean")) rmSync(join(root, "dist"), { recursive: true, force: true });

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
if (!existsSync(tsc)) {
  console.error("TypeScript is not installed: run `npm install` first.");
  process.exit(1);
}
const built = spawnSync(process.execPath, [tsc, "-p", root], { stdio: "inherit" });
if (built.status !== 0) process.exit(built.status ?? 1);

dropStale(join(root, "dist"), "");
for (const folder of ["src", "test", "examples", "bench"]) copyPlain(folder);
await joinModules();

/** What package.json leads to, each entry with what it alone needs, and what several need in files of its own. */
async function joinModules() {
  const { bin, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const targets = [...Object.values(exports).map((target) => target.default), ...Object.values(bin)];
  const modules = targets.filter((target) => target !== undefined).map((target) => target.replace("/lib/", "/src/"));
  modules.push("./dist/src/worker.js"); // nobody imports it: a thread is started with it
  const { build } = await import("esbuild");
  rmSync(join(root, "dist", "lib"), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: modules,
    outdir: "dist/lib",
    outbase: "dist/src",
    chunkNames: "shared/[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    logLevel: "warning",
    ignoreAnnotations: true, // or the imports below would be dropped
    plugins: [{ name: "together", setup: (build) => build.onLoad({ filter: WITH_FRONT_DOOR }, withFrontDoor) }],
  });
}

function withFrontDoor({ path }) {
  const frontDoor = JSON.stringify(join(root, "dist", "src", "index.js"));
  const code = readFileSync(path, "utf8");
  const shebang = /^#!.*\n/.exec(code)?.[0] ?? "";
  return { contents: `${shebang}import ${frontDoor};\n${code.slice(shebang.length)}`, loader: "js" };
}

function copyPlain(folder) {
  if (!existsSync(join(root, folder))) return;
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) copyPlain(path);
    else if (COPIED.test(entry.name)) cpSync(join(root, path), join(root, "dist", path));
  }
}

/** What was built from a source that is gone would still be found by the tests and by `npm pack`. */
function dropStale(folder, relative) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(relative, entry.name);
    if (path === "lib") continue;
    if (entry.isDirectory()) {
      dropStale(join(folder, entry.name), path);
      continue;
    }
    const source = path.replace(/\.(d\.ts|js\.map|js)$/, "");
    const kept =
      source === path
        ? existsSync(join(root, path))
        : [".ts", ".js"].some((end) => existsSync(join(root, source + end)));
    if (!kept) rmSync(join(folder, entry.name));
  }
}
