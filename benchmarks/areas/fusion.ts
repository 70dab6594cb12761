// A training step of fusers on 1 and 2 threads, beside the same in PyTorch on the CPU.
import type { Row } from "../race.js";
import { type Race, stepRaces } from "./nn.js";

const workloads = {
  mlp: "the article's model, 3 x 300 to 128, 128, 1, batch 32",
  "low-rank": "low-rank fusion, 3 x 300 to 128, rank 4, 64, batch 32",
  crossmodal: "crossmodal Transformer, 3 x 20 steps of 32, 64 units, 2 layers, batch 32",
};

const races: readonly Race[] = [
  { name: "training", task: "train", rules: "dense", optimizer: "adam" },
  { name: "training", task: "train", rules: "dense", optimizer: "fused" },
];

export async function* measure(only?: string): AsyncGenerator<Row> {
  for (const [workload, title] of Object.entries(workloads)) yield* stepRaces(workload, title, races, only);
}
