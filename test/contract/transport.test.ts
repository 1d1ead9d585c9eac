// The contract of Transport, kept by each that we have: TCP in both reading modes, unix sockets, TLS, a port to another thread, and memory. The shared
// buffer is overwritten after every read, so that whoever looks at it later fails.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { MessageChannel } from "node:worker_threads";
import type { Address, Transport } from "../../src/base/transport.ts";
import type { Dial, Listen, ListenOptions } from "../../src/transport/listen.ts";
import { memoryListener, memoryPair } from "../../src/transport/memory.ts";
import { PortTransport } from "../../src/transport/port.ts";
import { forceReadMode, poison, type ReadMode, readMode } from "../../src/transport/static-buffer.ts";
import { dial, listen } from "../../src/transport/tcp.ts";
import { dialTls } from "../../src/transport/tls.ts";
import { LOCALHOST } from "../fixtures/certificates.ts";
import { type Connected, transportContract } from "./transport.ts";

const PORT: Address = { host: "127.0.0.1", port: 0 };
const dialTrusting: Dial = (address, signal) =>
  dialTls(address, signal, { ca: LOCALHOST.cert, servername: "localhost" });

let folder = "";
let sockets = 0;

before(async () => {
  poison(true);
  folder = await mkdtemp(join(tmpdir(), "portico-"));
});

after(async () => {
  poison(false);
  forceReadMode(undefined);
  await rm(folder, { recursive: true });
});

async function meet(via: Listen, reach: Dial, address: Address, options?: ListenOptions): Promise<Connected> {
  let met: (transport: Transport) => void = () => {};
  const accepted = new Promise<Transport>((resolve) => (met = resolve));
  const listener = await via(address, (transport) => met(transport), options);
  const [near, far] = await Promise.all([reach(listener.address), accepted]);
  return { near, far, close: () => listener.close() };
}

function inMode(mode: ReadMode, connect: () => Promise<Connected>): () => Promise<Connected> {
  return () => {
    forceReadMode(mode);
    assert.equal(readMode(), mode, "this Node can be read through the shared buffer");
    return connect();
  };
}

const unixPath = (): Address => ({ path: join(folder, `${sockets++}.sock`) });

for (const mode of ["static", "data"] as const) {
  transportContract(
    `tcp, ${mode}`,
    inMode(mode, () => meet(listen, dial, PORT)),
  );
  transportContract(
    `unix, ${mode}`,
    inMode(mode, () => meet(listen, dial, unixPath())),
  );
  transportContract(
    `tls, ${mode}`,
    inMode(mode, () => meet(listen, dialTrusting, PORT, { tls: LOCALHOST })),
  );
}
transportContract("memory", async () => {
  const [near, far] = memoryPair();
  return { near, far, close: async () => {} };
});
transportContract("port", async () => {
  const { port1, port2 } = new MessageChannel();
  return { near: new PortTransport(port1), far: new PortTransport(port2), close: async () => {} };
});
transportContract("memory, listening", () => {
  const { listen: hear, dial: reach } = memoryListener();
  return meet(hear, reach, PORT);
});
