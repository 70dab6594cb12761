export { type ColorHistogramParams, colorHistogram } from "./color-histogram.js";
export { type DecodeParams, decodeImage, type ImageInput, type RawImage, type RgbImage } from "./decode.js";
export { type HogParams, hog } from "./hog.js";
