export { type AudioBlock, type AudioBlocksOptions, type AudioSource, audioBlocks } from "./audio-blocks.js";
export { type AudioEncoderParams, audioEncoder } from "./audio-encoder.js";
export type { AudioInput } from "./audio-input.js";
export {
  type DrawRange,
  type SpecAugmentParams,
  specAugment,
  type WaveformAugmenterParams,
  waveformAugmenter,
} from "./augment.js";
export { type ChromaFramesParams, type ChromaStatisticsParams, chroma } from "./chroma.js";
export { type CtcDecoderParams, ctcDecoder, type Transcript } from "./ctc-decoder.js";
export { type DecodeAudioOptions, type DecodedAudio, decodeAudio } from "./decode.js";
export { type FormantFramesParams, type FormantStatisticsParams, formants } from "./formants.js";
export type { FittedFrames, FrameExtractor, SequenceStream } from "./frame-params.js";
export { type NgramModel, type NgramParams, readArpa, trainNgrams } from "./language-model.js";
export { loudness, type NormalizeLoudnessOptions, normalizeLoudness } from "./loudness.js";
export {
  type LogMelFramesParams,
  type LogMelStatisticsParams,
  logMel,
  type MelSpectrogramFramesParams,
  type MelSpectrogramStatisticsParams,
  melSpectrogram,
} from "./mel-spectrogram.js";
export * from "./meyda-features.js";
export * from "./mfcc.js";
export {
  type OnsetStrengthFramesParams,
  type OnsetStrengthStatisticsParams,
  onsetStrength,
  type TempoParams,
  tempo,
} from "./onset-strength.js";
export { type PitchFramesParams, type PitchStatisticsParams, pitch } from "./pitch.js";
export {
  type AudioPlotOptions,
  type FramesPlotOptions,
  plotPitch,
  plotSpectrogram,
  plotWaveform,
  type WaveformPlotOptions,
} from "./plots.js";
export { type Resampler, type ResamplerParams, type ResamplerStream, resampler } from "./resampler.js";
export { type SilenceOptions, splitSilence, trimSilence } from "./silence.js";
export {
  type SpectralContrastFramesParams,
  type SpectralContrastStatisticsParams,
  type SpectralFeature,
  type SpectralFeaturesFramesParams,
  type SpectralFeaturesStatisticsParams,
  spectralContrast,
  spectralFeatures,
} from "./spectral-features.js";
export {
  type FittedSpeechRecognizer,
  type Speech,
  type SpeechRecognizer,
  type SpeechRecognizerParams,
  speechRecognizer,
} from "./speech-recognizer.js";
export type { Statistic } from "./statistics.js";
export { type StftFramesParams, type StftStatisticsParams, stft } from "./stft.js";
export { type TimeStretchOptions, timeStretch } from "./time-stretch.js";
export {
  type FittedVoiceActivity,
  type SpeechPiece,
  type VoiceActivity,
  type VoiceActivityParams,
  voiceActivity,
} from "./voice-activity.js";
export { type VoiceFeaturesParams, voiceFeatures } from "./voice-features.js";
export { type VoiceQualityParams, voiceQuality } from "./voice-quality.js";
export { type DecodeWavOptions, decodeWav, type EncodeWavOptions, encodeWav, type Waveform } from "./wav.js";
export {
  type FittedWhisperRecognizer,
  type WhisperRecognizer,
  type WhisperRecognizerParams,
  type WhisperSegment,
  type WhisperTranscript,
  whisperRecognizer,
} from "./whisper-recognizer.js";
export type { Window } from "./window.js";
