// Hono on its own Node server, with the shortest way it offers for each answer: c.text and c.json, which its adapter writes
// without making a fetch Response.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { announce, behaviourAsked } from "./announce.ts";
import { type Behaviour, HELLO, IDLE_MS, userOf } from "./content.ts";

function make(behaviour: Behaviour): Hono {
  const app = new Hono();
  switch (behaviour) {
    case "hello":
    case "pipelined":
    case "tls":
      return app.get("/", (context) => context.text(HELLO)) as unknown as Hono;
    case "users":
      return app.get("/users/:id", (context) => context.json(userOf(context.req.param("id")))) as unknown as Hono;
    case "echo":
      return app.post("/echo", async (context) => context.json(await context.req.json())) as unknown as Hono;
    default:
      throw new Error(`Hono has no ${behaviour} in this bench`);
  }
}

const behaviour = behaviourAsked();
const { fetch } = make(behaviour);
const where = { fetch, hostname: "127.0.0.1", port: 0 };
if (behaviour === "tls") {
  const [https, { CERTIFICATE, KEY }] = await Promise.all([import("node:https"), import("./certificate.ts")]);
  const serverOptions = { key: KEY, cert: CERTIFICATE, keepAliveTimeout: IDLE_MS };
  serve({ ...where, createServer: https.createServer, serverOptions }, (info) => announce(info.port));
} else {
  serve({ ...where, serverOptions: { keepAliveTimeout: IDLE_MS } }, (info) => announce(info.port));
}
