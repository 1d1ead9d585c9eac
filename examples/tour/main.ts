// A small site that shows what Portico does: prints its address and serves until Ctrl-C. `npm start` runs it.
import { TransportError } from "portico";
import { tour } from "./tour.ts";

const port = Number(process.env.PORT ?? 8000);
const app = tour();

try {
  await app.listen(port);
  console.log(`The tour of Portico is on ${app.url} (Ctrl-C ends it)`);
  app.server.draining.addEventListener("abort", () => console.log("Closing: what is in hand is finished first"));
} catch (error) {
  if (!(error instanceof TransportError)) throw error;
  const taken = error.code === "NET_ADDRESS_IN_USE";
  console.error(taken ? `Port ${port} is taken: PORT=8080 npm start takes another.` : error.message);
  process.exitCode = 1;
}
