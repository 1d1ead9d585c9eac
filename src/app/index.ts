// The entry point `portico/app`: a mux, middleware and a server in one object.
export { App, portico } from "./app.ts";
export type { AppOptions } from "./app-options.ts";
export { type AutostartSources, autostart, defaultRoutes } from "./autostart.ts";
export { CONFIG, type Config, type ConfigSources, readConfig } from "./config.ts";
export type { Group, Mountable, RouteHandler } from "./group.ts";
export type { Injected } from "./inject.ts";
export { forget, keep } from "./keep.ts";
export { type Preset, type PresetListen, type PresetName, presetListen, presets } from "./presets.ts";
export { requestBytes } from "./presets-middleware.ts";
export type { RouteInfo, RouteParameter } from "./routes.ts";
export { type Startable, type Started, type StartOptions, servers, start, stop } from "./started.ts";
export { type Workers, type WorkersOptions, workers } from "./workers.ts";
