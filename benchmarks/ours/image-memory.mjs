// 10,000 JPEGs of 1280 x 960 to float batches of 50, of the built package: a loader of TypeScript would count too.
// Prints by how many MB the peak of the process grew after the first 500.
import { readFileSync } from "node:fs";
import { imageTensor } from "@mmub/image";

const bytes = readFileSync(process.argv[2]);
const photos = [];
for (let at = 0; at < bytes.length; at += 4 + photos.at(-1).length)
  photos.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)));

const fitted = await imageTensor({ kernel: "linear" }).fit([]);
const peak = () => process.resourceUsage().maxRSS / 1e3;
let early = 0;
for (let done = 0; done < 10_000; done += 50) {
  if (done === 500) early = peak();
  await fitted.transform(Array.from({ length: 50 }, (_, i) => photos[(done + i) % photos.length]));
}
console.log(peak() - early);
