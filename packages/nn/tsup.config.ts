import { build } from "../../tools/tsup.base.ts";

export default build(["src/index.ts", "src/testing/index.ts", "src/worker.ts"]);
