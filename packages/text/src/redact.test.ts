import { decodeSaved, encodeSaved } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lexiconSentiment } from "./lexicon-sentiment.js";
import { type PiiKind, redacted, redactor } from "./redact.js";
import { tfidf } from "./tfidf.js";

const { redact } = redactor({ kinds: ["email", "url", "iban", "card", "nationalId", "phone", "ip", "address"] });
const kindsIn = (text: string): string[] =>
  redact(text).spans.map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);

// Numbers are examples of the documents that define them, or made up with the right check digits.
const found: Partial<Record<PiiKind, readonly string[]>> = {
  email: [
    "sam@shop.example",
    "sam.o'neil+tag@mail.shop.co.uk",
    "SAM_1%x@SHOP.EXAMPLE",
    "jürgen@größe.example",
    "пример@почта.рф",
    "用户@例子.公司",
    "sam@xn--fiqs8s.example",
    "ｓａｍ＠shop．example",
    "sam@[192.0.2.1]",
    "sam@192.0.2.1",
    "a@b.co",
  ],
  card: [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
    "6304000000000000",
    "4222222222222",
    "４１１１ １１１１ １１１１ １１１１",
    "4111\u00a01111\u00a01111\u00a01111",
  ],
  iban: [
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "GB82 WEST 1234 5698 7654 32",
    "gb82west12345698765432",
    "FR14 2004 1010 0505 0001 3M02 606",
    "NO93 8601 1117 947",
    "MT84MALT011000012345MTLCAST001S",
  ],
  nationalId: [
    "123-45-6789",
    "123 45 6789",
    "912-70-1234",
    "AB 12 34 56 C",
    "AB123456C",
    "130 692 544",
    "11010519491231002X",

    "A123456(3)",
    "A123456789",
    "S1234567D",
    "900101-1234568",
    "2341 2341 2346",
    "111.444.777-35",
    "12345678Z",
    "X1234567L",
    "RSSMRA85T10A562S",
    "2 55 08 14 168 025 38",
  ],
  phone: [
    "+1 415 555 0132",
    "+14155550132",
    "+44 (0)20 7946 0958",
    "+49 170 1234567",
    "+86 138 0013 8000",
    "0049 30 1234567",
    "(415) 555-0132",
    "415-555-0132",
    "415.555.0132",
    "1-800-555-0132",
    "415-555-0132 x123",
    "13800138000",
    "138-0013-8000",
    "010-62345678",
    "0755 2345678",
    "400-123-4567",
    "98765 43210",
    "020 7946 0958",
    "030/1234567",
    "01 23 45 67 89",
    "01.23.45.67.89",
    "07911123456",
  ],
  ip: [
    "192.0.2.1",
    "255.255.255.255",
    "2001:db8::1",
    "fe80::1",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "::ffff:192.0.2.1",
  ],
  address: [
    "12 Main Street",
    "221B Baker Street, London NW1 6XE",
    "1600 Pennsylvania Ave., Washington, DC 20500",
    "350 5th Avenue, Apt 4B, New York, NY 10118",
    "77 Massachusetts Ave",
    "P.O. Box 1234",
    "Hauptstraße 5, 10115 Berlin",
    "Goethestr. 12a",
    "12 rue de la République, 75001 Paris",
    "Calle de Alcalá 42",
    "Via Roma, 15",
    "北京市朝阳区建国路88号",
    "上海市浦东新区世纪大道100号环球金融中心20层",
    "中关村大街27号院3号楼2单元401室",
  ],
  url: ["https://shop.example/a?b=c&d=e", "www.shop.example", "ftp://files.example"],
};

describe.each(Object.entries(found))("found: %s", (kind, examples) => {
  test.each(examples)("%s", (example) => {
    for (const text of [
      example,
      `Hello: ${example}, thanks.`,
      `这里：${example}。`,
      `(${example})`,
      `x\n${example}\ny`,
    ])
      expect(kindsIn(text)).toEqual([`${kind}: ${example}`]);
  });
});

test.each([
  "邮箱zhang@qq.com请联系",
  "mail:sam@shop.example;",
  "<sam@shop.example>",
  "a@b.com-thanks",
  "write to sam@shop.example.",
])("only the address goes: %s", (text) => {
  const { text: out, spans } = redact(text);
  expect(spans).toHaveLength(1);
  expect(out).toContain("[EMAIL]");
  expect(out).not.toContain("@");
  expect(out).toMatch(/邮箱\[EMAIL\]请联系|mail:|<|thanks|write to \[EMAIL\]\./);
});

test.each(["tel: 5550132", "Call me at 555-0132", "电话62345678", "手机号是：1234567890", "WhatsApp 77 12 34 56"])(
  "a number after a word that says so: %s",
  (text) => expect(redact(text).text).toContain("[PHONE]"),
);

test.each([
  "4111111111111112",
  "order 1234567890123456",
  "41111111111111111111",
  "DE89370400440532013001",
  "XX89370400440532013000",
  "000-12-3456",
  "666-12-3456",
  "123-00-4567",
  "123-45-0000",
  "110105194912310021",
  "110105194913310020",
  "BG123456C",
  "130 692 545",
  "A123456788",
  "S1234567E",
  "111.444.777-36",
  "12345678A",
  "RSSMRA85T10A562T",
  "in 2024-01-15 and 15.01.2024 10:30",
  "01.02.2024 10 11",
  "09:00-17:00",
  "06/09/14/08/03",
  "$1,299.00 and 3.14159265358979",
  "version 1.2.3 of 256.1.1.1",
  "std::vector and a::b",
  "12:30:45",
  "10 minutes on the road",
  "we sat in 2 places",
  "I walked down the street 5 times",
  "@sam and #shop, a @ b",
  "me@home",
  "价格300元，第5号",
  "ISBN 978",
  "",
  " \n\t",
])("left alone: %s", (text) => expect(redact(text)).toEqual({ text, spans: [] }));

test("kinds that overlap are taken out together, as the first of them", () => {
  expect(redact("4111111111111111@shop.example").spans).toEqual([{ kind: "email", start: 0, end: 29 }]);
  expect(redact("https://shop.example/?mail=sam@shop.example&x=1").text).toBe("[EMAIL]");
});

test("names by list: whole words, whatever their case; in Chinese anywhere; the longest", () => {
  const { redact } = redactor({ names: ["Sam Lee", "Sam", "O'Neil", "李小龙", "Zoë"] });
  expect(redact("sam lee met SAM; Samantha and Sammy not. Lee alone stays. O’NEIL! zoë").text).toBe(
    "[NAME] met [NAME]; Samantha and Sammy not. Lee alone stays. [NAME]! [NAME]",
  );
  expect(redact("我是李小龙先生").text).toBe("我是[NAME]先生");
  expect(redactor({ names: ["Card"] }).redact("[CARD] Card").text).toBe("[CARD] [NAME]");
});

test("kinds, placeholders and replacements of one's own", () => {
  const text = "sam@shop.example 4111111111111111";
  expect(redactor({ kinds: ["card"] }).redact(text).text).toBe("sam@shop.example [CARD]");
  expect(redactor({ placeholders: { email: "<mail>", card: "" } }).redact(text).text).toBe("<mail> ");
  expect(redactor().redact("see https://shop.example").text).toBe("see https://shop.example");
  expect(redact(text, (found, { kind }) => `${kind}(${found.length})`).text).toBe("email(16) card(16)");
});

// ---------- fuzz

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(..."0123456789 -.()@/:+[]aAx路号市\ud83d\0", ..."４＠"), maxLength: 60 }),
  fc.lorem({ maxCount: 8 }),
);
/** A number of `length` digits with Luhn's check digit. */
const anyCard = fc
  .tuple(
    fc.constantFrom("4", "5", "6", "2"),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 14, maxLength: 17 }),
  )
  .map(([first, rest]) => {
    const digits = [Number(first), ...rest];
    const sum = digits
      .toReversed()
      .reduce((total, digit, i) => total + (i % 2 === 1 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2), 0);
    return `${digits.join("")}${(10 - (sum % 10)) % 10}`;
  });

test("no e-mail address survives, wherever it stands", () => {
  fc.assert(
    fc.property(anyText, fc.emailAddress(), anyText, (before, email, after) => {
      expect(redact(`${before} ${email} ${after}`).text).not.toContain(email);
      expect(redact(`${before}${email}`).text).not.toContain(email);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("no valid card survives, in one piece or in groups, whatever stands beside it", () => {
  fc.assert(
    fc.property(
      anyText,
      anyCard,
      fc.constantFrom("", " ", "-", "\u00a0"),
      anyText,
      (before, card, separator, after) => {
        const printed = card.match(/.{1,4}/g)!.join(separator);
        expect(redact(`${before} ${printed} ${after}`).text).not.toContain(printed);
        expect(redact(`${before}x${printed}x${after}`).text).not.toContain(printed);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});

test("a second pass changes nothing; spans rise, lie in the text and cut no character in two", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anyText, anyCard, fc.emailAddress(), fc.ipV6()), { maxLength: 5 }), (pieces) => {
      for (const text of [pieces.join(" "), pieces.join("")]) {
        const { text: once, spans } = redact(text);
        let at = 0;
        for (const { start, end } of spans) {
          expect(start).toBeGreaterThanOrEqual(at);
          expect(end).toBeGreaterThan(start);
          for (const cut of [start, end])
            expect(/^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(cut - 1, cut + 1))).toBe(false);
          at = end;
        }
        expect(at).toBeLessThanOrEqual(text.length);
        expect(redact(once).text).toBe(once);
      }
    }),
    { seed: 1, numRuns: 1_000 },
  );
});

test.each([
  "a",
  "1",
  "@",
  "a@",
  "a.",
  "1 ",
  "1234 ",
  "+1",
  "+",
  "a:",
  "市",
  "路1",
  "1 A ",
  "Aa ",
  "DE89 ",
  "tel",
  "tel ",
  "www.",
  "(0",
  "12-",
  "[EMAIL]",
  "\ud83d",
])("a megabyte of %j, at which a quadratic pattern would run out of time", (piece) => {
  const { text } = redact(piece.repeat(1_000_000 / piece.length));
  expect(redact(text).spans).toEqual([]);
});

// ---------- the wrapper

describe("conformance: redacted", () => {
  const inputs = ["mail sam@shop.example", "call +1 415 555 0132 now", null, "nothing here", ""];
  for (const check of extractorChecks({ make: () => redacted(tfidf()), inputs })) test(check.name, check.run);
});

test("an extractor sees no personal data, in fit and in transform, and loads with the same params only", async () => {
  const recipe = redacted(tfidf(), { names: ["Sam"] });
  const fitted = await recipe.fit(["Sam wrote from sam@shop.example", "call +1 415 555 0132"]);
  expect(fitted.names).toEqual(["call", "email", "from", "name", "phone", "wrote"]);
  const plain = await tfidf().fit(["[NAME] wrote from [EMAIL]", "call [PHONE]"]);
  const want = await plain.transform(["[NAME] [PHONE]"]);
  const saved = decodeSaved(encodeSaved(await fitted.save()));
  for (const part of [fitted, await recipe.load(saved)])
    expect(await part.transform(["sam 415-555-0132"])).toEqual(want);
  expect(JSON.stringify(await fitted.save())).not.toContain("415");
  await expect(redacted(tfidf()).load(saved)).rejects.toMatchObject({ code: "saved-mismatch" });
});

test("any extractor of texts will do", async () => {
  const fitted = await redacted(lexiconSentiment()).fit([]);
  expect((await fitted.transform(["good@shop.example"])).cols).toBe(4);
});

test("wrong params and inputs say what is wrong", () => {
  expect(() => redactor({ kinds: ["mail" as never] })).toThrow(
    "text/redactor: kinds is an array of 1, want an array of email",
  );
  expect(() => redactor({ names: [""] })).toThrow("want an array of names, each with a letter");
  expect(() => redactor({ placeholders: { mail: "x" } as never })).toThrow("placeholders.mail");
  expect(() => redactor({ name: [] } as never)).toThrow("no such param");
  expect(() => redact(null as never)).toThrow("want a string");
  expect(() => redacted(null as never)).toThrow("want an extractor of texts");
});
