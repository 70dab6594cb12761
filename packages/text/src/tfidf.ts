import { MmubError, show } from "@mmub/core";
import { isWithin, terms } from "./terms.js";
import { type MergeableExtractor, type VocabularyParams, vocabularyDefaults, vocabularyVectors } from "./vocabulary.js";

const type = "@mmub/text/tfidf";

export interface TfidfParams extends VocabularyParams {
  /** Replace a count by 1 + ln(count). @default false */
  readonly sublinearTf?: boolean;
  /** Divide a count by the number of terms of the text, in the vocabulary or not. @default false */
  readonly relativeTf?: boolean;
  /** Multiply by the inverse document frequency. @default true */
  readonly useIdf?: boolean;
  /** Compute it as ln((1 + texts) / (1 + df)), else as ln(texts / df). @default true */
  readonly smoothIdf?: boolean;
  /** Added to the logarithm. With 0 a term of every text weighs nothing, as in the textbook formula. @default 1 */
  readonly idfOffset?: number;
  /** Scale each row to a sum of squares ("l2") or a sum ("l1") of 1. @default "l2" */
  readonly norm?: "l1" | "l2" | null;
}

/**
 * TF-IDF: how often each term of a vocabulary is in a text, weighted by how few texts have it. The options, the defaults,
 * the vocabulary and the numbers are those of scikit-learn's TfidfVectorizer.
 *
 * Output: Sparse, rows x terms, columns in code point order of the terms, values >= 0. With the defaults value =
 * count * (ln((1 + texts) / (1 + df)) + 1), each row then scaled to length 1. A missing text is an empty row with
 * `present` 0 and does not count in the fit; a text without a known term is an empty row that is present.
 * Rejects anything but strings and null, a fit that leaves no term, and a fixed term that no text has where `smoothIdf`
 * is false, its weight being infinite (`invalid-input`).
 * Cost: one pass over the text, in `fit` and in `transform`; what `fit` read of an array is kept for the first `transform`,
 * which then does not read the same texts again (8 bytes a term of a text, up to 128 MiB). Memory grows with the vocabulary
 * before `minDf` and `maxDf` thin it. A `tokenPattern` other than the default and `\b\w+\b`, and a `tokenizer`, take a
 * slower path.
 * Source: scikit-learn 1.9, `sklearn/feature_extraction/text.py`. The form in which tf is a share and idf = ln(texts / df)
 * (Salton & Buckley 1988) is `{ relativeTf: true, smoothIdf: false, idfOffset: 0, norm: null }`.
 *
 * @example
 * const fitted = await tfidf({ ngramRange: [1, 2] }).fit(["good price", "good service", "bad service"]);
 * console.log(fitted.names); // bad, bad service, good, good price, good service, price, service
 * const { columns, values } = await fitted.transform(["good good price"]); // columns 2, 3 and 5
 */
export function tfidf(given: TfidfParams = {}): MergeableExtractor {
  const checked = terms(type, given, defaults);
  const { check, params } = checked;
  const { useIdf, smoothIdf, idfOffset, sublinearTf, relativeTf, norm } = params;
  for (const name of ["sublinearTf", "relativeTf", "useIdf", "smoothIdf"] as const)
    check(name, typeof params[name] === "boolean", "true or false");
  check("idfOffset", isWithin(idfOffset, 0, Number.MAX_VALUE), "a finite number from 0 on");
  check("norm", [null, "l1", "l2"].includes(norm), '"l1", "l2" or null');
  check("sublinearTf", !(sublinearTf && relativeTf), "false where relativeTf is true");

  return vocabularyVectors({
    type,
    terms: checked,
    hasWeights: useIdf,
    weigh(df, texts, names) {
      if (!useIdf) return null;
      if (texts === 0)
        throw new MmubError("invalid-input", {
          part: type,
          message: "no text was given, so no term has a frequency; give at least one, or set useIdf to false",
        });
      const never = smoothIdf ? -1 : df.indexOf(0);
      if (never >= 0)
        throw new MmubError("invalid-input", {
          part: type,
          message: `no text has the term ${show(names[never])} of the vocabulary, so its weight is infinite; leave it out, or set smoothIdf to true`,
          term: names[never],
        });
      const extra = smoothIdf ? 1 : 0;
      return Float64Array.from(df, (n) => Math.log((texts + extra) / (n + extra)) + idfOffset);
    },
    weighting: (idf) => ({ binary: params.binary, sublinearTf, relativeTf, idf, norm }),
  });
}

const defaults: Required<TfidfParams> = {
  ...vocabularyDefaults,
  sublinearTf: false,
  relativeTf: false,
  useIdf: true,
  smoothIdf: true,
  idfOffset: 1,
  norm: "l2",
};
