// The tensors of a file that torch.save wrote before PyTorch 1.6: pickles, then the storages, one behind the other.
import type { Tensor } from "./files.js";

/**
 * The float32 tensors of a state dict by name, in C order whatever order they are stored in. Runs nothing of the pickle: of Python's
 * objects it knows dicts, lists, tuples and tensors. Throws for what else is there.
 */
export function readTorchPickle(bytes: Buffer): Map<string, Tensor> {
  const file = reader(bytes);
  // A magic number, the version of the protocol, the machine.
  for (let i = 0; i < 3; i++) file.pickle();
  const entries = file.pickle() as ReadonlyMap<string, Stored>;
  const types = new Map([...entries.values()].map(({ key, type }) => [key, type]));
  const storages = new Map<string, number>();
  for (const key of file.pickle() as string[]) {
    const size = sizes[types.get(key) as keyof typeof sizes];
    if (!size) throw new Error(`a storage is of ${types.get(key)}, want one of ${Object.keys(sizes).join(", ")}`);
    const numbers = file.length();
    storages.set(key, file.skip(size * numbers));
  }
  const tensors = [...entries].flatMap(([name, { key, type, offset, shape, strides }]) => {
    if (type !== "FloatStorage") return [];
    const start = storages.get(key);
    if (start === undefined) throw new Error(`the storage of ${name} is not in the file`);
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) {
      let [rest, at] = [i, offset];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        at += (rest % shape[axis]!) * strides[axis]!;
        rest = Math.floor(rest / shape[axis]!);
      }
      data[i] = bytes.readFloatLE(start + 4 * at);
    }
    return [[name, { shape, data }] as const];
  });
  return new Map(tensors);
}

/** Bytes of a number. */
const sizes = { FloatStorage: 4, LongStorage: 8 };

interface Stored {
  readonly key: string;
  readonly type: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A name that a pickle calls: stands for what it would import. */
interface Global {
  readonly name: string;
}

// https://github.com/python/cpython/blob/main/Lib/pickletools.py
function reader(bytes: Buffer) {
  let at = 0;
  const line = () => {
    const end = bytes.indexOf(10, at);
    const text = bytes.toString("latin1", at, end);
    at = end + 1;
    return text;
  };
  const take = (count: number) => {
    at += count;
    return at - count;
  };
  function pickle(): unknown {
    const [stack, marks, memo] = [[] as unknown[], [] as number[], new Map<number, unknown>()];
    const popMark = () => stack.splice(marks.pop()!);
    const pairs = (items: unknown[]) => {
      const into = stack.at(-1) as Map<unknown, unknown>;
      for (let i = 0; i < items.length; i += 2) into.set(items[i], items[i + 1]);
    };
    const pop = () => stack.pop();
    const ops: Record<string, () => void> = {
      "\x80": () => take(1),
      "\x8a": () => {
        const size = bytes[take(1)]!;
        // Only the magic number is as long, and nobody asks for it.
        stack.push(bytes.subarray(take(size), at).toString("hex"));
      },
      J: () => stack.push(bytes.readInt32LE(take(4))),
      K: () => stack.push(bytes[take(1)]),
      M: () => stack.push(bytes.readUInt16LE(take(2))),
      X: () => {
        const size = bytes.readUInt32LE(take(4));
        stack.push(bytes.toString("utf8", take(size), at));
      },
      N: () => stack.push(null),
      "\x88": () => stack.push(true),
      "\x89": () => stack.push(false),
      "}": () => stack.push(new Map()),
      "]": () => stack.push([]),
      ")": () => stack.push([]),
      "(": () => marks.push(stack.length),
      t: () => stack.push(popMark()),
      "\x85": () => stack.push(stack.splice(-1)),
      "\x86": () => stack.push(stack.splice(-2)),
      "\x87": () => stack.push(stack.splice(-3)),
      e: () => {
        const items = popMark();
        (stack.at(-1) as unknown[]).push(...items);
      },
      u: () => pairs(popMark()),
      s: () => pairs(stack.splice(-2)),
      q: () => memo.set(bytes[take(1)]!, stack.at(-1)),
      r: () => memo.set(bytes.readUInt32LE(take(4)), stack.at(-1)),
      h: () => stack.push(memo.get(bytes[take(1)]!)),
      j: () => stack.push(memo.get(bytes.readUInt32LE(take(4)))),
      c: () => stack.push({ name: `${line()}.${line()}` } satisfies Global),
      // A storage: its kind and its key.
      Q: () => {
        const [, kind, key] = pop() as [string, Global, string];
        stack.push({ type: kind.name.replace("torch.", ""), key });
      },
      R: () => {
        const args = pop() as unknown[];
        const { name } = pop() as Global;
        if (name === "collections.OrderedDict") stack.push(new Map());
        else if (name === "torch._utils._rebuild_tensor_v2") {
          const [storage, offset, shape, strides] = args as [object, number, number[], number[]];
          stack.push({ ...storage, offset, shape, strides });
        } else throw new Error(`the pickle calls ${name}, want tensors in dicts`);
      },
      // The attributes of a dict, such as PyTorch's _metadata.
      b: () => void pop(),
    };
    for (;;) {
      const op = String.fromCharCode(bytes[take(1)]!);
      if (op === ".") return pop();
      const run = ops[op];
      if (!run)
        throw new Error(`the pickle has the opcode ${JSON.stringify(op)} at ${at - 1}, which is not known here`);
      run();
    }
  }
  return {
    pickle,
    length: () => Number(bytes.readBigInt64LE(take(8))),
    /** The position of so many bytes, and goes on behind them. */
    skip: take,
  };
}
