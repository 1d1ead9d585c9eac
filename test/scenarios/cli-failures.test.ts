// What goes wrong in a program that serves: told with its place, and gone again when it has been put right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Project } from "./cli-process.ts";

test("what a handler throws is told with its place in the program, and with its cause", async (t) => {
  const project = await Project.make(t, {
    "app.mjs": `import { portico } from "portico";
import { deep } from "./deep.ts"; import old from "./old.cjs";
const app = portico();
app.get("/", () => null.here);
app.get("/deep", async () => (await 0, deep()));
app.get("/old", () => old());
app.get("/refused", ({ query }) => { throw Object.assign(new RangeError("far"), { cause: new Error("near") }); });
export default app;
`,
    "deep.ts": `interface Nothing {
  a: number;
}

export function deep(): Nothing {
  throw new TypeError("too deep");
}
`,
    "old.cjs": 'module.exports = () => { throw new Error("old"); };\n',
    "first.mjs": "export default () => null.at;\n",
  });
  const cli = project.run("run", "app.mjs", "--port", "0", "--quiet");
  const cases = [
    ["", /^portico: GET \/: app\.mjs:4:25: TypeError: Cannot read properties of null \(reading 'here'\)$/m],
    ["", /^> 4 \| app\.get\("\/", \(\) => null\.here\);\n {4}\| {25}\^$/m],
    ["deep", /^portico: GET \/deep: deep\.ts:6:9: TypeError: too deep$/m],
    ["old", /^portico: GET \/old: old\.cjs:1:32: old$/m],
    ["refused", /^portico: GET \/refused: app\.mjs:7:58: RangeError: far\n(?:.*\|.*\n)+Cause: near$/m],
  ] as const;
  for (const [path, says] of cases) {
    assert.match(await cli.get(path), /^500 /);
    await cli.printed(says, "err");
  }
  // What we put before a module stands on its first line.
  const first = project.run("run", "first.mjs", "--port", "0");
  assert.match(await first.get(), /^500 /);
  await first.printed(
    /^portico: GET \/: first\.mjs:1:27: TypeError: Cannot read properties of null \(reading 'at'\)$/m,
    "err",
  );
});

test("the place of what is thrown is that in the version that serves, whatever is on disk", async (t) => {
  const project = await Project.make(t, { "app.mjs": "export default () => {\n  throw new Error('served');\n};\n" });
  const cli = project.run("run", "app.mjs", "--port", "0");
  await cli.url();
  await project.write("app.mjs", "broken (\n");
  await cli.printed(/^Version 1 keeps serving$/m, "err");
  assert.match(await cli.get(), /^500 /);
  await cli.printed(/^> 2 \| {3}throw new Error\('served'\);$/m, "err");
});

test("a program that could not be started is told of with the reason of the system", async (t) => {
  const project = await Project.make(t, {
    "app.mjs": `import { portico } from "portico";
import { spawn } from "portico/handlers";
const app = portico();
app.get("/", (request) => spawn(request, "portico-there-is-no-such-program"));
export default app;
`,
  });
  const cli = project.run("run", "app.mjs", "--port", "0");
  assert.match(await cli.get(), /^500 /);
  await cli.printed(
    /^portico: GET \/: 500 HTTP_PROCESS_FAILED\nCause: spawn portico-there-is-no-such-program ENOENT$/m,
    "err",
  );
});

test("a module that throws on its first line is told of", async (t) => {
  const project = await Project.make(t, { "app.mjs": "throw new TypeError('at once');\n" });
  const { code, err } = await project.run("run", "app.mjs", "--port", "0").over();
  assert.equal(code, 1);
  assert.match(err, /^portico: app\.mjs:1: TypeError: at once\n> 1 \| throw new TypeError\('at once'\);\n/);
});

test("files that are restored after a load that failed are told of as the version that serves", async (t) => {
  const text = "export default () => 'whole';\n";
  const project = await Project.make(t, { "app.mjs": text });
  const cli = project.run("run", "app.mjs", "--port", "0");
  await cli.url();
  for (const broken of ["export default (\n", "export const other = 1;\n"]) {
    cli.err = "";
    cli.out = "";
    await project.write("app.mjs", broken);
    await cli.printed(/^Version 1 keeps serving$/m, "err");
    await project.write("app.mjs", text);
    await cli.printed(/^All is as in version 1 again$/m);
  }
});
