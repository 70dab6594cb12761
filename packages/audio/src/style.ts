import type { FrameParams } from "./frame-params.js";
import { paramChecks } from "./frame-params.js";
import type { SpeechFrames } from "./frames.js";

const styles = ["librosa", "torchaudio", "kaldi", "htk"] as const;

export interface StyleParams {
  /**
   * Whose defaults, and where they differ whose way to compute, are taken. "torchaudio": frames of 400 samples every 200, reflected at the
   * ends, HTK's mel scale, bands that peak at 1. "kaldi": as Kaldi's compute-fbank-feats and compute-mfcc-feats without dither: frames
   * of 25 ms every 10 ms under the window "povey" that are inside the recording, each with its mean taken off and pre-emphasised; 23
   * bands from 20 Hz on, triangles in mels; natural logarithms of at least 1.19e-7; `center: true` is `snip_edges=false`. "htk": as HTK's HCopy: "hamming", no mean taken off, 20 bands of
   * magnitudes, natural logarithms of at least 1, the 0th coefficient the last.
   * @default "librosa"
   */
  readonly style?: (typeof styles)[number];
  /** What a sample loses of the one before, from 0 to 1; of the styles "kaldi" and "htk" alone. Kaldi's `preemphasis_coefficient`. @default 0.97 */
  readonly preEmphasis?: number;
  /** Whether the mean of each frame is taken off; of the styles "kaldi" and "htk" alone. Kaldi's `remove_dc_offset`. @default true of "kaldi", false of "htk" */
  readonly removeDc?: boolean;
  /**
   * What a sample of 1 counts as; of the styles "kaldi" and "htk" alone. 32768 is Kaldi's and HTK's own scale, 1 that of
   * `torchaudio.compliance.kaldi` for samples as they are.
   * @default 32768
   */
  readonly fullScale?: number;
}

/** The defaults of a style, and how its frames are made where that is not librosa's way. */
export function checkedStyle(part: string, params: StyleParams & FrameParams) {
  const { style = "librosa", sampleRateHz = 16_000, preEmphasis = 0.97, fullScale = 32_768 } = params;
  const { number, oneOf } = paramChecks(part);
  oneOf("style", style, styles);
  const htk = style === "htk";
  const { removeDc = !htk } = params;
  if (style === "librosa" || style === "torchaudio") {
    for (const name of ["preEmphasis", "removeDc", "fullScale"] as const)
      oneOf(`${name} of style "${style}"`, params[name], [undefined]);
    const frames = style === "librosa" ? {} : { fftSize: 400, hopLength: 200, padMode: "reflect" as const };
    const bands = style === "librosa" ? {} : { htk: true, melNorm: null };
    return { style, frames, bands, speech: undefined };
  }
  number("preEmphasis", preEmphasis, preEmphasis >= 0 && preEmphasis <= 1, "a number from 0 to 1");
  number("fullScale", fullScale, fullScale > 0 && fullScale <= 2 ** 31, "a number above 0, up to 2 ** 31");
  oneOf("removeDc", removeDc, [true, false]);
  const { windowLength = Math.max(2, Math.floor(sampleRateHz * 0.025)) } = params;
  const frames = {
    windowLength,
    fftSize: 2 ** Math.ceil(Math.log2(Math.max(2, windowLength))),
    hopLength: Math.floor(sampleRateHz * 0.01),
    window: htk ? ("hamming" as const) : ("povey" as const),
    center: false,
  };
  const bands = { mels: htk ? 20 : 23, fMinHz: htk ? 0 : 20, power: htk ? 1 : 2, htk: true, melNorm: null };
  const speech: SpeechFrames = { preEmphasis, removeDc, fullScale, leastPower: htk ? 1 : 2 ** -23 };
  return { style, frames, bands, speech };
}
