import type { TypedArray } from "@mmub/core";
import type { Program } from "../program.js";

/** What runs programs. All agree with one another to the tolerance that their tests state. */
export interface Runtime {
  /** As `onnxruntime-node 1.30.0 (cpu)`. */
  readonly name: string;
  /** How another thread makes the same again. Absent: it cannot, and training runs in place. */
  readonly recipe?: RuntimeRecipe;
  compile(program: Program, options?: CompileOptions): Promise<Session>;
}

/** Plain data, see `remake`. */
export interface RuntimeRecipe {
  readonly kind: "onnx" | "tfjs" | "reference";
  readonly options: object;
}

export interface CompileOptions {
  /** Threads inside one op. @default 1 */
  readonly threads?: number;
  /** Parameters that stay as they are now, by name: a runtime may build them in, which makes it faster. They are fed all the same. @default none */
  readonly constants?: Readonly<Record<string, Float32Array>>;
  /** Where the program is one of many: a runtime may serve all of them by one session. @default a session for each */
  readonly family?: Family;
}

/** Programs of one network that differ in the lengths of ragged inputs alone: the same object for all of them. */
export interface Family {
  /** One of the shortest lengths, one of the longest. */
  ends(): Promise<readonly [Program, Program]>;
}

/** A program made ready. float32 is Float32Array, int32 is Int32Array, bool is Uint8Array. */
export interface Session {
  /** Whether it is the one session of a family, whose memory is that of the largest program. @default false */
  readonly shared?: boolean;
  /**
   * Runs once: `feeds` are the inputs and parameters by name, `fetches` the arrays that the outputs of those names are written
   * into; an output that is not asked for is not copied. Arrays may be views of the kernels' memory. One run at a time.
   */
  run(feeds: Readonly<Record<string, TypedArray>>, fetches: Readonly<Record<string, TypedArray>>): Promise<void>;
  dispose(): Promise<void>;
}
