import { terms } from "./terms.js";
import { type MergeableExtractor, type VocabularyParams, vocabularyDefaults, vocabularyVectors } from "./vocabulary.js";

export type CountVectorsParams = VocabularyParams;

/**
 * How often each term of a vocabulary is in a text. The options, the defaults, the vocabulary and the numbers are those of
 * scikit-learn's CountVectorizer.
 *
 * Output: Sparse, rows x terms, columns in code point order of the terms, values whole numbers >= 1, or 1 with `binary`. A
 * missing text is an empty row with `present` 0; a text without a known term is an empty row that is present.
 * Rejects anything but strings and null, and a fit that leaves no term (`invalid-input`).
 * Cost: as `tfidf`.
 * Source: scikit-learn 1.9, `sklearn/feature_extraction/text.py`.
 *
 * @example
 * const fitted = await countVectors().fit(["good price", "good good service"]);
 * console.log(fitted.names, (await fitted.transform(["good good price"])).values); // good, price, service: 2 and 1
 */
export function countVectors(given: CountVectorsParams = {}): MergeableExtractor {
  const type = "@mmub/text/count-vectors";
  const checked = terms(type, given, vocabularyDefaults as Required<CountVectorsParams>);
  return vocabularyVectors({
    type,
    terms: checked,
    hasWeights: false,
    weigh: () => null,
    weighting: () => ({ binary: checked.params.binary }),
  });
}
