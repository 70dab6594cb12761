export { evaluate, evaluator, type Numbers, reference } from "../runtimes/reference.js";
