// Networks over pictures, as data: what is between pixels and classes.
import { checkParam, type Json } from "@mmub/core";
import type * as nn from "@mmub/nn";
import type { Scope, Value } from "@mmub/nn";

/** A network for pictures, without its weights. */
export interface ImageArchitecture {
  /** As `small-cnn`. */
  readonly type: string;
  /** Every param, the defaults filled in; no code. */
  readonly params: Json;
  /** From standardised pixels `[batch, 3, height, width]` to `[batch, classes]`, by the layers of `library`, which is `@mmub/nn`. */
  build(scope: Scope, pixels: Value, classes: number, library: typeof nn): Value;
}

export interface SmallCnnParams {
  /** Channels of each convolution; each halves the size. @default [32, 64, 128] */
  readonly filters?: readonly number[];
  /** The share of numbers that training drops before the last layer. @default 0.3 */
  readonly dropout?: number;
}

/**
 * A small convolutional network: 3 x 3 convolutions, each with batch normalisation, ReLU and a max pooling of 2 x 2; the mean of each
 * channel; a linear layer. Parameters: with the default filters 95,000 and a few for each class.
 *
 * @example
 * const recipe = imageNetwork({ network: smallCnn({ filters: [16, 32, 64, 128], dropout: 0.5 }), width: 96, height: 96 });
 */
export function smallCnn({ filters = [32, 64, 128], dropout = 0.3 }: SmallCnnParams = {}): ImageArchitecture {
  const part = "@mmub/image/smallCnn";
  checkWidths(part, "filters", filters);
  checkShare(part, dropout);
  return {
    type: "small-cnn",
    params: { filters: [...filters], dropout },
    build(scope, pixels, classes, { batchNorm, conv2d, dense, dropout: drop, globalAveragePool2d, maxPool2d, relu }) {
      let x = pixels;
      for (const count of filters) {
        const convolved = conv2d({ filters: count, kernel: 3, padding: "same", bias: false })(scope, x);
        x = maxPool2d({ kernel: 2 })(scope, relu(batchNorm()(scope, convolved)));
      }
      const seen = drop({ rate: dropout })(scope, globalAveragePool2d()(scope, x));
      return dense({ units: classes, name: "output" })(scope, seen);
    },
  };
}

export interface ResnetParams {
  /** Channels of each stage; each but the first halves the size. @default [32, 64, 128] */
  readonly filters?: readonly number[];
  /** Blocks of two convolutions in each stage. @default 1 */
  readonly blocks?: number;
  /** Whether the first convolution halves the size, for pictures of more than some 64 pixels. @default true */
  readonly stride?: boolean;
  /** The share of numbers that training drops before the last layer. @default 0.2 */
  readonly dropout?: number;
}

/**
 * A residual network: a convolution, then stages of basic blocks (two 3 x 3 convolutions with batch normalisation beside a shortcut, which is a
 * 1 x 1 convolution where size or channels change), the mean of each channel, a linear layer. `{ filters: [64, 128, 256, 512], blocks: 2 }` is
 * ResNet-18 without its first pooling; `{ filters: [16, 32, 64], blocks: 3, stride: false }` is the ResNet-20 of CIFAR.
 * Source: He, Zhang, Ren and Sun, Deep residual learning for image recognition (2016).
 *
 * @example
 * const recipe = imageNetwork({ network: resnet({ filters: [32, 64, 128], blocks: 2 }), epochs: 40 });
 */
export function resnet(params: ResnetParams = {}): ImageArchitecture {
  const part = "@mmub/image/resnet";
  const { filters = [32, 64, 128], blocks = 1, stride: halves = true, dropout = 0.2 } = params;
  checkWidths(part, "filters", filters);
  checkParam(part, "blocks", blocks, Number.isInteger(blocks) && blocks > 0, "a positive integer");
  checkParam(part, "stride", halves, typeof halves === "boolean", "true or false");
  checkShare(part, dropout);
  return {
    type: "resnet",
    params: { filters: [...filters], blocks, stride: halves, dropout },
    build(scope, pixels, classes, { add, batchNorm, conv2d, dense, dropout: drop, globalAveragePool2d, relu }) {
      const convolve = (within: Scope, x: Value, count: number, kernel: number, stride: number) =>
        batchNorm()(within, conv2d({ filters: count, kernel, stride, padding: "same", bias: false })(within, x));
      let x = relu(convolve(scope, pixels, filters[0]!, 3, halves ? 2 : 1));
      for (const [stage, count] of filters.entries())
        for (let block = 0; block < blocks; block++)
          x = scope.enter("block", (own) => {
            const stride = stage > 0 && block === 0 ? 2 : 1;
            const inner = convolve(own, relu(convolve(own, x, count, 3, stride)), count, 3, 1);
            const same = stride === 1 && x.shape[1] === count;
            const shortcut = same ? x : own.enter("shortcut", (beside) => convolve(beside, x, count, 1, stride));
            return relu(add(inner, shortcut));
          });
      const seen = drop({ rate: dropout })(scope, globalAveragePool2d()(scope, x));
      return dense({ units: classes, name: "output" })(scope, seen);
    },
  };
}

function checkWidths(part: string, name: string, values: readonly number[]): void {
  const ok =
    Array.isArray(values) && values.length > 0 && values.every((value) => Number.isInteger(value) && value > 0);
  checkParam(part, name, values, ok, "positive integers");
}

function checkShare(part: string, dropout: number): void {
  checkParam(part, "dropout", dropout, dropout >= 0 && dropout < 1, "a share, 0 to below 1");
}
