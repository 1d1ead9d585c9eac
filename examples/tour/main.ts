// A small site that shows what Portico does: prints its address and serves until Ctrl-C. `npm start` runs it.
import { createServer, TransportError } from "portico";
import { where } from "../where.ts";
import { tour } from "./tour.ts";

const port = Number(process.env.PORT ?? 8000);
const server = createServer(tour, {
  signals: ["SIGINT", "SIGTERM"],
  // A browser that leaves ends its side of the connection: what streams to it can stop then and there.
  halfClose: "leave",
  timeouts: { drain: 2000 },
});

try {
  await server.listen(port);
  console.log(`The tour of Portico is on ${where(server)} (Ctrl-C ends it)`);
} catch (error) {
  if (!(error instanceof TransportError)) throw error;
  const taken = error.code === "NET_ADDRESS_IN_USE";
  console.error(taken ? `Port ${port} is taken: PORT=8080 npm start takes another.` : error.message);
  process.exitCode = 1;
}
