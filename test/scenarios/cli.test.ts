// The command line from outside: servers that are found, stopped, asked, redefined and started by answers.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, stat } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { onWindows } from "../fixtures/conditions.ts";
import { atTerminal, onTerminal, Project, serveAnswered } from "./cli-process.ts";

const FILES = {
  "app.mjs": `
    import { portico } from "portico";
    const app = portico();
    app.get("/", () => "first");
    app.get("/slow", () => new Promise(() => {}));
    export default app;
    export const plain = () => "plain";
  `,
  "public/index.html": "<p>files</p>\n",
};
const WINDOWS = onWindows("has no modes of files");

test("a server has a control socket that only its user can reach, and takes it away when it ends", {
  skip: WINDOWS,
}, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("serve", "public", "--port", "0");
  const port = await cli.port();
  const folder = join(project.runtime, "portico");
  const list = await project.run("list").over();
  assert.match(list.out, new RegExp(`^ *${port} +${cli.child.pid} .* http://127\\.0\\.0\\.1:${port}/  public$`, "m"));
  const [name = ""] = await readdir(folder);
  assert.equal(name, `${cli.child.pid}-${port}.sock`);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
  cli.child.kill("SIGTERM");
  assert.equal(await cli.ended, 0);
  assert.deepEqual(await readdir(folder), []);
  assert.equal((await project.run("list").over()).out, "No server is running\n");
});

test("a runtime folder that others can look into is not used, and serving goes on", { skip: WINDOWS }, async (t) => {
  const project = await Project.make(t, FILES);
  await mkdir(join(project.runtime, "portico"), { mode: 0o755 });
  const cli = project.run("serve", "public", "--port", "0");
  await cli.printed(/^portico: no control socket: .* is open to others: chmod 700 it$/m, "err");
  assert.equal(await cli.get(), "200 <p>files</p>\n");
});

test("what a process that was killed has left behind is cleared away", { skip: WINDOWS }, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("serve", "public", "--port", "0");
  await cli.port();
  const folder = join(project.runtime, "portico");
  while ((await project.run("list", "--json").over()).out === "[]\n");
  cli.child.kill("SIGKILL");
  await cli.ended;
  assert.equal((await readdir(folder)).length, 1);
  assert.equal((await project.run("list").over()).out, "No server is running\n");
  assert.deepEqual(await readdir(folder), []);
});

test("stop ends the server on a port, and no other; a port without one is told of [EL-05] [EL-07]", async (t) => {
  const project = await Project.make(t, FILES);
  const [one, other] = [project.run("run", "app.mjs", "--port", "0"), project.run("serve", "public", "--port", "0")];
  const port = await one.port();
  assert.equal(await other.get(), "200 <p>files</p>\n");
  assert.equal(await one.get(), "200 first");
  await waitListed(project, 2);
  const stopped = await project.run("stop", String(port)).over();
  assert.deepEqual(stopped, { code: 0, out: `Stopped ${port}\n`, err: "" });
  assert.equal(await one.ended, 0);
  await assert.rejects(once(net.connect(port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
  assert.equal(await other.get(), "200 <p>files</p>\n");
  const again = await project.run("stop", String(port)).over();
  assert.deepEqual(again, { code: 1, out: "", err: `portico: no server on port ${port}\n` });
  const all = await project.run("stop", "--all").over();
  assert.equal(all.out, `Stopped ${await other.port()}\n`);
  assert.equal(await other.ended, 0);
  for (const argv of [["stop"], ["stop", "1", "--all"], ["stop", "x"], ["stop", "1", "--deadline", "soon"]]) {
    assert.equal((await project.run(...argv).over()).code, 2, argv.join(" "));
  }
});

test("stop waits for what is in hand, and cuts it off when its time is over", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.mjs", "--port", "0");
  const asked = http.get(`${await cli.url()}slow`);
  const cut = once(asked, "error");
  const attached = project.run("attach");
  await waitListed(project, 1);
  attached.type(".connections\n");
  await attached.printed(/active .* GET \/slow$/m);
  attached.child.stdin?.end();
  const stopped = await project.run("stop", String(await cli.port()), "--deadline", "0.05").over();
  assert.equal(stopped.out, `Stopped ${await cli.port()}: 1 cut off\n`);
  await cut;
  assert.equal(await cli.ended, 0);
});

test("a handler is redefined from a prompt, and the next request meets the new one [EL-04] [HS-02]", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.mjs", "--port", "0", "--repl");
  assert.equal(await cli.get(), "200 first");
  const prompt = project.run("attach", String(await cli.port()));
  prompt.type(".routes\n");
  await prompt.printed(/^GET \/\nGET \/slow$/m);
  prompt.type("1 +\n1\n");
  prompt.type("const word = await Promise.resolve('typed')\n");
  prompt.type('app.replace("GET /", () => word); app.get("/new", () => {\n  return word + "!";\n}); 40 + 2\n');
  await prompt.printed(/^42$/m);
  assert.equal(await cli.get(), "200 typed");
  assert.equal(await cli.get("new"), "200 typed!");
  prompt.type("server.handler = () => nothing.here\n");
  prompt.type("throw new RangeError('far')\n");
  await prompt.printed(/^Uncaught RangeError: far\n/m);
  prompt.type("'still ' + 'here'\n");
  await prompt.printed(/^'still here'$/m);
  assert.match(await cli.get(), /^500 /);
  assert.equal((await prompt.over(".exit\n")).code, 0);
});

test("without --repl nothing is evaluated, and the rest can be asked", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.mjs", "--port", "0");
  const port = await cli.port();
  await waitListed(project, 1);
  const { code, out } = await project.run("attach").over("globalThis.x = 1\n.routes\n.nonsense\n.reload\n");
  assert.equal(code, 0);
  assert.equal(
    out,
    `${port}: It was not started with --repl.\nGET /\nGET /slow\nThere is no such command; .help lists them\nNothing has changed\n`,
  );
  const none = await project.run("attach", "1").over();
  assert.deepEqual(none, { code: 1, out: "", err: "portico: no server on port 1\n" });
});

test("answers from a file start a server: a module, a port, and an empty host is this machine [EL-06]", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("start");
  cli.child.stdin?.end("app.mjs#plain\n0\n\n");
  assert.equal(new URL(await cli.url()).hostname, "127.0.0.1");
  assert.match(
    cli.out,
    /^Module or directory \[public\]: Port \[8000\]: Host \[localhost\]: Running app\.mjs#plain on /,
  );
  assert.equal(await cli.get(), "200 plain");
  const files = project.run("start", "--port", "0", "--host", "localhost");
  files.child.stdin?.end("\n");
  assert.equal(await files.get(), "200 <p>files</p>\n");
  const silent = await project.run("start").over("");
  assert.equal(silent.code, 1);
  assert.match(silent.err, /^portico: there was no answer$/m);
});

test("portico alone asks on a terminal [EL-06]", onTerminal, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = atTerminal(project);
  await cli.printed(/Module or directory \[public\]: /);
  cli.type("app.mjs#pl");
  await cli.printed(/app\.mjs#pl/);
  cli.type("\t");
  await cli.printed(/app\.mjs#plain/);
  cli.type("\r");
  await cli.printed(/Port \[8000\]: /);
  await serveAnswered(cli);
});

test("a port that is taken ends the second with a line, and leaves the first as it is [EL-05]", async (t) => {
  const project = await Project.make(t, FILES);
  const first = project.run("run", "app.mjs", "--port", "0");
  const port = await first.port();
  const second = await project.run("serve", "public", "--port", String(port)).over();
  const says = `portico: 127.0.0.1:${port} is taken by another program; choose another with --port\n`;
  assert.deepEqual(second, { code: 1, out: "", err: says });
  assert.equal(await first.get(), "200 first");
});

const outside = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === "IPv4" && !each.internal)?.address;

test("a host of * is reachable from outside, localhost is not [EL-05]", {
  skip: outside === undefined && "there is no other address",
}, async (t) => {
  const project = await Project.make(t, FILES);
  const everywhere = project.run("run", "app.mjs", "--port", "0", "--host", "*");
  const here = project.run("run", "app.mjs", "--port", "0", "--host", "localhost");
  const [open, closed] = [await everywhere.port(), await here.port()];
  assert.equal(await (await fetch(`http://${outside}:${open}/`)).text(), "first");
  await assert.rejects(once(net.connect(closed, outside as string), "connect"), { code: "ECONNREFUSED" });
});

test("nothing typed where nobody can answer is help, and 2", async (t) => {
  const project = await Project.make(t, {});
  const { code, out, err } = await project.run().over();
  assert.deepEqual([code, out], [2, ""]);
  for (const command of ["serve", "run", "start", "list", "stop", "attach"])
    assert.match(err, new RegExp(`^  ${command} `, "m"));
  for (const command of ["run", "start", "list", "stop", "attach"]) {
    const help = await project.run(command, "--help").over();
    assert.deepEqual([help.code, help.err], [0, ""]);
    assert.match(help.out, new RegExp(`^Usage: portico ${command} `));
  }
});

test("a socket that asks for too much is refused", { skip: WINDOWS }, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.mjs", "--port", "0", "--repl");
  const port = await cli.port();
  await waitListed(project, 1);
  const socketPath = join(project.runtime, "portico", `${cli.child.pid}-${port}.sock`);
  const ask = async (path: string, body: string): Promise<number | undefined> => {
    const request = http.request({ socketPath, path, method: "POST" });
    request.on("error", () => {});
    request.end(body);
    const [answer] = (await once(request, "response")) as [http.IncomingMessage];
    answer.resume();
    return answer.statusCode;
  };
  assert.equal(await ask("/evaluate", JSON.stringify({ code: " ".repeat(2_000_000) })), 413);
  assert.equal(await ask("/evaluate", "{"), 400);
  assert.equal(await ask("/evaluate", '{ "code": 1 }'), 400);
  assert.equal(await ask("/stop", '{ "mode": "soon" }'), 400);
  assert.equal(await ask("/rollback", '{ "to": 99 }'), 409);
  assert.equal(await ask("/nonsense", "{}"), 404);
  assert.equal(await cli.get(), "200 first");
});

test("an evaluation is let go of when who has asked for it has gone", { skip: WINDOWS }, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.mjs", "--port", "0", "--repl");
  const port = await cli.port();
  await waitListed(project, 1);
  const socket = net.connect(join(project.runtime, "portico", `${cli.child.pid}-${port}.sock`));
  const code = JSON.stringify({ code: "console.log('it has begun'), await new Promise(() => {})" });
  socket.write(`POST /evaluate HTTP/1.1\r\nHost: portico\r\nContent-Length: ${code.length}\r\n\r\n${code}`);
  await cli.printed(/^it has begun$/m);
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  socket.on("error", () => {}).end();
  await once(socket, "close");
  // Otherwise it says after 30 s that it still waits.
  assert.equal(answer, "");
});

/** The URL is printed before the socket is there. */
async function waitListed(project: Project, count: number): Promise<void> {
  for (;;) {
    const { out } = await project.run("list", "--json").over();
    if ((JSON.parse(out) as unknown[]).length === count) return;
  }
}
