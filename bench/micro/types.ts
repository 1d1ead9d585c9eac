// What the compiler pays for routes: files with so many routes each, whose patterns have params, are compiled, and one without
// any; what is more belongs to the routes. Run by hand: node dist/bench/micro/types.js
// The budget is a second for 500 routes. Half of them read their params, so that the types are made and not only named.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../machine.ts";

const ROUTES = 500;
const BUDGET = 1;
/** The fastest of so many runs counts: what disturbs only ever adds. */
const RUNS = 5;

interface Kind {
  readonly name: string;
  readonly head: string;
  readonly route: (i: number) => string;
}

const pattern = (i: number): string => {
  const shapes = [
    `GET /a${i}/{id:integer}`,
    `/b${i}/{id}/of/{name}`,
    `PUT a.org/c${i}/{id}/{rest...}`,
    `/d${i}/{x}/{y}/{id:number}`,
  ];
  return shapes[i % shapes.length] as string;
};

const KINDS: readonly Kind[] = [
  {
    name: "mux().on",
    head: `import { text } from "portico";\nimport { mux } from "portico/route";\nconst routes = mux().on("/", () => text(""));\n`,
    route: (i) =>
      `routes.on("${pattern(i)}", (${i % 2 === 0 ? "{ params }" : ""}) => text(${i % 2 === 0 ? "params.id" : '""'}));\n`,
  },
  {
    name: "app.get",
    head: `import { portico } from "portico/app";\nconst app = portico();\n`,
    route: (i) => `app.get("/t${i}/{id:integer}/{name}", ({ params }) => \`\${params.id} \${params.name}\`);\n`,
  },
  {
    name: "app.get, typed",
    head: `import { portico } from "portico/app";\nimport { t, typed } from "portico/handlers";\nconst app = portico();\napp.get("/{id}", typed({ id: t.integer }, ({ id }) => id));\n`,
    route: (i) =>
      `app.get("/t${i}/{id:integer}", typed({ id: t.integer, page: t.integer }, ({ id, page }) => ({ sum: id + page })));\n`,
  },
];

interface Cost {
  readonly seconds: number;
  readonly instantiations: number;
}

const folder = mkdtempSync(join(ROOT, "dist", "types-"));
process.once("exit", () => rmSync(folder, { recursive: true }));

const OPTIONS = {
  noEmit: true,
  noUnusedLocals: false,
  declaration: false,
  sourceMap: false,
  isolatedDeclarations: false,
  rootDir: ".",
};
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: "../../tsconfig.json",
    files: ["routes.ts"],
    include: [],
    compilerOptions: { ...OPTIONS, typeRoots: [join(ROOT, "node_modules/@types")] },
  }),
);

/** What compiling a file costs; the first complaint where it does not compile. */
function compile(code: string): Cost | string {
  writeFileSync(join(folder, "routes.ts"), code);
  let best: Cost = { seconds: Number.POSITIVE_INFINITY, instantiations: 0 };
  for (let run = 0; run < RUNS; run++) {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const { stdout, status } = spawnSync(process.execPath, [compiler, "-p", folder, "--extendedDiagnostics"], {
      encoding: "utf8",
    });
    if (status !== 0) return stdout.split("\n")[0] ?? "";
    const read = (name: string): number => Number(new RegExp(`^${name}:\\s+([0-9.]+)`, "m").exec(stdout)?.[1]);
    const cost = { seconds: read("Total time"), instantiations: read("Instantiations") };
    if (cost.seconds < best.seconds) best = cost;
  }
  return best;
}

let over = false;
for (const { name, head, route } of KINDS) {
  const without = compile(head);
  const all = compile(head + Array.from({ length: ROUTES }, (_, i) => route(i)).join(""));
  if (typeof without === "string" || typeof all === "string") {
    console.log(`${name.padEnd(16)} does not compile: ${typeof without === "string" ? without : all}`);
    continue;
  }
  const more = all.seconds - without.seconds;
  if (more > BUDGET) over = true;
  console.log(
    `${name.padEnd(16)} ${ROUTES} routes: ${without.seconds.toFixed(2)} s to ${all.seconds.toFixed(2)} s, ` +
      `${without.instantiations} to ${all.instantiations} instantiations; ${more.toFixed(2)} s more of ${BUDGET.toFixed(2)}`,
  );
}
process.exitCode = over ? 1 : 0;
