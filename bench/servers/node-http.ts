// The peer every bar is measured against: node:http as its documentation would have it written, with the length declared and
// one write per answer. The streaming rows take the faster of the usual ways: 'data' events for an upload, and for a download
// a generator in a pipeline (3.6 GB/s, against 3.2 of a write and drain loop and 3.5 of Readable.from).
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { announce, behaviourAsked, portOf } from "./announce.ts";
import { type Behaviour, CHUNK_BYTES, DOWNLOAD_BYTES, HELLO, IDLE_MS, JSON_TYPE, TEXT, userOf } from "./content.ts";

const HELLO_FIELDS = { "content-type": TEXT, "content-length": HELLO.length };

function hello(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, HELLO_FIELDS);
  response.end(HELLO);
}

function sendJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, { "content-type": JSON_TYPE, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function users(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? "";
  if (path.startsWith("/users/")) return sendJson(response, userOf(path.slice(7)));
  response.writeHead(404);
  response.end();
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    text += chunk;
  });
  request.on("end", () => sendJson(response, JSON.parse(text)));
}

function upload(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on("end", () => sendCount(response, bytes));
}

async function uploadIterated(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  sendCount(response, bytes);
}

function sendCount(response: ServerResponse, bytes: number): void {
  const body = String(bytes);
  response.writeHead(200, { "content-type": TEXT, "content-length": body.length });
  response.end(body);
}

function download(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": DOWNLOAD_BYTES });
  pipeline(chunks, response, (error) => {
    if (error) response.destroy();
  });
}

async function* chunks(): AsyncGenerator<Uint8Array, void> {
  const chunk = Buffer.alloc(CHUNK_BYTES, "x");
  for (let left = DOWNLOAD_BYTES; left > 0; left -= CHUNK_BYTES) yield chunk;
}

const LISTENERS: Readonly<Partial<Record<Behaviour, RequestListener>>> = {
  hello,
  pipelined: hello,
  users,
  echo,
  upload,
  "upload-iterated": uploadIterated,
  download,
  tls: hello,
};

async function make(behaviour: Behaviour): Promise<Server> {
  const listener = LISTENERS[behaviour];
  if (listener === undefined) throw new Error(`node:http has no ${behaviour} in this bench`);
  if (behaviour !== "tls") return createServer({ keepAliveTimeout: IDLE_MS }, listener);
  const [https, { CERTIFICATE, KEY }] = await Promise.all([import("node:https"), import("./certificate.ts")]);
  return https.createServer({ key: KEY, cert: CERTIFICATE, keepAliveTimeout: IDLE_MS }, listener);
}

const server = await make(behaviourAsked());
server.listen(0, "127.0.0.1", () => announce(portOf(server.address())));
