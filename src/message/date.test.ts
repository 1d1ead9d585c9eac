import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { DateLine, formatDate, parseDate } from "./date.ts";

const THEN = Date.UTC(1994, 10, 6, 8, 49, 37);

test("a date is written as IMF-fixdate", () => {
  assert.equal(formatDate(THEN), "Sun, 06 Nov 1994 08:49:37 GMT");
});

test("a date is read in each of its three forms", () => {
  for (const text of ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]) {
    assert.equal(parseDate(text, Date.UTC(2026, 0)), THEN, text);
  }
  assert.equal(parseDate("Sun Nov 16 08:49:37 1994"), Date.UTC(1994, 10, 16, 8, 49, 37));
  assert.equal(parseDate("Sat, 29 Feb 2020 00:00:00 GMT"), Date.UTC(2020, 1, 29));
  assert.equal(parseDate("Sat, 31 Dec 2016 23:59:60 GMT"), Date.UTC(2017, 0, 1));
});

test("a year of two digits is not more than 50 years ahead", () => {
  const now = Date.UTC(2026, 0);
  assert.equal(parseDate("Sunday, 06-Nov-76 08:49:37 GMT", now), Date.UTC(2076, 10, 6, 8, 49, 37));
  assert.equal(parseDate("Sunday, 06-Nov-77 08:49:37 GMT", now), Date.UTC(1977, 10, 6, 8, 49, 37));
});

test("anything else is no date", () => {
  for (const text of [
    "",
    "now",
    "0",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "sun, 06 nov 1994 08:49:37 gmt",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Xxx 1994 08:49:37 GMT",
    " Sun, 06 Nov 1994 08:49:37 GMT",
  ]) {
    assert.equal(parseDate(text), undefined, text);
  }
});

test("the Date line is of this second, and no timer stays armed for a server that idles", () => {
  const clock = new FakeClock(THEN + 250);
  const line = new DateLine(clock);
  assert.equal(line.get(), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  clock.tick(749);
  assert.equal(line.get(), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  clock.tick(1);
  assert.equal(clock.armed, 0);
  assert.equal(line.get(), "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
  assert.equal(clock.armed, 1);
});
