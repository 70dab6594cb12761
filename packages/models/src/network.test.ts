import { modelChecks } from "@mmub/core/testing";
import { adam } from "@mmub/nn";
import { describe, test } from "vitest";
import { mlp } from "./network/architecture.js";
import { networkClassifier, networkRegressor } from "./network.js";

// In place and in few steps: what a test needs.
const quick = { worker: false, epochs: 12, batchSize: 16, optimizer: adam({ learningRate: 0.02 }) } as const;
const small = mlp({ hidden: [8], dropout: 0.1 });

describe("conformance", () => {
  for (const [name, options] of [
    ["dense, standardised", { layouts: ["dense"] }],
    ["sparse", { layouts: ["sparse"] }],
    ["both, as they are", { standardize: false }],
  ] as const) {
    const { standardize = true, ...layouts } = options as { standardize?: boolean; layouts?: ["dense"] };
    const params = { ...quick, network: small, standardize };
    for (const check of modelChecks({ task: "classification", make: () => networkClassifier(params), ...layouts }))
      test(`classifier, ${name}: ${check.name}`, check.run);
    for (const check of modelChecks({ task: "regression", make: () => networkRegressor(params), ...layouts }))
      test(`regressor, ${name}: ${check.name}`, check.run);
  }
});
