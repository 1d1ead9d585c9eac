// Fastify as its guide recommends it for speed: no logger, handlers that send without a promise, and a response schema, so
// that its own serializer writes the JSON.
import fastify, { type FastifyInstance } from "fastify";
import { announce, behaviourAsked, portOf } from "./announce.ts";
import { type Behaviour, HELLO, IDLE_MS, TEXT, userOf } from "./content.ts";

const USER_SCHEMA = {
  response: {
    200: { type: "object", properties: { id: { type: "string" }, name: { type: "string" } } },
  },
};

const TEXT_SCHEMA = { type: "string" };
const PERSON_SCHEMA = {
  body: {
    type: "object",
    required: ["name", "email", "age", "active", "tags", "address", "scores", "note"],
    properties: {
      name: { type: "string", minLength: 1 },
      email: TEXT_SCHEMA,
      age: { type: "integer", minimum: 0 },
      active: { type: "boolean" },
      tags: { type: "array", items: TEXT_SCHEMA },
      address: {
        type: "object",
        required: ["street", "city", "postcode"],
        properties: { street: TEXT_SCHEMA, city: TEXT_SCHEMA, postcode: TEXT_SCHEMA },
      },
      scores: { type: "array", items: { type: "number" } },
      note: { type: "string", maxLength: 1000 },
    },
  },
};

async function make(behaviour: Behaviour): Promise<FastifyInstance> {
  if (behaviour !== "tls") return fastify({ keepAliveTimeout: IDLE_MS });
  const { CERTIFICATE, KEY } = await import("./certificate.ts");
  // The instance of an https server differs in the type of its raw server only, which nothing here looks at.
  return fastify({ https: { key: KEY, cert: CERTIFICATE } }) as unknown as FastifyInstance;
}

async function route(app: FastifyInstance, behaviour: Behaviour): Promise<void> {
  switch (behaviour) {
    case "hello":
    case "pipelined":
    case "tls":
      app.get("/", (_request, reply) => {
        reply.header("content-type", TEXT).send(HELLO);
      });
      return;
    case "users":
      app.get<{ Params: { id: string } }>("/users/:id", { schema: USER_SCHEMA }, (request, reply) => {
        reply.send(userOf(request.params.id));
      });
      return;
    case "echo":
      app.post("/echo", { schema: PERSON_SCHEMA }, (request, reply) => {
        reply.send(request.body);
      });
      return;
    case "static":
      await app.register((await import("@fastify/static")).default, { root: (await import("./site.ts")).makeSite() });
      return;
    default:
      throw new Error(`Fastify has no ${behaviour} in this bench`);
  }
}

const behaviour = behaviourAsked();
const app = await make(behaviour);
await route(app, behaviour);
await app.listen({ host: "127.0.0.1", port: 0 });
announce(portOf(app.server.address()));
