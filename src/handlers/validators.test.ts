import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields } from "../message/fields.ts";
import { isCurrent, validatorsOf } from "./validators.ts";

const TIME = Date.UTC(2024, 0, 2, 3, 4, 5);

test("a file is never said to be younger than now", () => {
  assert.equal(validatorsOf({ size: 1, mtimeMs: TIME + 1e9 }, TIME).lastModified, "Tue, 02 Jan 2024 03:04:05 GMT");
  assert.equal(validatorsOf({ size: 1, mtimeMs: TIME }, TIME + 1e9).lastModified, "Tue, 02 Jan 2024 03:04:05 GMT");
});

test("size and time both make another tag, by fractions of a millisecond too", () => {
  const tags = [
    validatorsOf({ size: 1, mtimeMs: TIME }),
    validatorsOf({ size: 2, mtimeMs: TIME }),
    validatorsOf({ size: 1, mtimeMs: TIME + 1 }),
    validatorsOf({ size: 1, mtimeMs: TIME + 0.25 }),
  ].map(({ etag }) => etag);
  assert.equal(new Set(tags).size, tags.length);
});

test("two dates are no date", () => {
  const validators = validatorsOf({ size: 1, mtimeMs: TIME });
  const date = validators.lastModified;
  assert.equal(isCurrent(new Fields({ "If-Modified-Since": date }), validators), true);
  assert.equal(isCurrent(new Fields({ "If-Modified-Since": [date, date] }), validators), false);
});

test("a star among tags is no star", () => {
  const validators = validatorsOf({ size: 1, mtimeMs: TIME });
  assert.equal(isCurrent(new Fields({ "If-None-Match": "*" }), validators), true);
  assert.equal(isCurrent(new Fields({ "If-None-Match": '"a", *' }), validators), false);
});
