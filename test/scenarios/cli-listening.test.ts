// A module that listens itself, beside the command that serves it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { onWindows } from "../fixtures/conditions.ts";
import { Project } from "./cli-process.ts";

const OWN = `import { portico } from "portico";
const app = portico();
app.get("/", () => "both");
await app.listen(0);
export default app;
`;

test("a module that listens itself is told of, and the first signal ends both", {
  skip: onWindows("has no signals to catch"),
}, async (t) => {
  const project = await Project.make(t, {
    "app.mjs": OWN,
    "handler.mjs": "setInterval(() => {}, 1e9); export default () => 'x';",
  });
  const cli = project.run("run", "app.mjs", "--port", "0");
  const [, own = ""] = await cli.printed(/^portico: the module listens itself on (127\.0\.0\.1:\d+); /m, "err");
  assert.equal(await (await fetch(`http://${own}/`)).text(), "both");
  assert.equal(await cli.get(), "200 both");
  assert.notEqual(new URL(await cli.url()).host, own);
  cli.child.kill("SIGINT");
  assert.equal(await cli.ended, 0);
  // A timer that goes on for ever does not hold it either.
  const timer = project.run("run", "handler.mjs", "--port", "0");
  assert.equal(await timer.get(), "200 x");
  timer.child.kill("SIGTERM");
  assert.equal(await timer.ended, 0);
  assert.equal(timer.err, "");
});

test("a module that looks after signals itself has the time that it takes", {
  skip: onWindows("has no signals to catch"),
}, async (t) => {
  const project = await Project.make(t, {
    "app.mjs": `process.on("SIGTERM", () => {
  // More turns of the loop than it takes to close a server.
  let turns = 1000;
  const tidy = () => (--turns > 0 ? setImmediate(tidy) : console.log("tidied up"));
  tidy();
});
export default () => "own";
`,
  });
  const cli = project.run("run", "app.mjs", "--port", "0");
  assert.equal(await cli.get(), "200 own");
  cli.child.kill("SIGTERM");
  assert.equal(await cli.ended, 0);
  assert.match(cli.out, /^tidied up$/m);
});
