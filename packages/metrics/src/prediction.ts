import { type Classification, type Label, MmubError, type Regression, type RunOptions, show } from "@mmub/core";
import { checkFinite, checkMatrix, rejectAt } from "./checks.js";
import { take } from "./split.js";

/** Anything that predicts from samples, such as a fitted pipeline. */
export interface Predictor<Sample, Output extends Classification | Regression = Classification | Regression> {
  predict(samples: readonly Sample[], options?: RunOptions): Promise<Output>;
}

export function isClassification<L extends Label>(
  prediction: Classification<L> | Regression,
): prediction is Classification<L> {
  return "probabilities" in prediction;
}

/** Throws unless `prediction` is a whole Classification or Regression of `rows` samples. */
export function checkPrediction(part: string, prediction: Classification | Regression, rows: number): void {
  if (
    typeof prediction !== "object" ||
    prediction === null ||
    !("probabilities" in prediction || "values" in prediction)
  )
    throw new MmubError("invalid-input", {
      part,
      message: `the prediction is ${show(prediction)}, want a Classification or a Regression`,
    });
  const lists = isClassification(prediction)
    ? { labels: prediction.labels, classes: prediction.classes }
    : { values: prediction.values };
  for (const [name, list] of Object.entries(lists))
    if (!Array.isArray(list) && !ArrayBuffer.isView(list))
      throw new MmubError("invalid-input", {
        part,
        message: `the prediction's ${name} are ${show(list)}, want an array`,
      });
  const got = isClassification(prediction) ? prediction.labels.length : prediction.values.length;
  if (got !== rows)
    throw new MmubError("shape-mismatch", {
      part,
      message: `${got} predictions for ${rows} samples, want one for each`,
      got,
      rows,
    });
  if (!isClassification(prediction)) {
    checkFinite(part, "predicted value", prediction.values);
    return;
  }
  checkMatrix(part, "the prediction's probabilities", prediction.probabilities);
  const { classes, probabilities } = prediction;
  const { cols, data } = probabilities;
  if (probabilities.rows !== rows || cols !== classes.length || data.length !== rows * cols)
    throw new MmubError("shape-mismatch", {
      part,
      message: `probabilities are ${probabilities.rows} x ${cols} with ${data.length} values, want ${rows} samples x ${classes.length} classes`,
    });
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]))
      rejectAt(part, "the probabilities of sample", Math.floor(i / cols), data[i], "finite numbers");
}

/** The predictions of `rows`, in that order. */
export function takePrediction<Output extends Classification | Regression>(
  prediction: Output,
  rows: ArrayLike<number>,
): Output;
export function takePrediction(
  prediction: Classification | Regression,
  rows: ArrayLike<number>,
): Classification | Regression {
  if (!isClassification(prediction)) return { values: take(prediction.values, rows) };
  const { probabilities, labels, classes } = prediction;
  const { cols } = probabilities;
  const data = new Float32Array(rows.length * cols);
  for (let i = 0; i < rows.length; i++)
    for (let c = 0; c < cols; c++) data[i * cols + c] = probabilities.data[rows[i]! * cols + c]!;
  return { labels: take(labels, rows), classes, probabilities: { layout: "dense", rows: rows.length, cols, data } };
}
