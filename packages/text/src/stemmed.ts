import { checkParam, library, MmubError, show } from "@mmub/core";
import { englishStopWords, germanStopWords } from "./stop-words.js";
import { checkTokenizer, type Tokenizer, tokenizerRecipe } from "./tokenizer.js";

const type = "@mmub/text/stemmed";

// natural's files, by language and algorithm. Its main entry reads .env and loads database clients, so it is never imported.
const stemmers = {
  en: { porter: "porter_stemmer", lancaster: "lancaster_stemmer" },
  de: { porter: "porter_stemmer_de" },
  es: { porter: "porter_stemmer_es" },
  fr: { porter: "porter_stemmer_fr", carry: "Carry/index" },
  id: { sastrawi: "indonesian/stemmer_id" },
  it: { porter: "porter_stemmer_it" },
  nl: { porter: "porter_stemmer_nl" },
  no: { porter: "porter_stemmer_no" },
  pt: { porter: "porter_stemmer_pt" },
  ru: { porter: "porter_stemmer_ru" },
  sv: { porter: "porter_stemmer_sv" },
  uk: { porter: "porter_stemmer_uk" },
} as const;

export type StemLanguage = keyof typeof stemmers;
export type StemAlgorithm = "porter" | "lancaster" | "carry" | "sastrawi";

export interface StemmedParams {
  /** @default "en" */
  readonly language?: StemLanguage;
  /**
   * "porter" is the Snowball family's of that language; English has "lancaster" too, which cuts more, French "carry".
   * Indonesian has "sastrawi" alone.
   * @default "porter", or the only one of the language
   */
  readonly algorithm?: StemAlgorithm;
}

/**
 * The tokens of another tokenizer, each cut to its stem, so that "price", "prices" and "priced" are one feature.
 * Stems are lower case. Rejects an algorithm that the language lacks (`invalid-params`), and asks for `natural` where it is
 * not installed (`missing-library`).
 * Cost: one look-up a token; a stemmer runs once for each of the 65,536 latest different tokens.
 * Source: natural 8, `lib/natural/stemmers`; Porter 1980, Paice 1990.
 *
 * @example
 * const tokenizer = await stemmed(wordTokenizer());
 * console.log(tokenizer.tokenize("prices were priced")); // [ 'price', 'were', 'price' ]
 */
export async function stemmed(tokenizer: Tokenizer, given: StemmedParams = {}): Promise<Tokenizer> {
  const { language = "en" } = given;
  checkTokenizer(type, tokenizer);
  checkParam(
    type,
    "language",
    language,
    Object.hasOwn(stemmers, language),
    `one of ${Object.keys(stemmers).join(", ")}`,
  );
  const ofLanguage: Partial<Record<string, string>> = stemmers[language];
  const { algorithm = Object.keys(ofLanguage)[0] as StemAlgorithm } = given;
  const file = Object.hasOwn(ofLanguage, algorithm) ? ofLanguage[algorithm] : undefined;
  checkParam(
    type,
    "algorithm",
    algorithm,
    file !== undefined,
    `one of ${Object.keys(ofLanguage).join(", ")} for ${language}`,
  );

  const { stem } = await fromNatural<{ default: { stem(token: string): string } }>(`stemmers/${file}`).then(
    ({ default: stemmer }) => ({ stem: (token: string) => stemmer.stem(token) }),
  );
  const known = new Map<string, string>();
  const stemOf = (token: string): string => {
    let found = known.get(token);
    if (found === undefined) {
      // A stem may keep the text that it was cut from in memory.
      found = Buffer.from(stem(token.toLowerCase()), "utf16le").toString("utf16le");
      if (known.size === 1 << 16) known.clear();
      known.set(token, found);
    }
    return found;
  };
  return {
    type,
    params: { tokenizer: tokenizerRecipe(tokenizer), language, algorithm },
    tokenize: (text) => tokenizer.tokenize(text).map(stemOf),
  };
}

const naturalLists = ["es", "fa", "fr", "id", "it", "ja", "nl", "no", "pl", "pt", "ru", "sv", "uk", "zh"] as const;

export type StopWordLanguage = "en" | "de" | (typeof naturalLists)[number];

/**
 * The stop words of a language, in lower case: English and German are here, the others come from `natural`
 * (`missing-library` without it). Look at a list before you use it: some words may say something of your users.
 *
 * @example
 * const french = await stopWordsOf("fr");
 * console.log(french.includes("avec")); // true
 */
export async function stopWordsOf(language: StopWordLanguage): Promise<readonly string[]> {
  if (language === "en") return englishStopWords;
  if (language === "de") return germanStopWords;
  if (!naturalLists.includes(language))
    throw new MmubError("invalid-params", {
      part: "@mmub/text/stop-words",
      message: `language is ${show(language)}, want one of en, de, ${naturalLists.join(", ")}`,
      language,
    });
  const { default: list } = await fromNatural<{ default: { words: readonly string[] } }>(`util/stopwords_${language}`);
  // A copy: natural keeps one list for the whole process, which anyone may change.
  return [...new Set(list.words)];
}

function fromNatural<T>(file: string): Promise<T> {
  return library(type, "natural", () => import(/* @vite-ignore */ `natural/lib/natural/${file}.js`) as Promise<T>);
}
