// Whisper as ONNX models, from weights in CTranslate2's form.
import { encodeModel, type OnnxNode, type OnnxTensor, type OnnxValue } from "@mmub/nn";

interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors of a `model.bin` of version 6; numbers that are no float16 are left out. */
function readCTranslate2(file: Buffer): Map<string, Weight> {
  let at = 0;
  const whole = (bytes: 1 | 2 | 4): number => {
    const value = file.readUIntLE(at, bytes);
    at += bytes;
    return value;
  };
  const text = (): string => {
    const length = whole(2);
    at += length;
    return file.toString("utf8", at - length, at - 1);
  };
  const version = whole(4);
  if (version !== 6) throw new Error(`CTranslate2's file is of version ${version}, want 6`);
  text();
  whole(4);
  const tensors = new Map<string, Weight>();
  for (let left = whole(4); left > 0; left--) {
    const name = text();
    const shape = Array.from({ length: whole(1) }, () => whole(4));
    const isHalf = whole(1) === 4;
    const bytes = whole(4);
    if (isHalf)
      tensors.set(name, {
        shape,
        data: Float32Array.from({ length: bytes / 2 }, (_, i) => halfFloat(file.readUInt16LE(at + 2 * i))),
      });
    at += bytes;
  }
  return tensors;
}

function halfFloat(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits >> 15 ? -size : size;
}

const headSize = 64;
const steps = 1500;

/**
 * The encoder, the decoder and the decoder that is given what it has computed before, with the names of inputs and outputs that
 * `optimum-cli export onnx` gives them; the logits are those of the last token alone.
 */
export function whisperModel(
  file: Buffer,
  part: "encoder_model" | "decoder_model" | "decoder_with_past_model",
): Uint8Array {
  const weights = readCTranslate2(file);
  const tensor = (name: string): Weight => {
    const found = weights.get(name);
    if (!found) throw new Error(`the file has no ${name}`);
    return found;
  };
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, OnnxTensor>();
  const constant = (name: string, shape: readonly number[], data: Float32Array): string => {
    constants.set(name, { name, dtype: "float32", shape, data });
    return name;
  };
  const kept = (name: string): string => constant(name, tensor(name).shape, tensor(name).data);
  const integers = (...values: number[]): string => {
    const name = `integers ${values.join(" ")}`;
    constants.set(name, {
      ...{ name, dtype: "int64", shape: [values.length] },
      data: BigInt64Array.from(values, BigInt),
    });
    return name;
  };
  let count = 0;
  const node = (op: string, inputs: string[], attributes: OnnxNode["attributes"] = {}, name = `${op} ${count++}`) => {
    nodes.push({ op, name, inputs, outputs: [name], attributes });
    return name;
  };

  const [width, mels] = tensor("encoder/conv1/weight").shape as [number, number];
  const heads = width / headSize;
  const layers = [...weights.keys()].filter((name) => /^encoder\/layer_\d+\/ffn\/linear_0\/weight$/.test(name)).length;

  /** Rows `from` to `to` of a matrix with its bias, and their product with x. */
  const linear = (x: string, name: string, from = 0, to = tensor(`${name}/bias`).data.length): string => {
    const { shape, data } = tensor(`${name}/weight`);
    const [columns, rows] = [shape[1]!, to - from];
    const turned = new Float32Array(columns * rows);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        turned[column * rows + row] = data[(from + row) * columns + column]!;
    const matrix = constant(`${name}/weight ${from}`, [columns, rows], turned);
    const bias = constant(`${name}/bias ${from}`, [rows], tensor(`${name}/bias`).data.slice(from, to));
    return node("Add", [node("MatMul", [x, matrix]), bias]);
  };
  const norm = (x: string, name: string): string =>
    node("LayerNormalization", [x, kept(`${name}/gamma`), kept(`${name}/beta`)], { axis: 2, epsilon: { float: 1e-5 } });
  const gelu = (x: string): string => {
    const [root, one, half] = [Math.SQRT1_2, 1, 0.5].map((value) =>
      constant(`number ${value}`, [], Float32Array.of(value)),
    ) as [string, string, string];
    const share = node("Add", [node("Erf", [node("Mul", [x, root])]), one]);
    return node("Mul", [node("Mul", [x, half]), share]);
  };
  const split = (x: string): string =>
    node("Transpose", [node("Reshape", [x, integers(1, -1, heads, headSize)])], { perm: [0, 2, 1, 3] });
  /** What each head sees by its queries, all heads side by side. */
  const attend = (queries: string, keys: string, values: string, name: string, mask?: string): string => {
    const scale = constant("scale", [], Float32Array.of(headSize ** -0.5));
    const scores = node("MatMul", [
      node("Mul", [split(queries), scale]),
      node("Transpose", [keys], { perm: [0, 1, 3, 2] }),
    ]);
    const shares = node("Softmax", [mask ? node("Add", [scores, mask]) : scores], { axis: 3 });
    const seen = node("Transpose", [node("MatMul", [shares, values])], { perm: [0, 2, 1, 3] });
    return linear(node("Reshape", [seen, integers(1, -1, width)]), name);
  };
  const feedForward = (x: string, name: string): string => {
    const wide = gelu(linear(norm(x, `${name}/ffn/layer_norm`), `${name}/ffn/linear_0`));
    return node("Add", [x, linear(wide, `${name}/ffn/linear_1`)]);
  };
  const model = (inputs: OnnxValue[], outputs: OnnxValue[]): Uint8Array =>
    encodeModel({ nodes, constants: [...constants.values()], inputs, outputs });
  const float = "float32" as const;

  if (part === "encoder_model") {
    const convolve = (x: string, name: string, stride: number): string =>
      gelu(
        node("Conv", [x, kept(`${name}/weight`), kept(`${name}/bias`)], {
          ...{ kernel_shape: [3], strides: [stride], pads: [1, 1] },
        }),
      );
    const heard = convolve(convolve("input_features", "encoder/conv1", 1), "encoder/conv2", 2);
    let x = node("Add", [
      node("Transpose", [heard], { perm: [0, 2, 1] }),
      kept("encoder/position_encodings/encodings"),
    ]);
    for (let layer = 0; layer < layers; layer++) {
      const name = `encoder/layer_${layer}`;
      const y = norm(x, `${name}/self_attention/layer_norm`);
      const [q, k, v] = [0, 1, 2].map((i) =>
        linear(y, `${name}/self_attention/linear_0`, i * width, (i + 1) * width),
      ) as [string, string, string];
      x = node("Add", [x, attend(q, split(k), split(v), `${name}/self_attention/linear_1`)]);
      x = feedForward(x, name);
    }
    node("Identity", [norm(x, "encoder/layer_norm")], {}, "last_hidden_state");
    return model(
      [{ name: "input_features", dtype: float, shape: [1, mels, 2 * steps] }],
      [{ name: "last_hidden_state", dtype: float, shape: [1, steps, width] }],
    );
  }

  const isFirst = part === "decoder_model";
  const inputs: OnnxValue[] = [{ name: "input_ids", dtype: "int64", shape: [1, isFirst ? "tokens" : 1] }];
  const outputs: OnnxValue[] = [];
  if (isFirst) inputs.push({ name: "encoder_hidden_states", dtype: float, shape: [1, steps, width] });
  const lengthOf = (x: string, axis: number): string =>
    node("Gather", [node("Shape", [x]), integers(axis)], { axis: 0 });
  const slice = (x: string, from: string, to: string, ...axes: number[]): string =>
    node("Slice", [x, from, to, integers(...axes)]);
  const positions = kept("decoder/position_encodings/encodings");
  const tokens = lengthOf("input_ids", 1);
  const past = isFirst ? integers(0) : lengthOf("past_key_values.0.decoder.key", 2);
  const own = node("Gather", [kept("decoder/embeddings/weight"), "input_ids"], { axis: 0 });
  let x = node("Add", [own, slice(positions, past, node("Add", [past, tokens]), 0)]);
  let mask: string | undefined;
  if (isFirst) {
    const most = tensor("decoder/position_encodings/encodings").shape[0]!;
    const later = Float32Array.from({ length: most * most }, (_, i) => (i % most > Math.floor(i / most) ? -1e9 : 0));
    const whole = constant("later tokens", [most, most], later);
    mask = slice(slice(whole, integers(0), tokens, 0), integers(0), tokens, 1);
  }
  for (let layer = 0; layer < layers; layer++) {
    const name = `decoder/layer_${layer}`;
    const y = norm(x, `${name}/self_attention/layer_norm`);
    const [q, k, v] = [0, 1, 2].map((i) =>
      linear(y, `${name}/self_attention/linear_0`, i * width, (i + 1) * width),
    ) as [string, string, string];
    const [key, value] = (["key", "value"] as const).map((what) => {
      const now = split(what === "key" ? k : v);
      const before = `past_key_values.${layer}.decoder.${what}`;
      const present = `present.${layer}.decoder.${what}`;
      outputs.push({ name: present, dtype: float, shape: [1, heads, "all tokens", headSize] });
      if (isFirst) return node("Identity", [now], {}, present);
      inputs.push({ name: before, dtype: float, shape: [1, heads, "past", headSize] });
      return node("Concat", [before, now], { axis: 2 }, present);
    }) as [string, string];
    x = node("Add", [x, attend(q, key, value, `${name}/self_attention/linear_1`, mask)]);

    const asked = linear(norm(x, `${name}/attention/layer_norm`), `${name}/attention/linear_0`);
    const [heardKey, heardValue] = (["key", "value"] as const).map((what, i) => {
      const shape = [1, heads, steps, headSize];
      if (!isFirst) {
        const before = `past_key_values.${layer}.encoder.${what}`;
        inputs.push({ name: before, dtype: float, shape });
        return before;
      }
      const present = `present.${layer}.encoder.${what}`;
      outputs.push({ name: present, dtype: float, shape });
      const heard = linear("encoder_hidden_states", `${name}/attention/linear_1`, i * width, (i + 1) * width);
      return node("Identity", [split(heard)], {}, present);
    }) as [string, string];
    x = node("Add", [x, attend(asked, heardKey, heardValue, `${name}/attention/linear_2`)]);
    x = feedForward(x, name);
  }
  const last = node("Gather", [norm(x, "decoder/layer_norm"), integers(-1)], { axis: 1 });
  const row = node("Reshape", [last, integers(1, width)]);
  const labels = tensor("decoder/embeddings/weight").shape[0]!;
  const logits = node("Gemm", [row, "decoder/embeddings/weight"], { transB: 1 });
  node("Reshape", [logits, integers(1, 1, labels)], {}, "logits");
  return model(inputs, [{ name: "logits", dtype: float, shape: [1, 1, labels] }, ...outputs]);
}
