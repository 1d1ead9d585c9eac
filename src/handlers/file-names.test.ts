import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { after, before, test } from "node:test";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { mux } from "../route/mux.ts";
import { regex } from "../route/regex.ts";
import { patternText } from "../route/spelling.ts";
import { loopback } from "../testing/loopback.ts";
import { file, sendFile } from "./file.ts";
import { addFiles } from "./file-routes.ts";
import { files } from "./files.ts";
import { snapshot } from "./snapshot.ts";
import { underRoot, withTarget } from "./under-root.ts";

// Everything that a name may have on this system, and what a pattern of a route, a URL or a header would read as something else.
const MARKS = sep === "/" ? "!\"#$%&'()*+,-.:;<=>?@[]^_`{|}~ " : "!#$%&'()+,-.;=@[]^_`{}~ ";
const NAMES = [
  ...Array.from(MARKS, (mark) => `a${mark}b.txt`),
  ...Array.from(MARKS.replace(".", "").trim(), (mark) => mark),
  "**",
  ":id",
  "{name}",
  "{path...}",
  "100%",
  "%41",
  "%2e%2e",
  "a%2Fb",
  "caf\u00e9",
  "cafe\u0301",
  "\u65e5\u672c",
  "\ud83c\udf75 tea @ 5",
];

/** As browsers spell a segment (the path percent-encode set of the WHATWG URL standard), and a percent sign that is meant. */
function asBrowser(name: string): string {
  return new URL(
    `http://a/${name.replaceAll("%", "%25").replaceAll("?", "%3F").replaceAll("#", "%23")}`,
  ).pathname.slice(1);
}

function asOctets(name: string): string {
  return [...Buffer.from(name)].map((octet) => `%${octet.toString(16).padStart(2, "0")}`).join("");
}

let root = "";

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "portico-names-")));
  for (const name of NAMES) {
    await mkdir(join(root, "site", "folders", `d${name}`), { recursive: true });
    await writeFile(join(root, "site", name), `file ${name}`);
    await writeFile(join(root, "site", "folders", `d${name}`, name), `inside ${name}`);
  }
});
after(() => rm(root, { recursive: true }));

test("a file is served under each spelling of its name, in each way to serve one", async () => {
  const site = join(root, "site");
  const added = mux({ fallback: () => text("fallback", 404) });
  await addFiles(added, site, { stemFrom: "site" });
  const withStem = mux();
  for (const name of NAMES) await addFiles(withStem, join(site, "folders", `d${name}`), { stemFrom: "site" });
  const single = mux();
  const byHand = mux();
  for (const name of NAMES) {
    single.on(`/site/${patternText(encodeURIComponent(name))}` as "/", file(join(site, name)));
    byHand.on(`/site/${patternText(name.replaceAll("%", "%25"))}` as "/", (request) =>
      sendFile(request, join(site, name)),
    );
  }
  const contents = async (target: string): Promise<string> => readFile(target, "utf8");
  const target = (param?: string): Handler =>
    withTarget(site, (_request, at) => contents(at), param === undefined ? {} : { param });
  const flat: Record<string, Handler> = {
    addFiles: added.handler,
    file: single.handler,
    sendFile: byHand.handler,
    "withTarget, one segment": mux().on("/site/{name}", target("name")).handler,
    underRoot: async (request) => text(await contents((await underRoot(root, request.path)) as string)),
  };
  const deep: Record<string, Handler> = {
    files: files(root),
    "files, kept": files(root),
    "files, mounted": mux().on("/site/{path...}", files(site)).handler,
    snapshot: (await snapshot(root)).handler,
    addFiles: added.handler,
    "addFiles, a directory each": withStem.handler,
    "withTarget, mounted": mux().on("/site/{path...}", target()).handler,
    "withTarget, a rest": mux().on("/site/{path...}", target("path")).handler,
    "withTarget, a group": regex([["site/(.*)$", target("1")]]).handler,
  };
  const ask = async (handler: Handler, paths: readonly string[]): Promise<string[]> => {
    await using bench = loopback(handler);
    const client = bench.connect();
    const bodies: string[] = [];
    for (const path of paths) {
      const answer = await client.exchange(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      bodies.push(Buffer.from(answer.body, "latin1").toString());
    }
    return bodies;
  };
  for (const spell of [asBrowser, encodeURIComponent, asOctets]) {
    const top = NAMES.map((name) => `/site/${spell(name)}`);
    const inside = NAMES.map((name) => `/site/folders/${spell(`d${name}`)}/${spell(name)}`);
    for (const [way, handler] of Object.entries({ ...deep, ...flat })) {
      if (way === "addFiles, a directory each") continue;
      assert.deepEqual(
        await ask(handler, top),
        NAMES.map((name) => `file ${name}`),
        `${way}, ${spell.name}`,
      );
    }
    for (const [way, handler] of Object.entries(deep)) {
      assert.deepEqual(
        await ask(handler, inside),
        NAMES.map((name) => `inside ${name}`),
        `${way}, ${spell.name}`,
      );
    }
  }
});

test("no name reaches a file that has another, in any spelling", async () => {
  const site = join(root, "site");
  const routes = mux();
  await addFiles(routes, site, { stemFrom: "site" });
  const ways = { addFiles: routes.handler, files: files(root), snapshot: (await snapshot(root)).handler };
  // NFC and NFD are two names; an escape that was escaped is none; a slash that is escaped is no separator.
  const others = [
    "%2541b",
    "a%25%32%46b.txt",
    "site%2Fcaf%C3%A9",
    "a%2540b.txt",
    "A%40B.txt",
    "CAF%C3%A9",
    "%2F",
    "%5C",
    "caf%FF",
  ];
  for (const [way, handler] of Object.entries(ways)) {
    await using bench = loopback(handler);
    for (const other of others) {
      const answer = await bench.connect().exchange(`GET /site/${other} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal(answer.status, 404, `${way} ${other}`);
    }
    for (const [form, body] of [
      ["caf%C3%A9", "caf\u00e9"],
      ["cafe%CC%81", "cafe\u0301"],
    ] as const) {
      const answer = await bench.connect().exchange(`GET /site/${form} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal(Buffer.from(answer.body, "latin1").toString(), `file ${body}`, way);
    }
  }
});
