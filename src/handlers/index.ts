// The entry point `portico/handlers`: functions that make handlers.
export type { ExtraTypes } from "../content/media.ts";
export type { DotFiles } from "./below.ts";
export { type FilesOptions, files } from "./files.ts";
