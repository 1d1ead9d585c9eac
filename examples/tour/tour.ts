// Which handler answers what: a few paths have their own, the rest are files.
import type { Handler } from "portico";
import { files } from "portico/handlers";
import { about, hints } from "./about.ts";
import { connections } from "./connections.ts";
import { stream } from "./stream.ts";
import { progress, upload } from "./upload.ts";

// The pages are plain files and need no build: what is edited is seen on the next reload.
const site = files(new URL("../../../examples/tour/site/", import.meta.url));

const routes = new Map<string, Handler>([
  ["GET /api/about", about],
  ["GET /api/hints", hints],
  ["GET /api/stream", stream],
  ["PUT /api/upload", upload],
  ["GET /api/progress", progress],
  ["GET /api/connections", connections],
]);

export const tour: Handler = (request) => (routes.get(`${request.method} ${request.path}`) ?? site)(request);
