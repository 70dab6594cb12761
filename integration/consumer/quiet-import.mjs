// Importing this must print nothing and touch neither the environment nor the network: `node quiet-import.mjs @mmub/text`.
import { Socket } from "node:net";

const [name] = process.argv.slice(2);
const touched = [];
const told =
  (what) =>
  (...args) => {
    // Node's own loader reads a variable or two for each module: who asked is the frame behind this one.
    const [, , asker = ""] = new Error().stack.split("\n");
    if (!asker.includes("node:")) touched.push(`${what} ${String(args[1])} of the environment`);
    return Reflect[what](...args);
  };
const writers = [process.stdout, process.stderr].map((stream) => [stream, stream.write]);
for (const [stream] of writers) stream.write = (text) => touched.push(`prints ${JSON.stringify(text)}`) > 0;
const traps = ["get", "has", "set", "ownKeys", "getOwnPropertyDescriptor", "defineProperty", "deleteProperty"];
process.env = new Proxy(process.env, Object.fromEntries(traps.map((trap) => [trap, told(trap)])));
Socket.prototype.connect = () => {
  touched.push("connects");
  throw new Error("no network");
};
globalThis.fetch = async () => {
  touched.push("fetches");
  throw new Error("no network");
};

await import(name);
// What it may have left for later.
await new Promise((resolve) => setTimeout(resolve, 50));
for (const [stream, write] of writers) stream.write = write;
if (touched.length > 0) {
  console.error(`import of ${name}: ${touched.join(", ")}`);
  process.exitCode = 1;
}
