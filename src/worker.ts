// What a thread of workers() runs; src/app/thread.ts knows what that is.
import { parentPort, workerData } from "node:worker_threads";
import { serveThread, type ThreadData } from "./app/thread.ts";

if (parentPort !== null) await serveThread(parentPort, workerData as ThreadData);
