// As peers/tfidf_memory.py, of the built package: a loader of TypeScript would count too.
// Prints the peak in MB, and of a stream also that after its first tenth.
import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tfidf } from "@mmub/text";

const [path, times] = process.argv.slice(2);
const peak = () => process.resourceUsage().maxRSS / 1e3;
let early = 0;

async function* batches() {
  for (let time = 0; time < Number(times); time++) {
    let batch = [];
    for await (const line of createInterface({ input: createReadStream(path, "utf8") })) {
      batch.push(line);
      if (batch.length < 1000) continue;
      yield batch;
      batch = [];
    }
    yield batch;
    if (time === Math.ceil(Number(times) / 10) - 1) early = peak();
  }
}

if (times === "0") {
  const texts = readFileSync(path, "utf8").split("\n");
  await (await tfidf().fit(texts)).transform(texts);
} else await tfidf().fit({ [Symbol.asyncIterator]: batches });
console.log(peak(), early || peak());
