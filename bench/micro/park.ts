// What a thousand parked requests cost while nothing happens: CPU of the server over five seconds, in per cent of one core; and
// what it takes to answer all of them. The clients are another process. Run by hand: node dist/bench/micro/park.js
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { parkingLot } from "../../src/handlers/index.ts";
import { createServer, text } from "../../src/index.ts";

const COUNT = 1000;
const SECONDS = 5;

const portOfServer = process.argv[2];
if (portOfServer === undefined) await serve();
else ask(Number(portOfServer));

async function serve(): Promise<void> {
  const lot = parkingLot({ deadline: 3_600_000 });
  let open = false;
  let asked = 0;
  const guard = (): boolean => {
    asked++;
    return open;
  };
  const server = createServer((request) => lot.deferUntil(request, guard, () => text("now")));
  await server.listen({ host: "127.0.0.1", port: 0 }, { backlog: COUNT });
  const clients = fork(fileURLToPath(import.meta.url), [new URL(server.url ?? "").port]);
  while (lot.parked < COUNT) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, 500)); // what starting up leaves behind is no waiting

  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const { user, system } = process.cpuUsage(before);
  const percent = (user + system) / (SECONDS * 1e4);
  console.log(
    `${COUNT} parked: ${percent.toFixed(2)} % of a core over ${SECONDS} s, guards asked ${asked - COUNT} times`,
  );

  open = true;
  const since = performance.now();
  lot.notify();
  console.log(`notify(): ${(performance.now() - since).toFixed(1)} ms until ${COUNT} are answered`);
  await once(clients, "message");
  console.log(`${(performance.now() - since).toFixed(1)} ms until the clients have all answers`);
  clients.disconnect();
  await server.close({ mode: "abort" });
}

function ask(port: number): void {
  let answered = 0;
  for (let i = 0; i < COUNT; i++) {
    const socket = connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    socket.once("data", () => {
      socket.destroy();
      answered++;
      if (answered === COUNT) process.send?.("all");
    });
  }
}
