// The server that is there because `portico/auto` was imported, and the settings that it obeys.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { CONFIG } from "../../src/app/config.ts";
import { type Cli, Project } from "./cli-process.ts";

const AUTO = new URL("../../src/auto.js", import.meta.url).href;
const APP = new URL("../../src/app/index.js", import.meta.url).href;
const INDEX = new URL("../../src/index.js", import.meta.url).href;

/** Prints where the server is, and stays while its input is open. */
const LOADED = `
const where = (server) => console.log(server === null ? "no server" : "at " + server.url + " " + server.listeners[0].address.host);
process.stdin.on("end", () => process.exit(0)).resume();
`;
const IMPORTED = `import { server } from ${JSON.stringify(AUTO)};${LOADED}where(server);`;
const called = (config: object): string =>
  `import { autostart } from ${JSON.stringify(APP)};${LOADED}where(await autostart(${JSON.stringify(config)}));`;

function program(project: Project, code: string, env: Readonly<Record<string, string>> = {}): Cli {
  return project.start([process.execPath, "--input-type=module", "--eval", code], env);
}

test("importing the auto entry makes an index answer, and a second process tells of the port and lives [EL-02]", async (t) => {
  assert.deepEqual([CONFIG.port, CONFIG.host, CONFIG.autostart], [8000, "localhost", true]);
  const project = await Project.make(t, {});
  const first = program(project, IMPORTED, { PORTICO_PORT: "0" });
  assert.equal(new URL(await first.url()).hostname, "127.0.0.1");
  assert.match(await first.get(), /^200 .*<h1>It serves<\/h1>/s);
  assert.match(await first.get("none"), /^404 /);

  const port = String(await first.port());
  const second = program(project, IMPORTED, { PORTICO_PORT: port });
  await second.printed(/^no server\n$/);
  assert.equal(second.err, `portico: 127.0.0.1:${port} is taken; going on without a server\n`);
  assert.equal(second.child.exitCode, null);
  assert.match(await first.get(), /^200 /);
  assert.equal((await second.over()).code, 0);

  for (const env of [{ PORTICO_PORT: "none" }, { PORTICO_PORT: "0", PORTICO_AUTOSTART: "false" }]) {
    const none = program(project, IMPORTED, env);
    await none.printed(/^no server\n$/);
    assert.equal(none.err, "");
  }
});

/** What each setting changes: told by the answers of a server that has it. */
const CASES: readonly {
  readonly name: string;
  readonly setting: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  readonly shows: (cli: Cli) => Promise<void>;
}[] = [
  {
    name: "root",
    setting: { root: "site" },
    env: { PORTICO_ROOT: "site" },
    shows: async (cli) => assert.equal(await cli.get(), "200 site\n"),
  },
  {
    name: "types",
    setting: { types: { tea: "text/x-tea" } },
    env: { PORTICO_TYPES: '{ "tea": "text/x-tea" }' },
    shows: async (cli) => assert.equal(await typeOf(cli, "green.tea"), "text/x-tea; charset=utf-8"),
  },
  {
    name: "host",
    setting: { host: "*" },
    env: { PORTICO_HOST: "*" },
    shows: async (cli) => void (await cli.printed(/^at .* 0\.0\.0\.0$/m)),
  },
  {
    name: "port",
    setting: { port: null },
    env: { PORTICO_PORT: "none" },
    shows: async (cli) => void (await cli.printed(/^no server$/m)),
  },
  {
    name: "autostart",
    setting: { autostart: false },
    env: { PORTICO_AUTOSTART: "0" },
    shows: async (cli) => void (await cli.printed(/^no server$/m)),
  },
  {
    name: "table",
    setting: { table: { "/hello.txt": "other" } },
    env: { PORTICO_TABLE: '{ "/hello.txt": "other" }' },
    shows: async (cli) => assert.equal(await cli.get("hello.txt"), "200 hello\n"),
  },
];

async function typeOf(cli: Cli, path: string): Promise<string | null> {
  const answer = await fetch((await cli.url()) + path);
  await answer.text();
  return answer.headers.get("content-type");
}

for (const { name, setting, env, shows } of CASES) {
  test(`${name} is set by the file, the environment and a call [EL-03]`, async (t) => {
    const project = await Project.make(t, {
      "site/index.html": "site\n",
      "other/hello.txt": "hello\n",
      "public/index.html": "public\n",
      "public/green.tea": "tea",
      "public/page.creole": "creole",
    });
    const free = name === "port" ? {} : { PORTICO_PORT: "0" };
    await shows(program(project, IMPORTED, { ...free, ...env }));
    await shows(program(project, called({ port: 0, ...setting })));
    await project.write("portico.config.json", JSON.stringify({ port: 0, ...setting }));
    await shows(program(project, IMPORTED));
  });
}

test("an entry that is put before the others is served by the default server that runs; other paths are files still [EL-26]", async (t) => {
  const project = await Project.make(t, { "public/page.txt": "a file" });
  const code = `
    import { server, defaultRoutes } from ${JSON.stringify(AUTO)};
    import { defaultRoutes as same } from ${JSON.stringify(APP)};
    import { text } from ${JSON.stringify(INDEX)};
    const ask = async (path) => {
      const answer = await fetch(server.url + path);
      const said = await answer.text();
      return answer.status === 200 ? said : answer.status;
    };
    const said = [];
    const look = async () => said.push([await ask("page.txt"), await ask("pastebin/x"), await ask("pastebin")]);
    await look();
    defaultRoutes.prepend("^(localhost|127.0.0.1)/pastebin.*", ({ path }) => text("pastebin at " + path));
    await look();
    defaultRoutes.prepend("[^/]+//.*[.]txt$", () => text("all texts"));
    await look();
    defaultRoutes.off(defaultRoutes.patterns);
    await look();
    console.log(JSON.stringify([said, same === defaultRoutes]));
    await server.close();
  `;
  const cli = program(project, code, { PORTICO_PORT: "0" });
  await cli.printed(/\n$/);
  assert.deepEqual(JSON.parse(cli.out), [
    [
      ["a file", 404, 404],
      ["a file", "pastebin at /pastebin/x", "pastebin at /pastebin"],
      ["all texts", "pastebin at /pastebin/x", "pastebin at /pastebin"],
      ["a file", 404, 404],
    ],
    true,
  ]);
});

test("a call is stronger than the environment, that than the file, and that than what is so anyway [EL-03]", async (t) => {
  const project = await Project.make(t, {
    "public/page.creole": "creole",
    ...Object.fromEntries(["call", "env", "file"].map((name) => [`${name}/index.html`, name])),
  });
  const anyway = program(project, IMPORTED, { PORTICO_PORT: "0" });
  assert.equal(await typeOf(anyway, "page.creole"), "text/plain; charset=utf-8");
  // As editors on Windows write it.
  await project.write("portico.config.json", '\uFEFF{ "root": "file", "port": 0 }');
  assert.equal(await program(project, IMPORTED).get(), "200 file");
  assert.equal(await program(project, IMPORTED, { PORTICO_ROOT: "env" }).get(), "200 env");
  assert.equal(await program(project, called({ root: "call" }), { PORTICO_ROOT: "env" }).get(), "200 call");
});

test("a setting that cannot be is told with where it stands, and nothing is thrown", async (t) => {
  const project = await Project.make(t, {});
  const cases: readonly (readonly [file: string, env: Readonly<Record<string, string>>, says: RegExp])[] = [
    ['{ "port": "x" }', {}, /portico\.config\.json: port: it is a number from 0 to 65535, or null, not "x"; going on/],
    ['{ "prot": 1 }', {}, /portico\.config\.json: there is no setting prot; there are root, types, port/],
    ["{", {}, /portico\.config\.json: it is not JSON/],
    ["[]", {}, /portico\.config\.json: it is an object of settings/],
    ["{}", { PORTICO_PORT: "70000" }, /environment: port: .*, not 70000/],
    ["{}", { PORTICO_TYPES: "x" }, /PORTICO_TYPES: it is not JSON/],
    ["{}", { PORTICO_AUTOSTART: "maybe" }, /environment: autostart: it is true or false, not "maybe"/],
    ['{ "port": 0, "table": { "nonsense": "x" } }', {}, /pattern/],
  ];
  for (const [file, env, says] of cases) {
    await writeFile(project.path("portico.config.json"), file);
    const cli = program(project, IMPORTED, env);
    await cli.printed(/^no server$/m);
    assert.match(cli.err, says);
    assert.equal(cli.err.indexOf("\n"), cli.err.length - 1, cli.err);
  }
});

test("a server that is made by hand reads none of the settings [EL-03]", async (t) => {
  const project = await Project.make(t, { "portico.config.json": '{ "root": "site", "port": null, "host": "*" }' });
  const code = `
    import { portico } from ${JSON.stringify(INDEX)};
    const app = portico();
    app.get("/", () => "by hand");
    await app.listen(0);
    ${LOADED}where(app);
  `;
  const cli = program(project, code, { PORTICO_PORT: "none", PORTICO_HOST: "*", PORTICO_ROOT: "site" });
  await cli.printed(/^at .* 127\.0\.0\.1$/m);
  assert.equal(await cli.get(), "200 by hand");
});
