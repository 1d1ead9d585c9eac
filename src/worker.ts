// What a thread of workers() runs; src/app/thread.ts knows what that is.
import { workerData } from "node:worker_threads";
import { serveThread, type ThreadData } from "./app/thread.ts";

const { pool, ...started } = workerData as ThreadData;
// The module is not to find it: what it says to its parentPort, or to a port of its workerData, is not for the pool.
delete (workerData as { pool?: unknown }).pool;
await serveThread(pool, started);
