import { build } from "../../tools/tsup.base.ts";

export default build();
