export { type AudioEncoderParams, audioEncoder } from "./audio-encoder.js";
export type { AudioInput } from "./audio-input.js";
export { type CtcDecoderParams, ctcDecoder, type Transcript } from "./ctc-decoder.js";
export { type DecodeAudioOptions, type DecodedAudio, decodeAudio } from "./decode.js";
export { type FormantFramesParams, type FormantStatisticsParams, formants } from "./formants.js";
export { type NgramModel, type NgramParams, readArpa, trainNgrams } from "./language-model.js";
export * from "./mfcc.js";
export { type PitchFramesParams, type PitchStatisticsParams, pitch } from "./pitch.js";
export { type ResamplerParams, resampler } from "./resampler.js";
export {
  type FittedSpeechRecognizer,
  type Speech,
  type SpeechRecognizer,
  type SpeechRecognizerParams,
  speechRecognizer,
} from "./speech-recognizer.js";
export type { Statistic } from "./statistics.js";
export { type VoiceFeaturesParams, voiceFeatures } from "./voice-features.js";
export { type VoiceQualityParams, voiceQuality } from "./voice-quality.js";
export { type DecodeWavOptions, decodeWav, type EncodeWavOptions, encodeWav, type Waveform } from "./wav.js";
export type { Window } from "./window.js";
