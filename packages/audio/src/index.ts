export type { AudioInput } from "./audio-input.js";
export * from "./mfcc.js";
export { type PitchFramesParams, type PitchStatisticsParams, pitch } from "./pitch.js";
export { type ResamplerParams, resampler } from "./resampler.js";
export type { Statistic } from "./statistics.js";
export { type DecodeWavOptions, decodeWav, type EncodeWavOptions, encodeWav, type Waveform } from "./wav.js";
export type { Window } from "./window.js";
