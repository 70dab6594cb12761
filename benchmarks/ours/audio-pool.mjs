// 13 MFCC of files of a minute, of the built package: prints the files a second on one thread and with so many, turn by turn.
import { writeFileSync } from "node:fs";
import { encodeWav, mfcc } from "@mmub/audio";
import { parallel } from "@mmub/core";

const [path, count, threads] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const samples = Float32Array.from({ length: 60 * 16_000 }, (_, i) => 0.5 * Math.sin(i / 9) * Math.sin(i / 7_000));
writeFileSync(path, encodeWav(samples, 16_000));
const files = Array.from({ length: count }, () => path);
const params = { coefficients: 13, fftSize: 512, windowLength: 400, hopLength: 160, mels: 40 };
const one = await mfcc(params).fit([]);
const several = await parallel(mfcc(params), { module: import.meta.resolve("@mmub/audio"), threads }).fit([]);

const rate = async (fitted) => {
  const started = performance.now();
  await fitted.transform(files);
  return (1000 * count) / (performance.now() - started);
};
for (const fitted of [one, several]) await rate(fitted);
const rates = { one: [], several: [] };
for (let round = 0; round < 7; round++) {
  rates.several.push(await rate(several));
  rates.one.push(await rate(one));
}
await several.dispose();
console.log(JSON.stringify(rates));
