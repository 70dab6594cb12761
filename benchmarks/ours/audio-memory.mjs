// Hours of a WAV file at 44.1 kHz that is never whole anywhere, to MFCCs at 16 kHz, of the built package: prints by how many MB the peak
// grew after the first tenth.
import { audioBlocks, encodeWav, mfcc } from "@mmub/audio";

const seconds = 3600 * Number(process.argv[2]);
const peak = () => process.resourceUsage().maxRSS / 1e3;
let early = 0;

async function* file() {
  const piece = Float32Array.from({ length: 10 * 44_100 }, (_, i) => 0.5 * Math.sin(i / 20) * Math.sin(i / 7_000));
  const bytes = encodeWav(piece, 44_100);
  const header = bytes.slice(0, 44);
  const view = new DataView(header.buffer);
  view.setUint32(4, 36 + seconds * 88_200, true);
  view.setUint32(40, seconds * 88_200, true);
  yield header;
  for (let at = 0; at < seconds; at += 10) {
    yield bytes.subarray(44);
    if (at === Math.round(seconds / 10)) early = peak();
  }
}

const fitted = await mfcc({
  ...{ coefficients: 13, fftSize: 512, windowLength: 400, hopLength: 160, mels: 40, topDb: null },
  output: "frames",
}).fit([]);
const stream = fitted.stream();
let steps = 0;
for await (const { samples } of audioBlocks(file(), { sampleRateHz: 16_000 })) steps += stream.push(samples).offsets[1];
steps += stream.end().offsets[1];
if (steps !== 1 + seconds * 100) throw new Error(`${steps} frames, want ${1 + seconds * 100}`);
console.log(Math.max(0, peak() - early));
