import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { mux } from "../route/mux.ts";
import { regex } from "../route/regex.ts";
import type { Answer } from "../testing/client.ts";
import { loopback } from "../testing/loopback.ts";
import { file, sendFile } from "./file.ts";
import { addFiles } from "./file-routes.ts";
import { underRoot, withTarget } from "./under-root.ts";

let folder = "";

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "portico-file-")));
  for (const name of ["site/img/deep", "site-old", "site/.git"]) await mkdir(join(folder, name), { recursive: true });
  const contents: Record<string, string | Uint8Array> = {
    "site/a.css": "a {}",
    "site/a.css.gz": gzipSync("a {}"),
    "site/app.js": "let a;".repeat(500),
    "site/sound.ogg": "sound",
    "site/odd.nobody": "odd",
    "site/img/logo.svg": "<svg/>",
    "site/img/deep/näh {x}+(1).txt": "odd name",
    "site/.git/config": "secret",
    "site-old/a.css": "secret",
    "secret.txt": "secret",
  };
  for (const [name, octets] of Object.entries(contents)) await writeFile(join(folder, name), octets);
  await utimes(join(folder, "site/a.css"), 1_700_000_000, 1_700_000_000);
  await symlink("../secret.txt", join(folder, "site/out.txt"));
  await symlink("..", join(folder, "site/img/round"));
});
after(() => rm(folder, { recursive: true }));

async function ask(handler: Handler, target: string, fields: string[] = [], method = "GET"): Promise<Answer> {
  await using bench = loopback(handler);
  return await bench.connect().exchange([`${method} ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n"));
}

test("a single file is served with its type, and is 404 once it has gone", async () => {
  const path = join(folder, "page.html");
  const handler = file(path);
  assert.equal((await ask(handler, "/")).status, 404);
  await writeFile(path, "<p>1");
  const answer = await ask(handler, "/");
  assert.deepEqual([answer.status, answer.body], [200, "<p>1"]);
  assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
  await writeFile(path, "<p>22");
  assert.equal((await ask(handler, "/")).body, "<p>22");
  assert.equal((await ask(handler, "/", ["Range: bytes=3-"])).body, "22");
  assert.equal((await ask(handler, "/", [], "HEAD")).headers.get("content-length"), "5");
  assert.equal((await ask(handler, "/", [], "DELETE")).status, 405);
  assert.equal((await ask(handler, "/", [], "OPTIONS")).headers.get("allow"), "GET, HEAD, OPTIONS");
  await unlink(path);
  assert.equal((await ask(handler, "/")).status, 404);
  await mkdir(path);
  assert.equal((await ask(handler, "/")).status, 404);
});

test("a file can be given as a URL, with fields and what was compressed before", async () => {
  const handler = file(pathToFileURL(join(folder, "site/a.css")), { precompressed: true, headers: { "X-Own": "1" } });
  const answer = await ask(handler, "/", ["Accept-Encoding: gzip"]);
  assert.deepEqual([answer.headers.get("content-encoding"), answer.headers.get("x-own")], ["gzip", "1"]);
  assert.throws(() => file("a", { unknownType: "x" }), LocalError);
});

test("a handler sends a file, with all that belongs to it", async () => {
  const options = { cacheControl: "private" } as const;
  const handler: Handler = (request) => sendFile(request, join(folder, "site", request.path.slice(1)), options);
  const { status, headers, body } = await ask(handler, "/a.css");
  assert.deepEqual([status, body, headers.get("cache-control")], [200, "a {}", "private"]);
  assert.equal((await ask(handler, "/a.css", [`If-None-Match: ${headers.get("etag")}`])).status, 304);
  assert.equal((await ask(handler, "/missing")).status, 404);
  assert.equal((await ask(handler, "/img")).status, 404);
  for (const field of ["X: y", "If-None-Match: *", 'If-Match: "other"', "Range: bytes=0-1"]) {
    const posted = await ask((request) => sendFile(request, join(folder, "site/a.css")), "/", [field], "POST");
    assert.deepEqual([posted.status, posted.body], [200, "a {}"], field);
  }
});

test("what a path names below a root, or nothing", async () => {
  const root = join(folder, "site");
  const inside: Record<string, string> = {
    "/a.css": "a.css",
    "/img/": "img",
    "/img": "img",
    "/img/../a.css": "a.css",
    "/img/deep/n%C3%A4h%20%7Bx%7D+(1).txt": "img/deep/näh {x}+(1).txt",
    "/img/round/a.css": "a.css",
  };
  for (const [path, target] of Object.entries(inside))
    assert.equal(await underRoot(root, path), join(root, target), path);
  assert.equal(await underRoot(root, "/"), root);
  const outside = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/../site-old/a.css",
    "/out.txt",
    "/.git/config",
    "/missing",
    "/a.css/",
    "/%zz",
    "a.css",
    "",
    "/a.css%00",
    "/img%5c..%5ca.css",
    "/a.css?",
  ];
  for (const path of outside) assert.equal(await underRoot(root, path), null, path);
  assert.equal(await underRoot(root, "/.git/config", { dotFiles: "serve" }), join(root, ".git/config"));
  assert.equal(await underRoot(root, "/out.txt", { symlinks: "follow" }), join(folder, "secret.txt"));
  assert.equal(await underRoot(pathToFileURL(`${root}/`), "/a.css"), join(root, "a.css"));
});

test("a handler is given the target of the path, whole or captured, and is not asked where there is none", async () => {
  const root = join(folder, "site");
  const targets: string[] = [];
  const handler = withTarget(root, (_request, target) => {
    targets.push(target);
    return { target: target.slice(folder.length) };
  });
  assert.equal((await ask(handler, "/img/logo.svg")).body, '{"target":"/site/img/logo.svg"}');
  for (const target of [
    "/../secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/../site-old/a.css",
    "/out.txt",
    "/%zz",
    "/missing",
  ]) {
    assert.equal((await ask(handler, target)).status, 404, target);
  }
  assert.deepEqual(targets, [join(root, "img/logo.svg")]);
  const mounted = mux().on("/x/{path...}", handler).handler;
  assert.equal((await ask(mounted, "/x/a.css")).body, '{"target":"/site/a.css"}');
  const captured = regex([["wiki/(.*)$", withTarget(root, (_request, target) => target, { param: "1" })]]);
  assert.equal((await ask(captured.handler, "/wiki/a.css")).body, join(root, "a.css"));
  for (const target of [
    "/wiki/../secret.txt",
    "/wiki/..%2fsecret.txt",
    "/wiki/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/wiki/%252e%252e/a.css",
  ]) {
    assert.equal((await ask(captured.handler, target)).status, 404, target);
  }
  const own = withTarget(root, () => "", { notFound: (request) => sendFile(request, join(root, "a.css")) });
  assert.equal((await ask(own, "/missing")).body, "a {}");
});

test("a directory becomes routes, from its name on, and each is what its file is now", async () => {
  const routes = mux();
  const patterns = await addFiles(routes, join(folder, "site"), { unknownType: "text/plain" });
  assert.deepEqual([...patterns].sort(), [
    "GET /site/a.css",
    "GET /site/a.css.gz",
    "GET /site/app.js",
    "GET /site/img/deep/n%C3%A4h%20%7Bx%7D%2B(1).txt",
    "GET /site/img/logo.svg",
    "GET /site/odd.nobody",
    "GET /site/sound.ogg",
  ]);
  const types: Record<string, string> = {
    "/site/a.css": "text/css; charset=utf-8",
    "/site/app.js": "text/javascript; charset=utf-8",
    "/site/sound.ogg": "audio/ogg",
    "/site/odd.nobody": "text/plain; charset=utf-8",
  };
  for (const [target, type] of Object.entries(types)) {
    assert.equal((await ask(routes.handler, target)).headers.get("content-type"), type, target);
  }
  assert.equal((await ask(routes.handler, "/site/img/deep/n%C3%A4h%20%7Bx%7D%2B(1).txt")).body, "odd name");
  await writeFile(join(folder, "site/later.txt"), "later");
  await writeFile(join(folder, "site/sound.ogg"), "louder");
  assert.equal((await ask(routes.handler, "/site/later.txt")).status, 404);
  assert.equal((await ask(routes.handler, "/site/sound.ogg")).body, "louder");
  await unlink(join(folder, "site/later.txt"));
  await unlink(join(folder, "site/odd.nobody"));
  assert.equal((await ask(routes.handler, "/site/odd.nobody")).status, 404);
  await writeFile(join(folder, "site/odd.nobody"), "odd");
});

test("a stem says where URLs begin; a single file begins with its name", async () => {
  const routes = mux();
  assert.deepEqual(await addFiles(routes, join(folder, "site/img"), { stemFrom: "site", symlinks: "deny" }), [
    "GET /site/img/deep/n%C3%A4h%20%7Bx%7D%2B(1).txt",
    "GET /site/img/logo.svg",
  ]);
  assert.deepEqual(await addFiles(routes, join(folder, "site/a.css")), ["GET /a.css"]);
  assert.deepEqual(await addFiles(routes, join(folder, "site/a.css"), { stemFrom: "site" }), ["GET /site/a.css"]);
  assert.equal((await ask(routes.handler, "/site/img/logo.svg")).body, "<svg/>");
  const refused = { code: "USE_BAD_OPTION" };
  await assert.rejects(addFiles(mux(), join(folder, "site"), { stemFrom: "elsewhere" }), refused);
  await assert.rejects(addFiles(mux(), join(folder, "site"), { maxFiles: 2 }), refused);
});

test("a path where nothing is adds no route, and the process is warned", async () => {
  const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
  const routes = mux();
  assert.deepEqual(await addFiles(routes, join(folder, "nothing")), []);
  assert.match((await warned).message, /no file or directory at .*nothing/);
  assert.deepEqual(routes.patterns, []);
});
