// The entry point `portico/handlers`: functions that make handlers.
export type { ExtraTypes } from "../content/media.ts";
export type { DotFiles, Symlinks } from "./below.ts";
export { type CgiOptions, cgi } from "./cgi.ts";
export { rawHandler } from "./cgi-raw.ts";
export { file, sendFile } from "./file.ts";
export type { CachePolicy, FileInfo, FileOptions } from "./file-options.ts";
export { addFiles, type FileRoutesOptions } from "./file-routes.ts";
export type { TagKind } from "./file-state.ts";
export { type FilesOptions, files } from "./files.ts";
export type { Directory, Entry, ListingPage } from "./listing-page.ts";
export {
  type Deferred,
  type NonFalsy,
  type ParkingLot,
  type ParkingOptions,
  type ParkOptions,
  parkingLot,
} from "./park.ts";
export { type ProcessPool, processes, type SpawnOptions, spawn } from "./process.ts";
export type { Input } from "./process-input.ts";
export type { PoolOptions } from "./process-pool.ts";
export type { ProcessExit, RunInfo, RunOptions } from "./process-run.ts";
export type { Reader, Source } from "./readers.ts";
export { assertHttp, defineType, type TypeRules } from "./readers-define.ts";
export type { Seen } from "./readers-kind.ts";
export type { Readers } from "./readers-record.ts";
export {
  type FileReader,
  type JsonReader,
  type KeywordReader,
  type ListReader,
  type OrderedReader,
  type Read,
  type TextReader,
  type Types,
  t,
} from "./readers-types.ts";
export { type Snapshot, type SnapshotOptions, snapshot } from "./snapshot.ts";
export type {
  DescribedSchema,
  JsonSchema,
  OutputOf,
  StandardConverter,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./standard.ts";
export { checkNames, type ParameterSchema, schemaOf, type TypedOptions, typed } from "./typed.ts";
export { type UnderRootOptions, underRoot, type WithTargetOptions, withTarget } from "./under-root.ts";
