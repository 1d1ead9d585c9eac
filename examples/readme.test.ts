// Every block of code in the README and in the manual is compiled and run, as it stands there but for the ports; then what it
// made is asked whether it does what the text says.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LOCALHOST } from "../test/fixtures/certificates.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Run behind the block of that name, in the same module. */
const PROBES: Record<string, string> = {
  server: `
    const url = at(server);
    same(await (await fetch(url)).text(), "Hello\\n");
    same(await (await fetch(url + "add", { method: "POST", body: "[1, 2, 3]" })).json(), { sum: 6 });
    same((await fetch(url + "none")).status, 404);
    same((await fetch(url + "add", { method: "POST", body: "[1" })).status, 400);
    await server.close();`,
  streams: `
    same(await (await fetch(at(server), { method: "POST", body: "louder" })).text(), "LOUDER");
    await server.close();`,
  imperative: `
    same((await (await fetch(at(server))).text()).split("\\n").at(-2), "line 1000 for 127.0.0.1");
    await server.close();`,
  limits: `
    same(await (await fetch(at(server), { method: "POST", body: "x".repeat(100_000) })).text(), "100000 octets\\n");
    await server.close();`,
  close: `
    same([report.idle, report.finished, report.cut], [0, 0, 0]);`,
  hooks: `
    same(await (await fetch(at(server))).text(), "Hello\\n");
    same(server.stats.requests, 1);
    await server.close();`,
  tls: `
    same(await (await fetch(at(server))).text(), "Another handler\\n");
    same(server.listeners.length, 3);
    await server.close();`,
  testing: "",
  fields: "",
  replies: `
    same([hello.status, moved.status, shown.body], [200, 307, "<p>Hello, &lt;you&gt;</p>"]);`,
  keys: `
    same(await (await fetch(at(server))).text(), "You are anonymous\\n");
    await server.close();`,
  dial: `
    same(answer.slice(0, 15), "HTTP/1.1 200 OK");
    await server.close();`,
  machine: `
    same(said, "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi");`,
  files: `
    same((await fetch(at(server) + "api")).status, 200);
    same((await fetch(at(server) + "nothing-of-that-name")).status, 404);
    await server.close();`,
  transcript: "",
};

const PRELUDE = `
import assert_ from "node:assert/strict";
const same = (actual: unknown, expected: unknown): void => assert_.deepEqual(actual, expected);
const at = (server: { readonly listeners: readonly { readonly address: unknown }[] }): string =>
  \`http://127.0.0.1:\${(server.listeners[0]?.address as { port: number }).port}/\`;
void same;
void at;
`;

const PAGES = ["README.md", ...readdirSync(join(root, "docs/manual")).map((name) => `docs/manual/${name}`)].sort();
const FENCE = /^```(\S*)(.*)\n([\s\S]*?)^```$/gm;

interface Block {
  readonly page: string;
  readonly name: string;
  readonly code: string;
}

const blocks: Block[] = [];
const others: string[] = [];
for (const page of PAGES) {
  for (const [, language = "", info = "", code = ""] of readFileSync(join(root, page), "utf8").matchAll(FENCE)) {
    const name = /^ run=([a-z]+)$/.exec(info)?.[1];
    if (name !== undefined && language === "ts") blocks.push({ page, name, code });
    else others.push(`${page}: ${language}${info}`);
  }
}

let folder = "";

async function run(command: readonly string[], cwd: string): Promise<string> {
  const child = spawn(process.execPath, command, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const [code] = await once(child, "close");
  assert.equal(code, 0, output);
  return output;
}

// Below dist, so that "portico" is this package. One compiler for all of them.
before(async () => {
  folder = await mkdtemp(join(root, "dist", "readme-"));
  await mkdir(join(folder, "public"));
  await writeFile(join(folder, "key.pem"), LOCALHOST.key);
  await writeFile(join(folder, "cert.pem"), LOCALHOST.cert);
  for (const { name, code } of blocks) {
    const anyPort = code.replace(/\b404[03]\b/g, "0");
    await writeFile(join(folder, `${name}.ts`), `${PRELUDE}\n${anyPort}\n${PROBES[name] ?? ""}\n`);
  }
  const options = { extends: "../../tsconfig.json", include: ["*.ts"], compilerOptions: COMPILER_OPTIONS };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(options));
});
after(() => rm(folder, { recursive: true }));

const COMPILER_OPTIONS = {
  rootDir: ".",
  outDir: "built",
  declaration: false,
  sourceMap: false,
  isolatedDeclarations: false,
  typeRoots: ["../../node_modules/@types"],
};

test("every block of TypeScript is run, and each name is used once", () => {
  assert.deepEqual(
    others.filter((each) => !/: (sh|text|http)$/.test(each)),
    [],
  );
  assert.deepEqual(blocks.map(({ name }) => name).sort(), Object.keys(PROBES).sort());
});

test("the blocks compile", async () => {
  await run([join(root, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false"], folder);
});

for (const { page, name } of blocks) {
  test(`${page}: the block "${name}" does what it says`, async () => {
    await run([join(folder, "built", `${name}.js`)], folder);
  });
}

// The table of the benchmark is written by hand after a full run, and may not be there yet.
test("every link to a file leads to one", () => {
  for (const page of [...PAGES, "CHANGELOG.md"]) {
    for (const [, link = ""] of readFileSync(join(root, page), "utf8").matchAll(/\]\((?!#|https?:)([^)#]+)/g)) {
      const target = join(page, "..", link);
      assert.ok(existsSync(join(root, target)), `${page}: ${link}`);
    }
  }
});
