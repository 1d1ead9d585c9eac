// Portico through its public API, as a user imports it: an app with one route.
import { type App, portico, type Request, reply } from "portico";
import { announce, behaviourAsked } from "./announce.ts";
import { type Behaviour, CHUNK_BYTES, DOWNLOAD_BYTES, HELLO, userOf } from "./content.ts";

const DOWNLOAD_FIELDS = { "content-type": "application/octet-stream", "content-length": String(DOWNLOAD_BYTES) };

async function count({ body }: Request): Promise<string> {
  let bytes = 0;
  await body.forEach((piece) => {
    bytes += piece.length;
  });
  return String(bytes);
}

async function countIterated({ body }: Request): Promise<string> {
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  return String(bytes);
}

async function* chunks(): AsyncGenerator<Uint8Array, void> {
  const chunk = Buffer.alloc(CHUNK_BYTES, "x");
  for (let left = DOWNLOAD_BYTES; left > 0; left -= CHUNK_BYTES) yield chunk;
}

/** What a workload needs beside the front door is loaded for it alone, as its user would. */
async function make(behaviour: Behaviour): Promise<App> {
  const app = portico();
  switch (behaviour) {
    case "hello":
    case "pipelined":
    case "tls":
      return app.get("/", () => HELLO);
    case "users": {
      const { t, typed } = await import("portico/handlers");
      return app.get(
        "/users/{id}",
        typed({ id: t.string }, ({ id }) => userOf(id)),
      );
    }
    case "echo": {
      const { t, typed } = await import("portico/handlers");
      const address = t.object({ street: t.string, city: t.string, postcode: t.string });
      const person = t.object({
        name: t.string.min(1),
        email: t.string,
        age: t.integer.min(0),
        active: t.boolean,
        tags: t.listOf(t.string),
        address,
        scores: t.listOf(t.number),
        note: t.string.max(1000),
      });
      return app.post(
        "/echo",
        typed({ person: t.body(person) }, ({ person }) => person),
      );
    }
    case "static": {
      const [{ files }, { makeSite }] = await Promise.all([import("portico/handlers"), import("./site.ts")]);
      return app.get("/{path...}", files(makeSite()));
    }
    case "upload":
      return app.post("/upload", count);
    case "upload-iterated":
      return app.post("/upload", countIterated);
    case "download":
      return app.get("/download", () => reply(200, DOWNLOAD_FIELDS, chunks()));
  }
}

const behaviour = behaviourAsked();
const app = await make(behaviour);
const address = { host: "127.0.0.1", port: 0 };
const listeners = await (behaviour === "tls" ? listenSecurely() : app.listen(address));
const bound = listeners[0]?.address;
if (bound === undefined || !("port" in bound)) throw new Error("Not listening on a port");
announce(bound.port);

async function listenSecurely(): ReturnType<typeof app.listen> {
  const { CERTIFICATE, KEY } = await import("./certificate.ts");
  return app.listen(address, { tls: { key: KEY, cert: CERTIFICATE } });
}
