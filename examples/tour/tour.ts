// The whole of the tour as an app: which handler answers what.
import { type App, portico } from "portico";
import { files } from "portico/handlers";
import { sameOrigin } from "portico/middleware";
import { about, hints } from "./about.ts";
import { connections } from "./connections.ts";
import { greet } from "./form.ts";
import { PAGES, show } from "./layout.ts";
import { greeting, redefine } from "./live.ts";
import { say, wait } from "./parked.ts";
import { count } from "./process.ts";
import { stream } from "./stream.ts";
import { progress, upload } from "./upload.ts";

const here = new URL("../../../examples/tour/", import.meta.url);

/** Makes the tour. */
export function tour(): App {
  const app = portico({
    signals: ["SIGINT", "SIGTERM"],
    // A browser that leaves ends its side of the connection: what streams to it can stop then and there.
    halfClose: "close",
    timeouts: { drain: 2000 },
  });
  app.use(sameOrigin()); // no other site makes a visitor's browser post here
  for (const page of PAGES) app.get(page.path, () => show(page));

  const api = app.group("/api");
  api.get("/about", about).get("/hints", hints);
  api.get("/stream", stream);
  api.put("/upload", upload).get("/progress", progress);
  api.post("/greet", greet);
  api.get("/process", count);
  api.get("/wait", wait).post("/say", say);
  api.get("/greeting", greeting("Hello")).post("/greeting", redefine(api));
  api.get("/connections", connections);
  api.get("/routes", () => app.routes);

  // The tour's own files, to look around in; and what its pages are made of.
  app.get("/browse/{path...}", files(here, { listing: true, types: { ts: "text/plain; charset=utf-8" } }));
  app.get("/{path...}", files(new URL("site/", here)));
  return app;
}
