// Portico through its public API, as a user imports it. There is no router in it yet: each behaviour is one plain handler.
import { createServer, type Handler, reply } from "portico";
import { announce, behaviourAsked } from "./announce.ts";
import { type Behaviour, CHUNK_BYTES, DOWNLOAD_BYTES, HELLO, JSON_TYPE, TEXT, userOf } from "./content.ts";

const HELLO_FIELDS = { "content-type": TEXT };
const JSON_FIELDS = { "content-type": JSON_TYPE };
const DOWNLOAD_FIELDS = { "content-type": "application/octet-stream", "content-length": String(DOWNLOAD_BYTES) };

const hello: Handler = () => reply(200, HELLO_FIELDS, HELLO);

const users: Handler = (request) => {
  const { path } = request;
  if (!path.startsWith("/users/")) return reply(404);
  return reply(200, JSON_FIELDS, JSON.stringify(userOf(path.slice(7))));
};

const echo: Handler = async (request) => reply(200, JSON_FIELDS, JSON.stringify(await request.body.json()));

const upload: Handler = async (request) => {
  let bytes = 0;
  for await (const chunk of request.body) bytes += chunk.length;
  return reply(200, HELLO_FIELDS, String(bytes));
};

async function* chunks(): AsyncGenerator<Uint8Array, void> {
  const chunk = Buffer.alloc(CHUNK_BYTES, "x");
  for (let left = DOWNLOAD_BYTES; left > 0; left -= CHUNK_BYTES) yield chunk;
}

const download: Handler = () => reply(200, DOWNLOAD_FIELDS, chunks());

const HANDLERS: Readonly<Record<Behaviour, Handler>> = {
  hello,
  pipelined: hello,
  users,
  echo,
  upload,
  download,
  tls: hello,
};

const behaviour = behaviourAsked();
const server = createServer(HANDLERS[behaviour]);
const address = { host: "127.0.0.1", port: 0 };
const listeners = await (behaviour === "tls" ? listenSecurely() : server.listen(address));
const bound = listeners[0]?.address;
if (bound === undefined || !("port" in bound)) throw new Error("Not listening on a port");
announce(bound.port);

async function listenSecurely(): ReturnType<typeof server.listen> {
  const { CERTIFICATE, KEY } = await import("./certificate.ts");
  return server.listen(address, { tls: { key: KEY, cert: CERTIFICATE } });
}
