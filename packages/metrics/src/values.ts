/** What a field of a sample can be. */
export function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

export function isDate(value: unknown): value is Date {
  return value instanceof Date;
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);
}

export type Fields = Readonly<Record<string, unknown>>;

/** An object of named values, such as attributes. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !isDate(value) && !isList(value);
}

/** A picture: pixels row by row from the top left, 0 to 255. */
export interface PixelGrid {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
}

export function isPixels(value: unknown): value is PixelGrid {
  const { data, width, height, channels } = (value ?? {}) as Partial<PixelGrid>;
  return (
    (data instanceof Uint8Array || data instanceof Uint8ClampedArray) &&
    (channels === 1 || channels === 3 || channels === 4) &&
    Number.isInteger(width) &&
    width! > 0 &&
    data.length === width! * height! * channels
  );
}

/** A recording: samples from -1 to 1, or such for each channel. */
export interface Recording {
  readonly samples: Float32Array | readonly Float32Array[];
  readonly sampleRateHz: number;
}

export function isWaveform(value: unknown): value is Recording {
  const { samples, sampleRateHz } = (value ?? {}) as Partial<Recording>;
  const channels = Array.isArray(samples) ? samples : [samples];
  return Number.isInteger(sampleRateHz) && channels.length > 0 && channels.every((of) => of instanceof Float32Array);
}

export function secondsOf({ samples, sampleRateHz }: Recording): number {
  return (samples instanceof Float32Array ? samples : samples[0]!).length / sampleRateHz;
}

export function dayOf(time: Date | number): string {
  return new Date(time).toISOString().slice(0, 10);
}
