// What a thousand reloads leave behind: `node dist/bench/micro/reload.js [reloads]`. A program of 20 modules of 8 KB, of which one
// changes each time and is reached over two others; beside it the same by import() with another query, as one would do it
// without us. Heap and resident memory are those after garbage collection.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Modules } from "../../src/cli/live/modules.ts";

const MODULES = 20;
const reloads = Number(process.argv[2] ?? 1000);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** About 8 KB of functions. */
const ballast = Array.from(
  { length: 100 },
  (_, n) => `export const f${n} = (a, b) => { return a * ${n} + b.length - ${n}; };`,
).join("\n");

function changing(n: number): string {
  return `${ballast}\nexport const version = ${n};\nconst state = new Array(1000).fill(${n});\nexport const size = () => state.length;\n`;
}

async function memory(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  // What is weak needs several rounds.
  for (let round = 0; round < 5; round++) collect();
  const { heapUsed, rss } = process.memoryUsage();
  return `${(heapUsed / 1e6).toFixed(1).padStart(6)} MB heap ${(rss / 1e6).toFixed(0).padStart(5)} MB resident`;
}

async function measured(name: string, folder: string, reload: (n: number) => Promise<unknown>): Promise<void> {
  await reload(0);
  console.log(`${name.padEnd(12)} ${String(0).padStart(6)} reloads ${await memory()}`);
  let spent = 0;
  for (let n = 1; n <= reloads; n++) {
    await writeFile(join(folder, "leaf.mjs"), changing(n));
    const started = performance.now();
    const version = await reload(n);
    spent += performance.now() - started;
    if (version !== n) throw new Error(`Version ${n} is ${String(version)}.`);
    if (n % Math.ceil(reloads / 4) === 0 || n === reloads) {
      const each = (spent / n).toFixed(1);
      console.log(`${name.padEnd(12)} ${String(n).padStart(6)} reloads ${await memory()} ${each.padStart(6)} ms each`);
    }
  }
}

const folder = await mkdtemp(join(tmpdir(), "portico-reload-"));
try {
  const siblings = Array.from({ length: MODULES - 3 }, (_, n) => `m${n}.mjs`);
  for (const name of siblings) await writeFile(join(folder, name), ballast);
  await writeFile(join(folder, "leaf.mjs"), changing(0));
  await writeFile(join(folder, "middle.mjs"), 'export { version } from "./leaf.mjs";');
  const imports = siblings.map((name, n) => `import { f1 as g${n} } from "./${name}";`).join("\n");
  await writeFile(
    join(folder, "app.mjs"),
    `${imports}\nimport { version } from "./middle.mjs";\nexport default () => version;\n`,
  );

  const modules = new Modules(join(folder, "app.mjs"), 10_000);
  console.log(`Node ${process.versions.node}`);
  await measured("portico run", folder, async () => {
    const program = await modules.load();
    if (program !== null) modules.use(program);
    return (program?.namespace["default"] as (() => unknown) | undefined)?.();
  });
  const leaf = pathToFileURL(join(folder, "leaf.mjs")).href;
  await measured(
    "import(?v=)",
    folder,
    async (n) => ((await import(`${leaf}?v=${n}`)) as { version: unknown }).version,
  );
} finally {
  await rm(folder, { recursive: true });
}
