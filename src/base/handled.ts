// Promises that are made for somebody who may let go of them: a handler that throws between `const body = request.body.json()`
// and its `await` leaves one behind, and what it rejects with would end the process, and everybody else's requests with it.

/** What nobody awaits fails unheard; whoever awaits it hears of it all the same. */
const unheard = (): void => {};

/** Marks a promise as handled. @returns the same promise. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.then(undefined, unheard);
  return promise;
}

/** The same for what may be a promise, or is there already. */
export function handledIfLater<T>(value: T): T {
  if (value instanceof Promise) value.then(undefined, unheard);
  return value;
}

/** Marks what an asynchronous generator gives, for who takes its steps by hand. @returns the same generator. */
export function handledSteps<G extends AsyncGenerator<unknown, unknown, undefined>>(generator: G): G {
  for (const step of ["next", "return", "throw"] as const) {
    const take = generator[step].bind(generator) as (value?: unknown) => Promise<unknown>;
    Object.defineProperty(generator, step, { value: (value?: unknown) => handled(take(value)) });
  }
  return generator;
}

/** A promise that knows whether somebody has taken it: `await` and Promise.all() call then() of what is no plain Promise. */
class Noticed<T> extends Promise<T> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  taken = false;

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.taken = true;
    return super.then(fulfilled, rejected);
  }
}

/**
 * A promise like the given one, whose failure `tell` hears of where nobody has taken it when it fails. For what belongs to the
 * program and not to one request: that a server does not listen must not pass in silence, and must not end those that do.
 */
export function heard<T>(promise: Promise<T>, tell: (error: unknown) => void): Promise<T> {
  const noticed = new Noticed<T>((resolve, reject) => void promise.then(resolve, reject));
  const failed = (error: unknown): void => {
    // Behind all that is under way: an `await` takes it a few steps later.
    process.nextTick(() => {
      if (!noticed.taken) tell(error);
    });
  };
  Promise.prototype.then.call(noticed, undefined, failed);
  return noticed;
}
