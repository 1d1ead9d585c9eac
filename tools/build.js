// Builds src, test, tools, examples and bench with tsc, copies the plain files (pages, styles, transcripts) beside their
// modules, and joins the modules of the package into few files: to load 74 of them takes 44 ms, to load 8 of them 22. Tests
// of src run on the modules, whatever imports "portico" on the joined files. Plain JavaScript, because it runs before
// anything is compiled.
//
// Every script of package.json calls it, and npm does too: at `npm install` in a clone, at `npm pack`, and when somebody
// installs from git (`prepare`). So what is up to date is left alone: nothing depends on the Node that builds.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
/** What was built, and from what. */
const RECORD = join(dist, "build.json");
const CONFIG = "tsconfig.build.json";
const FOLDERS = ["src", "test", "tools", "examples", "bench"];
/** What npm has installed: another TypeScript builds something else. */
const INSTALLED = "node_modules/.package-lock.json";

// Whoever imports one of these has a server, and so the front door: said here, it and what it needs are one file for all of
// them, where each combination of entries would get files of its own.
const WITH_FRONT_DOOR =
  /[\\/]dist[\\/]src[\\/](auto|worker|(app|server|handlers|middleware|testing)[\\/]index|cli[\\/]main)\.js$/;

const COPIED = /\.(html|css|svg|txt|http|png)$/;
const COMPILED = /\.(ts|js)$/;

if (process.argv.includes("--clean")) rmSync(dist, { recursive: true, force: true });

const sources = hashOf([...FOLDERS.flatMap(sourcesIn), "package.json", "tsconfig.json", CONFIG]);
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
if (!isUpToDate()) {
  if (!existsSync(tsc)) {
    console.error(`TypeScript is not installed: run \`npm install\` in ${root} first.`);
    process.exit(1);
  }
  rmSync(RECORD, { force: true });
  const built = spawnSync(process.execPath, [tsc, "-p", join(root, CONFIG)], { stdio: "inherit" });
  if (built.status !== 0) process.exit(built.status ?? 1);
  dropStale(dist, "");
  for (const path of FOLDERS.flatMap(sourcesIn)) if (COPIED.test(path)) cpSync(join(root, path), join(dist, path));
  await joinModules();
  writeFileSync(RECORD, JSON.stringify({ sources, installed: hashOf([INSTALLED]), made: made() }));
}

/** Whether all that was made from these sources is there, as it was made. Without a compiler it is what there is. */
function isUpToDate() {
  if (!existsSync(RECORD)) return false;
  const record = JSON.parse(readFileSync(RECORD, "utf8"));
  if (record.sources !== sources) return false;
  if (existsSync(tsc) && record.installed !== hashOf([INSTALLED])) return false;
  const now = made();
  return Object.entries(record.made).every(([path, state]) => now[path] === state);
}

/** The files below dist, and what they were last. */
function made() {
  const found = {};
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path === RECORD) continue;
    const { size, mtimeMs } = statSync(path);
    found[path.slice(dist.length + 1).replaceAll("\\", "/")] = `${size} ${mtimeMs}`;
  }
  return found;
}

/** One word for the names and texts of files of the repository; a file that is not there counts as well. */
function hashOf(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const full = join(root, path);
    hash
      .update(`${path}\0`)
      .update(existsSync(full) ? readFileSync(full) : "")
      .update("\0");
  }
  return hash.digest("hex");
}

/** The files of a folder that are built or copied, by their path in the repository. */
function sourcesIn(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => name !== "node_modules" && name !== "dist")
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return sourcesIn(path);
      return COMPILED.test(entry.name) || COPIED.test(entry.name) ? [path] : [];
    });
}

/** What package.json leads to, each entry with what it alone needs, and what several need in files of its own. */
async function joinModules() {
  const { bin, exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const targets = [...Object.values(exports).map((target) => target.default), ...Object.values(bin)];
  const modules = targets.filter((target) => target !== undefined).map((target) => target.replace("/lib/", "/src/"));
  modules.push("./dist/src/worker.js"); // nobody imports it: a thread is started with it
  const { build } = await import("esbuild");
  rmSync(join(dist, "lib"), { recursive: true, force: true });
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
    // From a joined file through the module to the TypeScript it was compiled from. The text itself is in the repository.
    sourcemap: "linked",
    sourcesContent: false,
    logLevel: "warning",
    ignoreAnnotations: true, // or the imports below would be dropped
    plugins: [{ name: "together", setup: (build) => build.onLoad({ filter: WITH_FRONT_DOOR }, withFrontDoor) }],
  });
}

/** On the first line of code, so that its map leads to the right line. */
function withFrontDoor({ path }) {
  const frontDoor = JSON.stringify(join(dist, "src", "index.js"));
  const code = readFileSync(path, "utf8");
  const shebang = /^#!.*\n/.exec(code)?.[0] ?? "";
  return { contents: `${shebang}import ${frontDoor}; ${code.slice(shebang.length)}`, loader: "js" };
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
