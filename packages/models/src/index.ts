export {
  type FittedLogisticRegression,
  type LogisticRegression,
  type LogisticRegressionParams,
  logisticRegression,
} from "./logistic-regression.js";
export { type MostPopularParams, mostPopular } from "./most-popular.js";
export { type FittedRidge, type Ridge, type RidgeParams, ridge } from "./ridge.js";
