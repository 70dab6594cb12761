// Imports every path that is named and looks at every export: all are there, and no native library was loaded for them.
import assert from "node:assert/strict";

for (const entry of process.argv.slice(2)) {
  const module = await import(entry);
  const names = Object.keys(module);
  assert.ok(names.length > 0, `${entry} exports nothing`);
  for (const name of names) assert.notEqual(module[name], undefined, `${entry} exports ${name} as undefined`);
}
const native = process.report.getReport().sharedObjects.filter((path) => path.endsWith(".node"));
assert.deepEqual(native, []);
