// sirv on node:http, as its readme has it for production: the folder is read once, and its headers are kept.
import { createServer } from "node:http";
import sirv from "sirv";
import { announce, behaviourAsked, portOf } from "./announce.ts";
import { IDLE_MS } from "./content.ts";
import { makeSite } from "./site.ts";

const behaviour = behaviourAsked();
if (behaviour !== "static") throw new Error(`sirv has no ${behaviour} in this bench`);
const serve = sirv(makeSite(), { etag: true });
const server = createServer({ keepAliveTimeout: IDLE_MS }, (request, response) => serve(request, response));
server.listen(0, "127.0.0.1", () => announce(portOf(server.address())));
