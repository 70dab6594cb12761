import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { MmubError } from "@mmub/core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { picture } from "../fixtures/picture.js";
import { colorHistogram, decodeImage, hog, type ImageInput, type RawImage } from "./index.js";

const size = { width: 48, height: 40 };
const colours = picture(48, 40);
// Smooth, as lossy formats keep it.
const smooth: RawImage = {
  ...size,
  channels: 3,
  data: Uint8Array.from({ length: 48 * 40 * 3 }, (_, i) => 40 + 3 * (Math.floor(i / 3) % 48) + (i % 3) * 20),
};
const of = ({ data, width, height, channels }: RawImage) => sharp(data, { raw: { width, height, channels } });
const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length ? Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0) : Infinity;

/** As PNG has it. Node has one from 22.2 on. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

async function refused(input: unknown, params = {}): Promise<MmubError> {
  const error = await decodeImage(input as ImageInput, params).then(
    ({ width, height }) => expect.unreachable(`decoded to ${width} x ${height}`),
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ name: "MmubError", code: "invalid-input", part: "@mmub/image/decode" });
  return error as MmubError;
}

const files: Record<string, { encode: (image: RawImage) => Promise<Buffer>; tolerance: number }> = {
  jpeg: { encode: (image) => of(image).jpeg({ quality: 95 }).toBuffer(), tolerance: 12 },
  "progressive jpeg": {
    encode: (image) => of(image).jpeg({ quality: 95, progressive: true }).toBuffer(),
    tolerance: 12,
  },
  png: { encode: (image) => of(image).png().toBuffer(), tolerance: 0 },
  "interlaced png": { encode: (image) => of(image).png({ progressive: true }).toBuffer(), tolerance: 0 },
  webp: { encode: (image) => of(image).webp({ quality: 95 }).toBuffer(), tolerance: 16 },
  "lossless webp": { encode: (image) => of(image).webp({ lossless: true }).toBuffer(), tolerance: 0 },
  gif: { encode: (image) => of(image).gif({ dither: 0 }).toBuffer(), tolerance: 8 },
  tiff: { encode: (image) => of(image).tiff({ compression: "lzw" }).toBuffer(), tolerance: 0 },
  "raw tiff": { encode: (image) => of(image).tiff({ compression: "none" }).toBuffer(), tolerance: 0 },
  avif: { encode: (image) => of(image).avif({ quality: 90, effort: 0 }).toBuffer(), tolerance: 12 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-image-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("formats", () => {
  for (const [format, { encode, tolerance }] of Object.entries(files))
    test(`${format} gives the pixels that were encoded`, async () => {
      const got = await decodeImage(await encode(smooth));
      expect(got).toMatchObject({ ...size, channels: 3 });
      expect(worst(got.data, smooth.data)).toBeLessThanOrEqual(tolerance);
    });

  test.each(Object.entries(files))("%s that breaks off is refused, or has lost no pixel", async (_, { encode }) => {
    const whole = await encode(colours);
    const { data } = await decodeImage(whole);
    let refusals = 0;
    for (let cut = 1; cut <= 24; cut++) {
      const bytes = whole.subarray(0, Math.floor((whole.length * cut) / 25));
      for (const params of [{}, { width: 16, height: 16 }]) {
        const got = await decodeImage(bytes, params).catch((error: unknown) => error);
        if (MmubError.is(got)) refusals++;
        else expect(got).toEqual(params.width ? await decodeImage(whole, params) : { ...size, channels: 3, data });
      }
    }
    expect(refusals).toBeGreaterThanOrEqual(46);
  });

  test("a JPEG that ends early but with an end mark is refused unless failOn lets it through", async () => {
    const whole = await files.jpeg!.encode(colours);
    const half = Buffer.concat([whole.subarray(0, whole.length >> 1), Buffer.from([0xff, 0xd9])]);
    const error = await refused(half);
    expect(error.message).toMatch(/^image\/decode: the picture is a JPEG that cannot be decoded \(.*premature end/);
    expect(error.cause).toBeInstanceOf(Error);
    expect(await decodeImage(half, { failOn: "error" })).toMatchObject(size);
  });
});

describe("conversions", () => {
  test("16 bits keep their upper eight", async () => {
    const data = Uint16Array.from(smooth.data, (value) => value * 257);
    const bytes = await sharp(data, { raw: { ...size, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe("ushort");
    expect((await decodeImage(bytes)).data).toEqual(smooth.data);
  });

  test("grey becomes three equal channels, from a file and from pixels", async () => {
    const grey = picture(48, 40, 1);
    const want = Uint8Array.from({ length: 3 * grey.data.length }, (_, i) => grey.data[Math.floor(i / 3)]!);
    const bytes = await of(grey).toColourspace("b-w").png().toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(1);
    expect((await decodeImage(bytes)).data).toEqual(want);
    expect((await decodeImage(grey)).data).toEqual(want);
  });

  test("a palette is looked up", async () => {
    const bytes = await of(smooth).png({ palette: true, dither: 0 }).toBuffer();
    expect((await sharp(bytes).metadata()).isPalette).toBe(true);
    expect(worst((await decodeImage(bytes)).data, smooth.data)).toBeLessThanOrEqual(8);
  });

  test("CMYK becomes RGB", async () => {
    const brown = sharp({ create: { ...size, channels: 3, background: { r: 120, g: 110, b: 100 } } });
    const bytes = await brown.toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe("cmyk");
    const { data, channels } = await decodeImage(bytes);
    expect([channels, data.length]).toEqual([3, 48 * 40 * 3]);
    expect(worst(data.subarray(0, 3), [120, 110, 100])).toBeLessThan(20);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("EXIF orientation %i is applied", async (orientation) => {
    const bytes = await of(colours).withMetadata({ orientation }).png().toBuffer();
    const turned = orientation >= 5;
    const got = await decodeImage(bytes);
    expect(got).toMatchObject(turned ? { width: 40, height: 48 } : size);
    // Where the pixel at column x, row y of what is seen lies in the file (EXIF 2.32, Orientation).
    const [w, h] = [47, 39];
    const source = (x: number, y: number): [number, number] =>
      (
        [
          [x, y],
          [w - x, y],
          [w - x, h - y],
          [x, h - y],
          [y, x],
          [y, h - x],
          [w - y, h - x],
          [w - y, x],
        ] as [number, number][]
      )[orientation - 1]!;
    for (const [x, y] of [
      [0, 0],
      [5, 2],
      [3, 30],
      [39, 39],
    ] as const) {
      const [fx, fy] = source(x, y);
      const [a, b] = [(y * got.width + x) * 3, (fy * 48 + fx) * 3];
      expect(got.data.subarray(a, a + 3)).toEqual(colours.data.subarray(b, b + 3));
    }
  });

  test.each([
    ["white by default", {}, [227, 177, 152]],
    ["a colour", { background: [0, 0, 255] }, [100, 50, 152]],
  ] as const)("transparency lies on %s", async (_, params, want) => {
    const data = Uint8Array.from({ length: 16 }, (_, i) => [200, 100, 50, 128][i % 4]!);
    const image: RawImage = { data, width: 2, height: 2, channels: 4 };
    for (const input of [
      image,
      await of(image).png().toBuffer(),
      await of(image).tiff({ compression: "lzw" }).toBuffer(),
    ])
      expect(worst((await decodeImage(input, params)).data.subarray(0, 3), want)).toBeLessThanOrEqual(1);
  });

  test("of an animation it is the first frame", async () => {
    const frames = Uint8Array.from({ length: 8 * 8 * 3 * 3 }, (_, i) => [10, 120, 250][Math.floor(i / 192)]!);
    const strip = sharp(frames, { raw: { width: 8, height: 24, channels: 3, pageHeight: 8 } });
    for (const bytes of [
      await strip.clone().gif().toBuffer(),
      await strip.clone().webp({ lossless: true }).toBuffer(),
    ]) {
      expect((await sharp(bytes).metadata()).pages).toBe(3);
      expect(await decodeImage(bytes)).toEqual({
        data: new Uint8Array(192).fill(10),
        width: 8,
        height: 8,
        channels: 3,
      });
    }
  });
});

describe("size", () => {
  const wide: RawImage = { data: new Uint8Array(40 * 10), width: 40, height: 10, channels: 1 };
  wide.data.fill(100, 0, 400);
  const column = ({ data, width }: RawImage, x: number, y: number) => data[(y * width + x) * 3];

  test("fill stretches, cover cuts, contain pads with the background", async () => {
    // Left half 50, right half 200.
    const data = Uint8Array.from({ length: 400 }, (_, i) => (i % 40 < 20 ? 50 : 200));
    const image: RawImage = { ...wide, data };
    const params = { width: 8, height: 8, kernel: "nearest", background: [9, 9, 9] } as const;
    const [fill, cover, contain] = [
      await decodeImage(image, params),
      await decodeImage(image, { ...params, fit: "cover" }),
      await decodeImage(image, { ...params, fit: "contain" }),
    ];
    for (const { width, height } of [fill, cover, contain]) expect([width, height]).toEqual([8, 8]);
    expect([column(fill, 0, 0), column(fill, 7, 7)]).toEqual([50, 200]);
    expect([column(cover, 0, 0), column(cover, 7, 7)]).toEqual([50, 200]);
    expect([column(contain, 0, 0), column(contain, 7, 7)]).toEqual([9, 9]);
    expect([column(contain, 0, 4), column(contain, 7, 4)]).toEqual([50, 200]);
  });

  test("one side alone keeps the proportion", async () => {
    expect(await decodeImage(wide, { width: 20 })).toMatchObject({ width: 20, height: 5 });
    expect(await decodeImage(wide, { height: 20 })).toMatchObject({ width: 80, height: 20 });
  });

  test("pixels of the wanted size are copied", async () => {
    const got = await decodeImage(colours, size);
    expect(got.data).toEqual(colours.data);
    expect(got.data.buffer).not.toBe(colours.data.buffer);
  });
});

describe("sources", () => {
  test("a path, a file: URL and the bytes give the same", async () => {
    const bytes = await files.png!.encode(colours);
    const path = join(folder, "a picture #1.png");
    await writeFile(path, bytes);
    const want = await decodeImage(bytes);
    expect(await decodeImage(path)).toEqual(want);
    expect(await decodeImage(pathToFileURL(path))).toEqual(want);
  });

  test("streams of Node and of the web give the same", async () => {
    const bytes = await files.png!.encode(colours);
    const want = await decodeImage(bytes);
    const path = join(folder, "streamed.png");
    await writeFile(path, bytes);
    expect(await decodeImage(createReadStream(path, { highWaterMark: 100 }))).toEqual(want);
    expect(await decodeImage(new Blob([new Uint8Array(bytes)]).stream())).toEqual(want);
    const file = createReadStream(path, { highWaterMark: 100 });
    expect((await refused(file, { maxBytes: 150 })).message).toContain("has at least 200 bytes, want at most 150");
    expect(file.destroyed).toBe(true);
    const missing = await refused(createReadStream(join(folder, "none.png")));
    expect(missing.message).toMatch(/is a stream that cannot be read \(ENOENT/);
    expect((await refused(Readable.from(["text"]))).message).toContain('a stream that gave string "text"');
  });

  test("pixels of 16 bits keep their upper eight", async () => {
    const data = Uint16Array.from(colours.data, (value, i) => value * 256 + (i % 256));
    expect((await decodeImage({ ...colours, data })).data).toEqual(colours.data);
  });

  test("what cannot be read says why and keeps the cause", async () => {
    const missing = await refused(join(folder, "missing.jpg"));
    expect(missing.message).toMatch(/missing\.jpg", which cannot be read \(ENOENT/);
    expect(missing.cause).toMatchObject({ code: "ENOENT" });
    expect((await refused(folder)).message).toContain("is no file");
    expect((await refused("a\0b")).message).toContain("cannot be read");
    expect((await refused(new URL("https://example.com/a.jpg"))).message).toContain("URL of https:, want file:");
    expect((await refused("https://example.com/a.jpg")).message).toContain("fetch a URL and give its bytes");
  });

  test.each<[string, string | Buffer, RegExp]>([
    ["empty", "", /is empty, want the bytes of a JPEG/],
    ["text", "this is not a picture at all", /begins with "this is not ", want a JPEG/],
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg"/>', /render an SVG to one of them first/],
    ["only a signature", Buffer.from([0xff, 0xd8, 0xff]), /is a JPEG that cannot be decoded/],
  ])("a .jpg that is %s is refused", async (name, content, message) => {
    const path = join(folder, `${name}.jpg`);
    await writeFile(path, content);
    const { message: ofFile } = await refused(path);
    expect(ofFile).toMatch(message);
    expect(ofFile).toContain(`${name}.jpg`);
    expect((await refused(Buffer.from(content))).message).toMatch(message);
  });

  test("limits hold before a file is decoded", async () => {
    const bomb = await sharp({ create: { width: 12_000, height: 9_000, channels: 3, background: "red" } })
      .png({ palette: true })
      .toBuffer();
    expect((await refused(bomb)).message).toContain("PNG of 12000 x 9000 = 108000000 pixels, want at most 100000000");
    expect(await decodeImage(bomb, { width: 4, height: 3, maxPixels: 108_000_000 })).toMatchObject({ width: 4 });

    const bytes = await files.png!.encode(colours);
    const path = join(folder, "large.png");
    await writeFile(path, bytes);
    for (const input of [bytes, path])
      expect((await refused(input, { maxBytes: 100 })).message).toContain(
        `has ${bytes.length} bytes, want at most 100`,
      );
  });

  test("a PNG that says it is 50,000 x 50,000 is refused by its head", async () => {
    const png = await files.png!.encode(colours);
    const bomb = Buffer.from(png);
    bomb.writeUInt32BE(50_000, 16);
    bomb.writeUInt32BE(50_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    for (const params of [{}, { width: 8, height: 8 }, { width: 8, height: 8, fit: "contain" }])
      expect((await refused(bomb, params)).message).toContain("PNG of 50000 x 50000 = 2500000000 pixels, want at most");
  });

  test("an SVG is refused, external references and all, whatever it is called", async () => {
    const svg = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>`;
    for (const bytes of [svg, `\ufeff${svg}`, `\n${svg}`])
      expect((await refused(Buffer.from(bytes))).message).toContain("render an SVG");
  });

  test("1 x 1 pixels, and sides that round to nothing", async () => {
    const dot: RawImage = { data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 };
    for (const input of [dot, await of(dot).png().toBuffer()])
      expect((await decodeImage(input, { width: 3, height: 2, fit: "contain" })).data).toHaveLength(18);
    const line: RawImage = { data: new Uint8Array(900), width: 900, height: 1, channels: 1 };
    expect(await decodeImage(line, { width: 8, height: 8, fit: "contain" })).toMatchObject({ width: 8, height: 8 });
    expect(await decodeImage(line, { width: 8, height: 8, fit: "cover" })).toMatchObject({ width: 8, height: 8 });
  });

  test.each<[unknown, string]>([
    [7, "is number 7, want a path"],
    [undefined, "is undefined"],
    [null, "is null"],
    [[1, 2], "is an array of 2"],
    [{}, "is an object with nothing"],
    [new Float32Array(3), "is Float32Array of 3"],
    [{ data: [1, 2, 3], width: 1, height: 1, channels: 3 }, "has data of an array of 3, want a Uint8Array"],
    [{ data: new Uint8Array(4), width: 1, height: 1, channels: 3 }, "has 4 values, want 1 x 1 x 3 = 3"],
    [{ data: new Uint8Array(2), width: 1, height: 1, channels: 2 }, "1 x 1 pixels with 2 channels"],
    [{ data: new Uint8Array(0), width: 0, height: 1, channels: 3 }, "0 x 1 pixels"],
    [{ data: new Uint8Array(3), height: 1, channels: 3 }, "undefined x 1 pixels"],
  ])("refuses %o", async (input, message) => {
    expect((await refused(input)).message).toContain(message);
  });

  test.each<[object, string]>([
    [{ width: 0 }, "width is number 0"],
    [{ height: 1.5 }, "height is number 1.5"],
    [{ width: 20_000 }, "from 1 to 16384"],
    [{ kernel: "bicubic" }, "one of nearest"],
    [{ background: "white" }, "[red, green, blue]"],
    [{ background: [0, 0, 256] }, "[red, green, blue]"],
    [{ failOn: "none" }, '"warning", "error" or "truncated"'],
    [{ maxBytes: -1 }, "maxBytes is number -1"],
  ])("refuses the params %j", async (params, message) => {
    await expect(decodeImage(colours, params)).rejects.toMatchObject({
      code: "invalid-params",
      message: expect.stringContaining(message),
    });
  });
});

describe("in an extractor", () => {
  test("rows come in the order of the inputs, however long each takes", async () => {
    const large = await of(smooth).resize(3_000, 2_500).jpeg().toBuffer();
    const inputs = [large, colours, await files.png!.encode(smooth), null, large, picture(20, 20, 1)];
    const fitted = await colorHistogram().fit([]);
    const together = await fitted.transform(inputs);
    for (const [row, input] of inputs.entries()) {
      const { data } = await fitted.transform([input]);
      expect(together.data.subarray(row * 512, (row + 1) * 512)).toEqual(data);
    }
  });

  test("an error names the part and the lowest bad index, whichever fails first", async () => {
    const large = await of(colours).resize(1_500, 1_500).png().toBuffer();
    const inputs = [colours, large.subarray(0, large.length - 2_000), 7 as never, Buffer.alloc(0)];
    for (let round = 0; round < 5; round++)
      await expect((await hog().fit([])).transform(inputs)).rejects.toMatchObject({
        code: "invalid-input",
        part: "@mmub/image/hog",
        index: 1,
        message: expect.stringMatching(/^image\/hog: input 1 is a PNG that cannot be decoded/),
        cause: expect.any(Error),
      });
  });

  test("fit refuses what can be no picture, and reads none", async () => {
    const path = join(folder, "not there.jpg");
    const fitted = await hog().fit([path, colours, null]);
    await expect(fitted.transform([colours, path])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    await expect(hog().fit([colours, 7 as never])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    await expect(hog().fit(7 as never)).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("a picture is stretched to the size of the params", async () => {
    const fitted = await hog({ width: 48, height: 40 }).fit([]);
    const bytes = await files.png!.encode(colours);
    const larger = await of(colours).resize(96, 80, { kernel: "nearest" }).png().toBuffer();
    const { data } = await (await hog({ width: 48, height: 40, kernel: "nearest" }).fit([])).transform([larger]);
    expect((await fitted.transform([bytes])).data).toEqual(data);
  });
});
