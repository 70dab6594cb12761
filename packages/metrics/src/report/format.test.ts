import { expect, test } from "vitest";
import { grouped, sayIn } from "../language.js";
import { difference, end, number, range, score, share } from "./format.js";
import { html, raw } from "./html.js";

test("numbers have the digits that tell something, a real minus and separators", () => {
  expect([0.76449, 0, 1].map(share)).toEqual(["76.4%", "0.0%", "100.0%"]);
  expect([0, 0.1234, -0.1234, 3.1412, 42.123, 123.456, 12345.6].map(number)).toEqual([
    "0",
    "0.123",
    "−0.123",
    "3.14",
    "42.12",
    "123.5",
    "12,346",
  ]);
  expect(grouped(1234567)).toBe("1,234,567");
});

test("scores and differences carry their unit once", () => {
  expect(score(0.5, { isShare: true })).toBe("50.0%");
  expect(score(8.691, { unit: "€" })).toBe("8.69\u00a0€");
  expect(difference(sayIn("test"))(0.034, { isShare: true })).toBe("+3.4\u00a0points");
  expect(difference(sayIn("test"))(-0.034, { isShare: true })).toBe("−3.4\u00a0points");
  expect(difference(sayIn("test"))(-0.0001, { isShare: true })).toBe("0.0\u00a0points");
  expect(range(sayIn("test"), 1, 2.5, { unit: "€" })).toBe("1.00 to 2.50\u00a0€");
  expect(range(sayIn("test"), -0.01, 0.02, { isShare: true }, difference(sayIn("test")))).toBe(
    "−1.0 to +2.0\u00a0points",
  );
  expect([end(1, { isShare: true }), end(1, {}), end(0, {}), end(2.5, {})]).toEqual(["100%", "1", "0", "2.50"]);
});

test("what is put into a page is escaped unless it is HTML already", () => {
  const evil = `<script>"x" & 'y'</script>`;
  expect(html`<p title="${evil}">${evil}</p>`.html).not.toMatch(/<script|"x"/);
  expect(html`<ul>${["a", "<"].map((item) => html`<li>${item}</li>`)}</ul>`.html).toBe(
    "<ul><li>a</li><li>&#60;</li></ul>",
  );
  expect(html`${raw("<b>")}${undefined}${false}${null}${0}`.html).toBe("<b>0");
});
