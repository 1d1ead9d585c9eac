// What middleware does with what a handler gave: a reply gets fields, an error is passed on, and what was synchronous stays so.
// Refusals get the fields too, since a page that may not read a 404 of another origin cannot tell it from a broken network.
import { HttpError } from "../base/errors.ts";
import { Fields } from "../message/fields.ts";
import type { Handler } from "../message/handler.ts";
import { Reply, withFields } from "../message/reply.ts";
import type { Request } from "../message/request.ts";

export { addVary } from "../message/vary.ts";

/**
 * Calls a handler, and then one of two functions: with its reply, or with what it threw. What is no reply is passed on as it is,
 * so that the engine says so.
 *
 * @param failed gives what is thrown in place of the error.
 */
export function outcome(
  next: Handler,
  request: Request,
  replied: (reply: Reply, request: Request) => Reply,
  failed: (error: unknown, request: Request) => unknown,
): Reply | Promise<Reply> {
  let answer: Reply | Promise<Reply>;
  try {
    answer = next(request);
  } catch (error) {
    throw failed(error, request);
  }
  if (answer instanceof Reply) return replied(answer, request);
  return Promise.resolve(answer).then(
    (reply) => (Reply.is(reply) ? replied(reply, request) : reply),
    (error: unknown) => {
      throw failed(error, request);
    },
  );
}

/**
 * Calls a handler, and puts fields on its reply, or on its refusal. A switch of protocols is left alone: it is no document.
 *
 * Written out rather than by outcome(): where the answer is there at once, nothing is made but the reply.
 */
export function decorated(next: Handler, request: Request, change: (fields: Fields) => void): Reply | Promise<Reply> {
  let answer: Reply | Promise<Reply>;
  try {
    answer = next(request);
  } catch (error) {
    throw withErrorFields(error, change);
  }
  if (answer instanceof Reply) return answer.status === 101 ? answer : withFields(answer, change);
  return Promise.resolve(answer).then(
    (reply) => (Reply.is(reply) && reply.status !== 101 ? withFields(reply, change) : reply),
    (error: unknown) => {
      throw withErrorFields(error, change);
    },
  );
}

/**
 * A refusal with more fields; any other error as it is. The error stays the one that was thrown, seen through an object of its
 * own: a constant that a handler throws again and again must not gather what belongs to other requests.
 */
export function withErrorFields(error: unknown, change: (fields: Fields) => void): unknown {
  if (!(error instanceof HttpError)) return error;
  let fields: Fields;
  try {
    fields = new Fields(error.fields);
  } catch {
    return error; // its own fields cannot be sent, and the engine drops them
  }
  change(fields);
  return Object.create(error, { fields: { value: Object.fromEntries(fields), enumerable: true } });
}
