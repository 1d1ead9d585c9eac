// Files that came in a request, in memory or as temporary files on disk. They are the request's: whatever is not kept goes when
// the upload fails, and when the reply has left or the client has. Knows nothing of forms.
import { createReadStream } from "node:fs";
import { copyFile, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isHalfClosed, LocalError } from "../base/errors.ts";
import { handled, handledSteps } from "../base/handled.ts";
import { checkLimit, decodeText, tooLarge } from "../message/reading.ts";
import { afterwards, Key, type Request } from "../message/request.ts";

/** What a part says of the file in it. */
export interface FileInfo {
  /** Of the form's field. */
  readonly name: string;
  /** What the peer calls it: its last segment, without controls; may be empty. No name to save it under. */
  readonly filename: string;
  /** What the peer says it is: a media type. */
  readonly type: string;
}

/** A file that came in a request. */
export class UploadedFile implements FileInfo, AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly name: string;
  readonly filename: string;
  readonly type: string;
  /** Octets. */
  readonly size: number;
  readonly #uploads: Uploads;
  #path: string | undefined;
  #memory: Uint8Array | undefined;

  /** For uploads.ts and form-data.ts. */
  constructor(info: FileInfo, size: number, held: Uint8Array | string, uploads: Uploads) {
    this.name = info.name;
    this.filename = info.filename;
    this.type = info.type;
    this.size = size;
    this.#path = typeof held === "string" ? held : undefined;
    this.#memory = typeof held === "string" ? undefined : held;
    this.#uploads = uploads;
  }

  /** Where it lies; undefined for one in memory, and once it is deleted. */
  get path(): string | undefined {
    return this.#path;
  }

  /** All of it. @throws HttpError 413 HTTP_BODY_TOO_LARGE beyond the limit; Error of the file system, once it is gone. */
  bytes(limit?: number): Promise<Uint8Array> {
    return handled(this.#bytes(limit));
  }

  async #bytes(limit: number = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    checkLimit(limit);
    if (this.size > limit) throw tooLarge("The file is too large.");
    return this.#memory ?? readFile(this.#there());
  }

  /** All of it as UTF-8. @throws HttpError 400 HTTP_BAD_TEXT where it is not; as bytes(). */
  text(limit?: number): Promise<string> {
    return handled(this.#bytes(limit).then(decodeText));
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    return handledSteps(this.#pieces());
  }

  async *#pieces(): AsyncGenerator<Uint8Array, undefined, undefined> {
    if (this.#memory !== undefined) yield this.#memory;
    else for await (const chunk of createReadStream(this.#there())) yield chunk as Uint8Array;
  }

  /**
   * Takes the file from the request: it is no longer deleted. @returns where it lies.
   *
   * @param path moves it there, and replaces what is there; left out, it stays where it is.
   * @throws LocalError USE_BAD_OPTION where no path is given for a file in memory, USE_BODY_USED where it was deleted; Error of the
   *   file system.
   */
  keep(path?: string): Promise<string> {
    return handled(this.#keep(path));
  }

  async #keep(path: string | undefined): Promise<string> {
    let kept: string;
    if (this.#memory === undefined) {
      const from = this.#there();
      kept = resolve(path ?? from);
      if (path !== undefined) await move(from, path);
    } else {
      if (path === undefined) throw new LocalError("USE_BAD_OPTION", "A file in memory is kept at a path.");
      kept = resolve(path);
      await writeFile(path, this.#memory);
    }
    this.#path = kept;
    this.#memory = undefined;
    this.#uploads.forget(this);
    return kept;
  }

  /** Deletes it, unless it was kept; a second time nothing happens. */
  delete(): Promise<void> {
    return handled(this.#delete());
  }

  async #delete(): Promise<void> {
    if (!this.#uploads.forget(this)) return;
    const path = this.#path;
    this.#path = undefined;
    this.#memory = undefined;
    if (path !== undefined) await rm(path, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.delete();
  }

  #there(): string {
    if (this.#path === undefined) throw new LocalError("USE_BODY_USED", "The uploaded file was deleted.");
    return this.#path;
  }
}

/** A rename, or where that would leave the disk, a copy. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await copyFile(from, to);
    await rm(from, { force: true });
  }
}

/** What a request has uploaded and nobody has kept. */
export class Uploads implements AsyncDisposable {
  readonly #request: Request;
  readonly #files = new Set<UploadedFile>();
  #over = false;

  /** For uploads() alone. */
  constructor(request: Request) {
    this.#request = request;
    afterwards(request, () => {
      this.#over = true;
      return this.release();
    });
  }

  /** How many there are. */
  get size(): number {
    return this.#files.size;
  }

  /** Deletes all that was not kept. */
  release(): Promise<void> {
    return handled(Promise.all(Array.from(this.#files, (file) => file.delete())).then(() => {}));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** A file whose octets are in memory. Takes them. */
  hold(info: FileInfo, octets: Uint8Array): UploadedFile {
    return this.#add(new UploadedFile(info, octets.length, octets, this));
  }

  /** Writes octets as they come to a new file that nobody else can read; where that fails, the file is gone before it throws. */
  save(info: FileInfo, chunks: AsyncIterable<Uint8Array>, folder: string = tmpdir()): Promise<UploadedFile> {
    return handled(this.#save(info, chunks, folder));
  }

  async #save(info: FileInfo, chunks: AsyncIterable<Uint8Array>, folder: string): Promise<UploadedFile> {
    const path = join(resolve(folder), `upload-${crypto.randomUUID()}`);
    const file = await open(path, "wx", 0o600);
    let size = 0;
    try {
      for await (const chunk of chunks) {
        await writeAll(file, chunk);
        size += chunk.length;
      }
      // The last octets may have come together with the news that the client has left.
      const { signal } = this.#request;
      if (!isHalfClosed(signal.reason)) signal.throwIfAborted();
      await file.close();
    } catch (error) {
      await file.close().catch(() => {});
      await rm(path, { force: true });
      throw error;
    }
    const saved = this.#add(new UploadedFile(info, size, path, this));
    // The reply has left while the handler still saved: nobody would delete it any more.
    if (this.#over) await saved.delete();
    return saved;
  }

  /** It is somebody else's now. @returns false where it was before. For UploadedFile. */
  forget(file: UploadedFile): boolean {
    return this.#files.delete(file);
  }

  #add(file: UploadedFile): UploadedFile {
    this.#files.add(file);
    return file;
  }
}

interface Writing {
  write(bytes: Uint8Array, offset: number): Promise<{ readonly bytesWritten: number }>;
}

async function writeAll(file: Writing, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) offset += (await file.write(bytes, offset)).bytesWritten;
}

const UPLOADS = new Key<Uploads>("uploads");

/**
 * The files that a request has uploaded so far. They are deleted when the reply has left, when the client has, and when this is
 * disposed of; those that were kept stay.
 *
 * @example
 * await using temporary = uploads(request);
 * const { file } = await saved(request);
 * if (file.type === "image/png") await file.keep("/srv/pictures/new.png");
 */
export function uploads(request: Request): Uploads {
  let found = request.get(UPLOADS);
  if (found === undefined) {
    found = new Uploads(request);
    request.set(UPLOADS, found);
  }
  return found;
}
