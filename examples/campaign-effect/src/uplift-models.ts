import { columns } from "@mmub/behavior";
import { concat, pipeline } from "@mmub/fusion";
import { gradientBoostingClassifier } from "@mmub/models";
import type { Customer } from "./campaign.js";

/** The predicted effect of the e-mail on each of `asked`, learned from the customers of `known`. */
export type UpliftModel = (
  known: readonly Customer[],
  asked: readonly Customer[],
  seed: number,
) => Promise<Float64Array>;

// Small trees of many rows each: an effect is a small difference of two noisy rates.
const recipe = pipeline({
  modalities: { customer: columns({ scale: "none" }) },
  fuser: concat(),
  model: gradientBoostingClassifier<boolean>({
    numLeaves: 4,
    numIterations: 100,
    learningRate: 0.05,
    minDataInLeaf: 100,
    featureFraction: 0.5,
    baggingFraction: 0.5,
  }),
});

/** How likely what `happened` to the customers of `known` happens to each of `asked`. */
async function chances(
  known: readonly Customer[],
  happened: (customer: Customer) => boolean,
  asked: readonly Customer[],
  seed: number,
): Promise<Float64Array> {
  const sampleOf = ({ known }: Customer) => ({ customer: known });
  const fitted = await recipe.fit(known.map(sampleOf), known.map(happened), { seed });
  const { probabilities, classes } = await fitted.predict(asked.map(sampleOf));
  const yes = classes.indexOf(true);
  return Float64Array.from(asked, (_, i) => probabilities.data[i * probabilities.cols + yes]!);
}

/** A model of those who got the e-mail and one of those who did not: the effect is the difference of what they say. */
export const twoModels: UpliftModel = async (known, asked, seed) => {
  const visited = ({ visited }: Customer) => visited;
  const [given, without] = [known.filter(({ email }) => email), known.filter(({ email }) => !email)];
  const [high, low] = [await chances(given, visited, asked, seed), await chances(without, visited, asked, seed)];
  return high.map((chance, i) => chance - low[i]!);
};

/** One model of whether a customer did as the arm would have it; with arms of equal size the effect is 2 p - 1 (Jaskowski & Jaroszewicz 2012). */
export const classTransform: UpliftModel = async (known, asked, seed) => {
  const did = await chances(known, ({ email, visited }) => visited === (email !== null), asked, seed);
  return did.map((chance) => 2 * chance - 1);
};
