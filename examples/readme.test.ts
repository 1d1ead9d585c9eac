// Every block of code in the README and in the manual is compiled and run, as it stands there but for the ports; then what it
// made is asked whether it does what the text says.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LOCALHOST } from "../test/fixtures/certificates.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const PRELUDE = `
import assert_ from "node:assert/strict";
const same = (actual: unknown, expected: unknown): void => assert_.deepEqual(actual, expected);
const at = (server: { readonly listeners: readonly { readonly address: unknown }[] }): string =>
  \`http://127.0.0.1:\${(server.listeners[0]?.address as { port: number }).port}/\`;
void same;
void at;
`;

const PAGES = ["README.md", ...readdirSync(join(root, "docs/manual")).map((name) => `docs/manual/${name}`)].sort();
/** A block, and behind it what is run in the same module to see that it does what the text says; readers do not see that. */
const FENCE = /^```(\S*)(.*)\n([\s\S]*?)^```$(?:\n<!-- check\n([\s\S]*?)^-->$)?/gm;

interface Block {
  readonly page: string;
  readonly name: string;
  readonly code: string;
  readonly check: string;
}

const blocks: Block[] = [];
const others: string[] = [];
for (const page of PAGES) {
  for (const [, language = "", info = "", code = "", check = ""] of readFileSync(join(root, page), "utf8").matchAll(
    FENCE,
  )) {
    const name = /^ run=([a-z-]+)$/.exec(info)?.[1];
    if (name !== undefined && language === "ts") blocks.push({ page, name, code, check });
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
  for (const { name, code, check } of blocks) {
    const anyPort = code.replace(/\b404[03]\b/g, "0");
    await writeFile(join(folder, `${name}.ts`), `${PRELUDE}\n${anyPort}\n${check}\n`);
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
    others.filter((each) => !/: (sh|text|http|json)$/.test(each)),
    [],
  );
  const names = blocks.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
});

test("the blocks compile", async () => {
  await run([join(root, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false"], folder);
});

// Each in a process of its own, so that none sees what another has left; more than four at a time only wait for each other.
describe("the blocks", { concurrency: 4 }, () => {
  for (const { page, name } of blocks) {
    test(`${page}: the block "${name}" does what it says`, async () => {
      await run([join(folder, "built", `${name}.js`)], folder);
    });
  }
});

// The table of the benchmark is written by hand after a full run, and may not be there yet.
test("every link to a file leads to one", () => {
  for (const page of [...PAGES, "CHANGELOG.md"]) {
    for (const [, link = ""] of readFileSync(join(root, page), "utf8").matchAll(/\]\((?!#|https?:)([^)#]+)/g)) {
      const target = join(page, "..", link);
      assert.ok(existsSync(join(root, target)), `${page}: ${link}`);
    }
  }
});
