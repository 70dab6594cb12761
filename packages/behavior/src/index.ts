export { type Attributes, type ColumnsParams, columns } from "./columns.js";
export { type BehaviorEvent, type RfmParams, rfm } from "./rfm.js";
