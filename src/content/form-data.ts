// A whole form with its files, for who does not want to read it part by part: fields are text, small files are in memory, and
// larger ones are temporary files.
import { tooLarge } from "../message/reading.ts";
import type { Request } from "../message/request.ts";
import { type MultipartLimits, parts } from "./multipart.ts";
import { type Param, Params } from "./params.ts";
import type { Part } from "./part.ts";
import { type UploadedFile, uploads } from "./uploads.ts";

/** How a form is collected. */
export interface FormDataOptions extends MultipartLimits {
  /** Octets of fields and files that may be in memory: 1 MiB. Fields beyond it are 413, files go to disk. */
  readonly memoryBytes?: number;
  /** A file up to this many octets is kept in memory: 64 KiB. */
  readonly memoryFileBytes?: number;
  /** Where larger ones are saved; the system's folder for temporary files. */
  readonly folder?: string;
}

/** What a form has under a name: text, or a file. */
export type FormValue = string | UploadedFile;

const MEMORY_BYTES = 1_048_576;
const MEMORY_FILE_BYTES = 65_536;

/**
 * Reads a whole multipart/form-data. A file without a name and without octets is left out: a browser sends it where no file was
 * chosen. The files belong to the request: see uploads().
 *
 * @throws as parts(); 413 HTTP_BODY_TOO_LARGE where the fields are more than `memoryBytes`.
 */
export async function readFormData(request: Request, options: FormDataOptions = {}): Promise<Params<FormValue>> {
  const { memoryBytes = MEMORY_BYTES, memoryFileBytes = MEMORY_FILE_BYTES, folder, ...limits } = options;
  const entries: Param<FormValue>[] = [];
  let left = memoryBytes;
  try {
    for await (const part of parts(request, limits)) {
      if (part.filename === undefined) {
        const entry = await textEntry(part, left);
        left -= entry.raw.length + part.name.length;
        entries.push(entry);
        continue;
      }
      const file = await received(request, part, Math.min(left, memoryFileBytes), folder);
      if (file.path === undefined) left -= file.size;
      if (file.size === 0 && file.filename === "") await file.delete();
      else entries.push({ name: part.name, value: file, raw: undefined, source: "form" });
    }
  } catch (error) {
    await uploads(request).release();
    throw error;
  }
  return new Params(entries);
}

/** @throws HttpError 413 where it has more characters than are left. */
async function textEntry(part: Part, left: number): Promise<Param<FormValue> & { readonly raw: string }> {
  const { name } = part;
  const value = await part.text();
  if (value.length + name.length > left) throw tooLarge("The fields of the form are too large.");
  return { name, value, raw: value, source: "form" };
}

async function received(
  request: Request,
  part: Part,
  memory: number,
  folder: string | undefined,
): Promise<UploadedFile> {
  const { name, filename = "", type } = part;
  const info = { name, filename, type };
  const chunks = part[Symbol.asyncIterator]();
  const early: Uint8Array[] = [];
  let size = 0;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    early.push(next.value);
    size += next.value.length;
    if (size > memory) return uploads(request).save(info, joined(early, chunks), folder);
  }
  return uploads(request).hold(info, Buffer.concat(early, size));
}

async function* joined(
  early: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  yield* early;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
