import { type Dense, type Extractor, random } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import golden from "../fixtures/features.json" with { type: "json" };
import { picture } from "../fixtures/picture.js";
import { greyOf } from "./grey.js";
import {
  colorMoments,
  decodeImage,
  dominantColors,
  type GlcmParams,
  glcm,
  hashDistance,
  hashesOf,
  hashIndex,
  type ImageInput,
  imageQuality,
  type LbpParams,
  lbp,
  nearDuplicates,
  perceptualHash,
  type RawImage,
} from "./index.js";
import { localBinaryPattern } from "./lbp.js";

/** The same bytes as smooth() of make_features.py. */
function smooth(width: number, height: number, seed: number): RawImage {
  const wave = (t: number, period: number) => Math.floor((Math.abs((t % period) * 2 - period) * 255) / period);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const first = wave(x * (3 + (seed % 5)) + y * (seed % 3), 160);
    return Math.floor((first + wave(y * (2 + (seed % 7)) + x * (seed % 4) + 40 * c, 220)) / 2);
  });
  return { data, width, height, channels: 3 };
}
const of = ([name, ...size]: (string | number)[]): RawImage =>
  name === "smooth"
    ? smooth(...(size as [number, number, number]))
    : picture(...(size as [number, number, 3, number, number]));

const inputs = [picture(40, 32), null, picture(16, 20, 1), picture(24, 24, 4), picture(64, 64, 3, 90, 30)];
const size = { width: 24, height: 20 };
const makers: Record<string, () => Extractor<ImageInput, Dense>> = {
  lbp: () => lbp({ ...size, grid: [2, 2] }),
  "lbp of variances": () => lbp({ ...size, method: "var" }),
  glcm: () => glcm(size),
  colorMoments: () => colorMoments({ ...size, grid: [1, 2] }),
  dominantColors: () => dominantColors({ ...size, seed: 3 }),
  imageQuality: () => imageQuality(size),
  perceptualHash: () => perceptualHash(),
  "perceptualHash by differences": () => perceptualHash({ method: "difference", size: 5 }),
};
for (const [name, make] of Object.entries(makers))
  describe(`conformance of ${name}`, () => {
    for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
  });

async function rowOf(extractor: Extractor<ImageInput, Dense>, image: ImageInput): Promise<number[]> {
  return [...(await (await extractor.fit([])).transform([image])).data];
}
function expectClose(got: readonly number[], want: readonly number[], tolerance = 1e-5) {
  expect(got).toHaveLength(want.length);
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i]! - value), `value ${i}: ${got[i]} for ${value}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(value)),
    );
}

describe("local binary patterns", () => {
  for (const { params, codes } of golden.lbp) {
    const { points = 8, radius = 1, method } = params as LbpParams & { method: string };
    test(`scikit-image's codes ${JSON.stringify(params)}`, () => {
      const got = localBinaryPattern(15, 11, points, radius, method)(greyOf(picture(15, 11).data as Uint8Array));
      expect([...got].map(Number.isNaN)).toEqual(codes.map((code) => code === null));
      expectClose(
        [...got].map((code) => code || 0),
        codes.map((code) => code ?? 0),
      );
    });
  }

  test("the histogram counts them, region by region", async () => {
    const codes = golden.lbp.find(({ params }) => params.method === "ror")!.codes as number[];
    const canonical = [...new Set(Array.from({ length: 256 }, (_, code) => leastRotation(code)))].sort((a, b) => a - b);
    expect(canonical).toHaveLength(36);
    const want = new Array(72).fill(0);
    for (const [i, code] of codes.entries())
      want[(Math.floor(((i % 15) * 2) / 15) ? 36 : 0) + canonical.indexOf(code)]++;
    const params = { width: 15, height: 11, method: "ror", grid: [1, 2], normalize: null } as const;
    expect(await rowOf(lbp(params), picture(15, 11))).toEqual(want);
    const shares = await rowOf(lbp({ ...params, normalize: "sqrt" }), picture(15, 11));
    expectClose(shares.map((share) => share * share * (7 * 11)).slice(36), want.slice(36));
  });

  function leastRotation(code: number): number {
    return Math.min(...Array.from({ length: 8 }, (_, i) => ((code >> i) | (code << (8 - i))) & 255));
  }
});

describe("co-occurrence of grey levels", () => {
  for (const { of: name, params, values } of golden.glcm)
    test(`scikit-image's properties ${name.join(" ")} ${JSON.stringify(params)}`, async () => {
      const image = of(name);
      const properties = [
        "contrast",
        "dissimilarity",
        "homogeneity",
        "ASM",
        "energy",
        "correlation",
        "mean",
        "variance",
        "std",
        "entropy",
      ] as const;
      const recipe = glcm({ ...(params as GlcmParams), width: image.width, height: image.height, properties });
      expectClose(await rowOf(recipe, image), values);
    });
});

describe("moments of colours", () => {
  test.each(golden.moments)("scipy's of scikit-image's $space", async ({ space, values }) => {
    const recipe = colorMoments({ width: 30, height: 20, space: space as "rgb", grid: [2, 1] });
    expectClose(await rowOf(recipe, smooth(30, 20, 3)), values);
  });
});

describe("dominant colours", () => {
  test("are those of a picture of few colours, with their shares, and zeros behind", async () => {
    const paints = [
      [250, 10, 10],
      [10, 250, 10],
      [10, 10, 250],
    ];
    const data = Uint8Array.from({ length: 3 * 100 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return paints[pixel < 50 ? 1 : pixel < 80 ? 2 : 0]![i % 3]!;
    });
    const row = await rowOf(dominantColors({ width: 10, height: 10 }), { data, width: 10, height: 10, channels: 3 });
    const want = [
      [1, 0.5],
      [2, 0.3],
      [0, 0.2],
    ].flatMap(([paint, share]) => [...paints[paint!]!.map((v) => v / 255), share!]);
    expectClose(row, [...want, ...new Array(8).fill(0)]);
  });

  test("lie where the pixels are, and their shares sum to 1", async () => {
    const image = smooth(64, 64, 2);
    const row = await rowOf(dominantColors({ colors: 6 }), image);
    const shares = [3, 7, 11, 15, 19, 23].map((i) => row[i]!);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    // The mean of the clusters is the mean of the picture.
    const mean = [0, 1, 2].map((c) => shares.reduce((sum, share, i) => sum + share * row[4 * i + c]!, 0));
    const channel = (c: number) => Array.from(image.data).filter((_, i) => i % 3 === c);
    const truth = [0, 1, 2].map((c) => channel(c).reduce((a, b) => a + b, 0) / 4096 / 255);
    expectClose(mean, truth, 1e-4);
  });
});

describe("quality", () => {
  for (const { of: name, values } of golden.quality)
    test(`OpenCV's numbers ${name.join(" ")}`, async () => {
      const image = of(name);
      expectClose(await rowOf(imageQuality({ width: image.width, height: image.height }), image), values);
    });

  test("a blurred picture is less sharp", async () => {
    const { data, width, height } = await decodeImage(picture(64, 64));
    const raw = { raw: { width, height, channels: 3 as const } };
    const blurred = await sharp(data, raw).blur(2).png().toBuffer();
    const [sharpness] = await rowOf(imageQuality({ width, height }), picture(64, 64));
    const [after] = await rowOf(imageQuality({ width, height }), blurred);
    expect(after!).toBeLessThan(sharpness! / 5);
  });
});

describe("perceptual hashes", () => {
  for (const { of: name, size, ...want } of golden.hashes)
    for (const method of ["perceptual", "difference", "average"] as const)
      test(`imagehash's ${method} ${size} of ${name.join(" ")}, but for two bits of 64`, async () => {
        const fitted = await perceptualHash({ method, size }).fit([]);
        const [hash] = hashesOf(await fitted.transform([of(name)]));
        expect(hash).toHaveLength(want[method].length);
        expect(hashDistance(hash!, want[method])).toBeLessThanOrEqual((2 * size * size) / 64);
      });

  test("stay close when a picture is scaled, compressed and brightened, and lie far apart for others", async () => {
    const image = smooth(400, 300, 2);
    const raw = { raw: { width: 400, height: 300, channels: 3 as const } };
    const copies = [
      image,
      await sharp(image.data, raw).resize(200, 150).jpeg({ quality: 60 }).toBuffer(),
      await sharp(image.data, raw).linear(0.9, 15).webp({ quality: 80 }).toBuffer(),
      smooth(400, 300, 5),
    ];
    for (const method of ["perceptual", "difference", "average"] as const) {
      const hashes = hashesOf(await (await perceptualHash({ method }).fit([])).transform(copies)) as string[];
      expect(hashDistance(hashes[0]!, hashes[1]!)).toBeLessThanOrEqual(4);
      expect(hashDistance(hashes[0]!, hashes[2]!)).toBeLessThanOrEqual(4);
      expect(hashDistance(hashes[0]!, hashes[3]!)).toBeGreaterThan(10);
      expect(nearDuplicates([...hashes, null], { maxDistance: 4 })).toEqual([[0, 1, 2]]);
    }
  });

  test("are printed as imagehash prints them, sizes included that fill no digit", async () => {
    const data = new Float32Array(25);
    data[0] = 1;
    data[24] = 1;
    expect(hashesOf({ layout: "dense", rows: 1, cols: 25, data })).toEqual(["1000001"]);
  });

  describe("search", () => {
    const { integer, next } = random(4);
    const digits = (length: number) => Array.from({ length }, () => integer(16).toString(16)).join("");
    const flipped = (hash: string, bits: number) => {
      const all = [...hash].map((digit) => Number.parseInt(digit, 16));
      for (let i = 0; i < bits; i++) all[integer(all.length)]! ^= 1 << integer(4);
      return all.map((digit) => digit.toString(16)).join("");
    };

    test.each([
      [16, 0],
      [16, 3],
      [16, 8],
      [16, 20],
      [64, 6],
      [64, 1],
      [3, 5],
      [7, 2],
    ])("of %i digits within %i bits finds what comparing with all finds", (length, maxDistance) => {
      const hashes: (string | null)[] = [];
      for (let i = 0; i < 400; i++)
        hashes.push(
          i % 17 === 5
            ? null
            : i > 20 && next() < 0.5
              ? flipped(hashes[integer(20)] ?? digits(length), integer(12))
              : digits(length),
        );
      const index = hashIndex(hashes, { maxDistance });
      for (const asked of [...hashes.slice(0, 60), digits(length)]) {
        if (asked === null) continue;
        const want = hashes
          .flatMap((hash, i) => (hash === null ? [] : [{ index: i, distance: bruteForce(hash, asked) }]))
          .filter(({ distance }) => distance <= maxDistance)
          .sort((a, b) => a.distance - b.distance || a.index - b.index);
        expect(index.search(asked)).toEqual(want);
      }
    });

    function bruteForce(a: string, b: string): number {
      return [...a].reduce((sum, digit, i) => {
        const bits = (Number.parseInt(digit, 16) ^ Number.parseInt(b[i]!, 16)).toString(2);
        return sum + bits.replaceAll("0", "").length;
      }, 0);
    }

    test("of nothing finds nothing", () => {
      expect(hashIndex([]).search("00")).toEqual([]);
      expect(nearDuplicates([null, null])).toEqual([]);
    });

    test.each<[() => unknown, string]>([
      [() => hashIndex(["00", "0"]), "hash 1 has 1 digits, want 2"],
      [() => hashIndex(["00", "xy"]), 'hash 1 is string "xy", want hexadecimal digits'],
      [() => hashIndex(["00"], { maxDistance: 8 }), "less than the 8 bits"],
      [() => hashIndex(["00"], { maxDistance: 1.5 }), "maxDistance is number 1.5"],
      [() => hashIndex(["00"], { maxDistance: 1 }).search("000"), "the hash has 3 digits, want 2"],
      [() => hashDistance("00", "000"), "hashes of 2 and 3 digits"],
    ])("refuses %s", (run, message) => {
      expect(run).toThrow(message);
    });
  });
});

describe("resizing beside Pillow's", () => {
  for (const { of: name, width, height, kernel, values } of golden.resized)
    test(`${name.join(" ")} to ${width} x ${height}, ${kernel}: within 1.5 of 255 on average, and larger to the byte`, async () => {
      const { data } = await decodeImage(of(name), { width, height, kernel: kernel as "linear" });
      if (width > of(name).width && height > of(name).height) expect([...data]).toEqual(values);
      const error = data.reduce((sum, value, i) => sum + Math.abs(value - values[i]!), 0) / data.length;
      expect(error).toBeLessThanOrEqual(1.5);
    });
});

test.each<[() => unknown, string]>([
  [() => lbp({ method: "ror", points: 13 }), "points is number 13, want a whole number from 2 to 12"],
  [() => lbp({ radius: 0 }), "radius is number 0"],
  [() => lbp({ method: "nri" as never }), "one of default, ror"],
  [() => glcm({ distances: [0] }), "distances is an array of 1"],
  [() => glcm({ angles: [0, 0] }), "different finite degrees"],
  [() => glcm({ properties: ["sum" as never] }), "some of contrast"],
  [() => glcm({ levels: 1 }), "a whole number from 2 to 256"],
  [() => colorMoments({ space: "hsl" as never }), '"hsv", "rgb" or "lab"'],
  [() => dominantColors({ colors: 0 }), "colors is number 0"],
  [() => perceptualHash({ method: "wavelet" as never }), '"perceptual", "difference" or "average"'],
  [() => perceptualHash({ size: 1 }), "from 2 to 32"],
])("rejects params: %s", (make, message) => {
  expect(make).toThrow(expect.objectContaining({ code: "invalid-params" }));
  expect(make).toThrow(message);
});
