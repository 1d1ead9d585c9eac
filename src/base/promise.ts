// What others return where a promise is awaited: a promise of Node's, of another library, or something that only looks like one
// and does anything when it is asked.

/** A promise of Node's that settles as the value does; with the value itself, where that is no promise. Never throws. */
export function promiseOf(value: unknown): Promise<unknown> {
  try {
    const promise = Promise.resolve(value);
    // Where then() was replaced it could throw, or call back twice: a resolved promise calls it in a job of its own, and is done with
    // its first word.
    const plain = Object.getPrototypeOf(promise) === Promise.prototype && !Object.hasOwn(promise, "then");
    return plain ? promise : new Promise((resolve) => resolve(promise));
  } catch (error) {
    return Promise.reject(error);
  }
}
