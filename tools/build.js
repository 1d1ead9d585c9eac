// Builds src, test, tools, examples and bench with tsc, and copies the plain files (pages, styles, transcripts) beside
// their modules. Plain JavaScript, because it runs before anything is compiled.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
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
