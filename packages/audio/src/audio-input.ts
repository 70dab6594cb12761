import { readFile } from "node:fs/promises";
import { MmubError, rejectInput } from "@mmub/core";
import { readAudio } from "./decode.js";
import { resampler } from "./resampler.js";
import { channelsOf, type Reject, type Waveform } from "./wav.js";

/**
 * A recording, of any rate and any number of channels: the path of a file that `decodeAudio` takes, its `file:` URL, its bytes, or
 * samples that are decoded already. Channels are averaged.
 */
export type AudioInput = string | URL | Uint8Array | Waveform;

/** The rates that a recording may have, in Hz: a damaged header could otherwise ask for resampling without end. */
export const sampleRates = { from: 1_000, to: 768_000 } as const;

// Pairs of rates whose filters are kept; a data set has few.
const keptResamplers = 8;

/** Reads inputs as mono samples at `sampleRateHz`; errors are of `part` and name the input's index. */
export function audioReader(
  part: string,
  sampleRateHz: number,
): (input: AudioInput, index: number) => Promise<Float32Array> {
  const resamplers = new Map<number, (samples: Float32Array) => Float32Array>();
  return async (input, index) => {
    const reject: Reject = (problem) => {
      throw new MmubError("invalid-input", { part, message: `input ${index}: ${problem}`, index });
    };
    const waveform = await waveformOf(input, part, index, reject);
    const fromHz = waveform.sampleRateHz;
    if (!Number.isInteger(fromHz) || fromHz < sampleRates.from || fromHz > sampleRates.to)
      reject(`the sample rate is ${fromHz} Hz, want an integer from ${sampleRates.from} to ${sampleRates.to}`);
    const samples = mono(channelsOf(waveform.samples, reject));
    if (samples.length === 0)
      reject("the recording has no samples, want at least one; give null for a missing recording");
    if (fromHz === sampleRateHz) return samples;

    let toTarget = resamplers.get(fromHz);
    if (!toTarget) {
      if (resamplers.size === keptResamplers) resamplers.clear();
      toTarget = resampler({ fromHz, toHz: sampleRateHz });
      resamplers.set(fromHz, toTarget);
    }
    return toTarget(samples);
  };
}

async function waveformOf(input: AudioInput, part: string, index: number, reject: Reject): Promise<Waveform> {
  if (typeof input === "string" || input instanceof URL)
    return readAudio(await fileBytes(input, part, index), {}, part, reject);
  if (input instanceof Uint8Array) return readAudio(input, {}, part, reject);
  if (typeof input !== "object" || input === null || !("samples" in input) || !("sampleRateHz" in input))
    rejectInput(
      part,
      index,
      input,
      "a path, a file: URL, a Uint8Array with an audio file, { samples, sampleRateHz } or null",
    );
  return input;
}

async function fileBytes(file: string | URL, part: string, index: number): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new MmubError("invalid-input", {
      part,
      message: `input ${index}: cannot read ${file}: ${(cause as Error).message}; give the path or file: URL of an audio file`,
      index,
      cause,
    });
  }
}

function mono(channels: readonly Float32Array[]): Float32Array {
  if (channels.length === 1) return channels[0]!;
  const sums = new Float64Array(channels[0]!.length);
  for (const channel of channels) for (let i = 0; i < sums.length; i++) sums[i] = sums[i]! + channel[i]!;
  return Float32Array.from(sums, (sum) => sum / channels.length);
}
