import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chineseTokenizer } from "./chinese-tokenizer.js";
import { normalized, normalizer } from "./normalizer.js";
import { stemmed, stopWordsOf } from "./stemmed.js";
import { englishStopWords } from "./stop-words.js";
import { characterTokenizer, type Tokenizer, withoutStopWords, wordTokenizer } from "./tokenizer.js";

test("words by the pattern, of any script", () => {
  expect(wordTokenizer().tokenize("It's a 5-star shop, très bien! Цена 价格很好 a_b")).toEqual(
    "It star shop très bien Цена 价格很好 a_b".split(" "),
  );
  expect(wordTokenizer({ pattern: "#(\\w+)" }).tokenize("#sale now #2024")).toEqual(["sale", "2024"]);
  expect(wordTokenizer({ pattern: "\\S+" }).params).toEqual({ pattern: "\\S+" });
  expect(() => wordTokenizer({ pattern: "(" })).toThrow(expect.objectContaining({ code: "invalid-params" }));
});

test("characters: code points, or what is read as one", () => {
  const text = "太 é 👩‍👧👍🏽\n\ud83d";
  expect(characterTokenizer().tokenize("太 𠮷\ud83d")).toEqual(["太", "𠮷", "\ud83d"]);
  expect(characterTokenizer({ unit: "grapheme" }).tokenize(text)).toEqual(["太", "é", "👩‍👧", "👍🏽", "\ud83d"]);
  expect(characterTokenizer({ spaces: true }).tokenize("a b")).toEqual(["a", " ", "b"]);
});

describe("Chinese", () => {
  // What jieba 0.42.1 for Python gives: jieba.lcut and lcut_for_search, of texts without what is no letter.
  test("jieba's words", async () => {
    const tokenizer = await chineseTokenizer();
    expect(tokenizer.params.engine).toBe("jieba");
    expect(tokenizer.tokenize("我来到北京清华大学")).toEqual(["我", "来到", "北京", "清华大学"]);
    expect(tokenizer.tokenize("他来到了网易杭研大厦")).toEqual(["他", "来到", "了", "网易", "杭研", "大厦"]);
    const withoutModel = await chineseTokenizer({ hmm: false });
    expect(withoutModel.tokenize("他来到了网易杭研大厦")).toEqual(["他", "来到", "了", "网易", "杭", "研", "大厦"]);
    const search = await chineseTokenizer({ search: true });
    expect(search.tokenize("小明硕士毕业于中国科学院计算所")).toEqual(
      "小明 硕士 毕业 于 中国 科学 学院 科学院 中国科学院 计算 计算所".split(" "),
    );
  });

  test("own words change this tokenizer alone", async () => {
    const own = await chineseTokenizer({ words: ["物流快 100 n"] });
    const plain = await chineseTokenizer();
    expect(own.tokenize("价格很好，物流快")).toEqual(["价格", "很", "好", "物流快"]);
    expect(plain.tokenize("价格很好，物流快")).toEqual(["价格", "很", "好", "物流", "快"]);
  });

  test("punctuation is kept when asked for, white space never", async () => {
    for (const engine of ["jieba", "intl"] as const) {
      const tokenizer = await chineseTokenizer({ engine, punctuation: true });
      expect(tokenizer.params.engine).toBe(engine);
      expect(tokenizer.tokenize("太贵！ 😡\nOK")).toEqual(expect.arrayContaining(["！", "😡", "OK"]));
      expect(tokenizer.tokenize("太贵！ 😡\nOK").join("")).toBe("太贵！😡OK");
    }
  });

  test("refuses what only jieba has", async () => {
    await expect(chineseTokenizer({ engine: "intl", search: true })).rejects.toMatchObject({ code: "invalid-params" });
    await expect(chineseTokenizer({ words: ["a b c d"] })).rejects.toMatchObject({ code: "invalid-params" });
    await expect(chineseTokenizer({ engine: "thulac" as never })).rejects.toMatchObject({ code: "invalid-params" });
  });
});

describe("stems and stop words", () => {
  // Porter's own examples (Program 14, 1980), and the Snowball project's sample words.
  test.each([
    [
      "en",
      "porter",
      "caresses ponies relational conditional rational hopefulness adjustable",
      "caress poni relat condit ration hope adjust",
    ],
    ["en", "lancaster", "maximum presumably provision owed", "maxim presum provid ow"],
    ["de", "porter", "aufeinanderfolgenden kategorischen häuser", "aufeinanderfolg kategor haus"],
    ["fr", "porter", "continuellement majestueusement", "continuel majestu"],
    ["es", "porter", "chicharrones torneados", "chicharron torn"],
    ["ru", "porter", "важнейшие вагонами", "важн вагон"],
  ] as const)("%s %s", async (language, algorithm, words, stems) => {
    const tokenizer = await stemmed(wordTokenizer(), { language, algorithm });
    expect(tokenizer.tokenize(words).join(" ")).toBe(stems);
    expect(tokenizer.params).toMatchObject({ language, algorithm, tokenizer: { type: "@mmub/text/word-tokenizer" } });
  });

  test("two languages at once do not disturb each other", async () => {
    const [english, german] = [await stemmed(wordTokenizer()), await stemmed(wordTokenizer(), { language: "de" })];
    const alone = [english.tokenize("houses prices"), german.tokenize("Häuser Preise")];
    const mixed = [german.tokenize("Häuser Preise"), english.tokenize("houses prices")].reverse();
    expect(mixed).toEqual(alone);
  });

  test("stop words go", async () => {
    expect(withoutStopWords(wordTokenizer(), englishStopWords).tokenize("the price of the shop")).toEqual([
      "price",
      "shop",
    ]);
    for (const [language, word] of [
      ["fr", "avec"],
      ["zh", "的"],
      ["ru", "после"],
      ["de", "nicht"],
      ["en", "the"],
    ] as const)
      expect(await stopWordsOf(language)).toContain(word);
    await expect(stopWordsOf("xx" as never)).rejects.toMatchObject({ code: "invalid-params" });
    await expect(stemmed(wordTokenizer(), { language: "toString" as never })).rejects.toMatchObject({
      code: "invalid-params",
    });
    await expect(stemmed(chineseTokenizer() as never)).rejects.toThrow(/it is a promise, so write await/);
  });
});

describe("normalisation", () => {
  const through = (params: object, text: string): string => normalizer(params).normalize(text);

  test.each<[object, string, string]>([
    [{}, "  Any <b>text</b> 😀", "  Any <b>text</b> 😀"],
    [
      { html: true },
      "a<br/>b <b>bo</b>ld &amp; &lt;i&gt; &eacute;&#233;&#xe9;&#128;&#0;&#xD800;&nosuch; &hearts;",
      "a b bold & <i> ééé€\ufffd\ufffd&nosuch; ♥",
    ],
    [
      { html: true },
      "<p>one</p><!-- no <b> -->two<script>var a = 1 < 2;</script>three <STYLE>x{}</STYLE>four 1 < 2 > 1",
      " one  two three  four 1 < 2 > 1",
    ],
    [{ html: true }, "<!-- never ends <b>x</b>", "<!-- never ends x"],
    [{ html: true }, "İİ<SCRIPT>1</Script >İ<!--x-->b", "İİ İ b"],
    [{ unicode: "NFKC" }, "Ｇｏｏｄ ﬁn ①", "Good fin 1"],
    [{ lowercase: true, stripAccents: "unicode" }, "CAFÉ", "cafe"],
    [
      { urls: "<url>" },
      "see https://a.example/x?y=1&z=2. Or www.b.example, (http://c.example) 价格www.d.example很好",
      "see <url>. Or <url>, (<url>) 价格<url>很好",
    ],
    [{ emails: "$&" }, "to first.last+tag@shop.example.com, not @me", "to $&, not @me"],
    [{ numbers: "<num>" }, "1,250.50 for 3 of 4th, order_12 -5 ٣٤", "<num> for <num> of 4th, order_12 <num> <num>"],
    [{ maxRepeat: 2 }, "sooooo good!!!! 10000 😀😀😀😀", "soo good!! 10000 😀😀"],
    [{ spaces: true }, " a\u3000\n b\t", "a b"],
    [{ emoji: "remove" }, "ok 👍🏽👨‍👩‍👧 ❤️🇩🇪1️⃣ 5 #", "ok   5 #"],
    [
      { emoji: "name", spaces: true },
      "ok👍🏽 👨‍👧❤️🇩🇪#️⃣😍",
      "ok :thumbs_up: :medium_skin_tone: :man: :girl: :red_heart: :flag_de: :keycap_hash: :smiling_face_with_heart_eyes:",
    ],
  ])("%j", (params, text, want) => {
    expect(through(params, text)).toBe(want);
  });

  test("all of it, as a tokenizer with its params", () => {
    const tokenizer = normalized(wordTokenizer(), { html: true, lowercase: true, emoji: "name" });
    expect(tokenizer.tokenize("<p>Great</p> 😀")).toEqual(["great", "grinning_face"]);
    expect(tokenizer.params).toMatchObject({ html: true, tokenizer: { type: "@mmub/text/word-tokenizer" } });
  });

  test("refuses what it does not know", () => {
    const refused = expect.objectContaining({ code: "invalid-params" });
    for (const params of [
      { html: 1 },
      { case: true },
      { unicode: "NFX" },
      { urls: 3 },
      { emoji: "named" },
      { maxRepeat: 0 },
      { stripAccents: "all" },
    ])
      expect(() => normalizer(params as never), JSON.stringify(params)).toThrow(refused);
  });

  // Each would take minutes if a pattern went back over what it had read.
  test("long texts made to slow patterns down", () => {
    const all = normalizer({
      html: true,
      unicode: "NFKC",
      lowercase: true,
      urls: "u",
      emails: "e",
      emoji: "name",
      numbers: "0",
      maxRepeat: 3,
      spaces: true,
    });
    for (const piece of [
      "<",
      "<!--",
      "<script>",
      "a",
      "a.",
      "a@",
      "1,",
      "www.",
      "&#",
      "👨‍",
      "\ud83d",
      "\u0000",
      "((",
      " ",
    ])
      expect(typeof all.normalize(piece.repeat(300_000 / piece.length))).toBe("string");
  });
});

test("any text gives tokens, and the same again", async () => {
  const full = {
    html: true,
    unicode: "NFKC",
    lowercase: true,
    urls: "",
    emails: "",
    emoji: "name",
    stripAccents: "unicode",
    numbers: "",
    maxRepeat: 2,
    spaces: true,
  } as const;
  const tokenizers: Tokenizer[] = [
    wordTokenizer(),
    characterTokenizer(),
    characterTokenizer({ unit: "grapheme", spaces: true }),
    await chineseTokenizer({ punctuation: true }),
    await chineseTokenizer({ engine: "intl" }),
    normalized(wordTokenizer(), full),
    ...(await Promise.all(
      (["en", "de", "es", "fr", "id", "it", "nl", "no", "pt", "ru", "sv", "uk"] as const).map((language) =>
        stemmed(wordTokenizer({ pattern: "\\S+" }), { language }),
      ),
    )),
    await stemmed(wordTokenizer(), { algorithm: "lancaster" }),
    await stemmed(wordTokenizer(), { language: "fr", algorithm: "carry" }),
  ];
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom(..."aeiouäßéyqulnsтиеש<>&;@.1 \u0000\u200d", "👍", "\ud83d", "\ufe0f"),
      maxLength: 60,
    }),
  );
  fc.assert(
    fc.property(text, (given) => {
      for (const { tokenize, type } of tokenizers) {
        const tokens = tokenize(given);
        for (const token of tokens) expect(typeof token, type).toBe("string");
        expect(tokenize(given), type).toEqual(tokens);
      }
    }),
    { seed: 4, numRuns: 300 },
  );
});
