// Uploads over real sockets: what arrives is what was sent, and of what is cut off nothing is left on the disk.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { form, parts, type UploadedFile, uploads } from "../../src/content/index.ts";
import type { Handler } from "../../src/message/handler.ts";
import { json, text } from "../../src/message/reply.ts";
import { createServer, type Server } from "../../src/server/index.ts";
import type { Listener } from "../../src/transport/index.ts";
import { MULTIPART, multipart, wire } from "../fixtures/ask.ts";
import "./strays.ts";

interface Bench extends AsyncDisposable {
  readonly server: Server;
  readonly folder: string;
  readonly port: number;
}

async function bench(make: (folder: string) => Handler): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "portico-upload-"));
  const server = createServer(make(folder));
  const [listener] = (await server.listen(0)) as [Listener];
  return {
    server,
    folder,
    port: (listener.address as { port: number }).port,
    async [Symbol.asyncDispose]() {
      await server.close({ mode: "abort" });
      await rm(folder, { recursive: true });
    },
  };
}

/** What a test waits for. */
function signal<T>(): { readonly is: Promise<T>; readonly now: (value: T) => void } {
  let now: (value: T) => void = () => {};
  const is = new Promise<T>((resolve) => {
    now = resolve;
  });
  return { is, now };
}

/** Resolves when nothing else is in a folder: the disk deletes with threads of its own. */
async function left(folder: string, names: readonly string[]): Promise<void> {
  while ((await readdir(folder)).join() !== names.join()) await new Promise((resolve) => setImmediate(resolve));
}

const FILE = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256));

test("a form of the platform's own client arrives as it was sent", async () => {
  await using at = await bench((folder) => async (request) => {
    const sent = await form(request);
    const file = sent.require("file") as UploadedFile;
    await file.keep(join(folder, "kept"));
    return json([sent.get("title"), sent.all("tag"), file.filename, file.type, file.size]);
  });
  const body = new FormData();
  body.append("title", 'Grüße "quoted"\nand more');
  body.append("tag", "a");
  body.append("file", new Blob([FILE], { type: "image/png" }), 'a "b"/ü.png');
  body.append("tag", "b");
  const answer = await fetch(`http://127.0.0.1:${at.port}/`, { method: "POST", body });
  assert.deepEqual(await answer.json(), ['Grüße "quoted"\r\nand more', ["a", "b"], "ü.png", "image/png", 300_000]);
  assert.deepEqual(await readFile(join(at.folder, "kept")), FILE);
  await left(at.folder, ["kept"]);
});

for (const how of ["reset", "end"] as const) {
  test(`of an upload that a ${how} cuts off in the middle no file is left`, async () => {
    const over = signal<unknown>();
    const begun = signal<void>();
    await using at = await bench((folder) => async (request) => {
      try {
        for await (const part of parts(request)) {
          if (part.name === "one") await part.save(folder);
          else {
            const chunks = part[Symbol.asyncIterator]();
            const first = await chunks.next();
            assert.equal(first.done, false);
            await uploads(request).save(
              { name: part.name, filename: "", type: part.type },
              (async function* () {
                yield first.value as Uint8Array;
                begun.now();
                for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
              })(),
              folder,
            );
          }
        }
        over.now("whole");
        return text("ok");
      } catch (error) {
        await uploads(request).release();
        over.now(error);
        throw error;
      }
    });
    const octets = wire({
      headers: { "Content-Type": MULTIPART },
      body: multipart([
        { name: "one", filename: "1", content: FILE },
        { name: "two", filename: "2", content: FILE },
      ]),
    });
    const socket = connect(at.port, "127.0.0.1").on("error", () => {});
    await once(socket, "connect");
    socket.write(octets.subarray(0, 500_000));
    await begun.is;
    assert.equal((await readdir(at.folder)).length, 2, "both are being written");
    if (how === "reset") socket.resetAndDestroy();
    else socket.end();
    assert.ok((await over.is) instanceof Error);
    await left(at.folder, []);
    socket.destroy();
  });
}

test("many uploads at once do not mix", async () => {
  await using at = await bench((folder) => async (request) => {
    for await (const part of parts(request)) {
      const file = await part.save(folder);
      const octets = await file.bytes();
      return json([part.name, octets.length, octets.every((octet) => octet === octets[0]), octets[0]]);
    }
    return text("none");
  });
  const sent = Array.from({ length: 8 }, async (_, i) => {
    const body = new FormData();
    body.append(`n${i}`, new Blob([Buffer.alloc(100_000 + i, i)]), "f");
    const answer = await fetch(`http://127.0.0.1:${at.port}/`, { method: "POST", body });
    assert.deepEqual(await answer.json(), [`n${i}`, 100_000 + i, true, i]);
  });
  await Promise.all(sent);
  await left(at.folder, []);
});
