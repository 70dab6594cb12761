// Six tables of two classes: four of ../shared/data, two that scikit-learn brings along.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { stratifiedKFold } from "@mmub/metrics";
import { parseCsv } from "./files.js";
import { readTable, type Table } from "./tabular.js";
import { peerPython } from "./venv.js";

export interface NamedTable extends Table {
  readonly name: string;
  /** Rows that the given split keeps out, or every fifth of each class where there is none. */
  readonly test: readonly number[];
}

/** Under the folder of all sets. */
export const files = [
  "online-shoppers/online_shoppers_intention.csv",
  "ecommerce-churn/ecommerce_churn.csv",
  "hillstrom/hillstrom.csv",
  "womens-clothing-reviews/reviews.csv",
];

export function sixTables(folder: string): NamedTable[] {
  const [shoppers, churn, campaign, clothes] = files.map((file) => parseCsv(readFileSync(join(folder, file), "utf8")));
  const own = (name: string, rows: readonly Record<string, string>[], how: Parameters<typeof readTable>[1]) => ({
    name,
    ...readTable(rows, how),
    test: [...rows.keys()].filter((row) => rows[row]!.split === "test"),
  });
  return [
    own("online-shoppers", shoppers!, {
      target: "Revenue",
      leaveOut: ["split"],
      codes: ["OperatingSystems", "Browser", "Region", "TrafficType"],
    }),
    own("ecommerce-churn", churn!, { target: "Churn", leaveOut: ["split", "CustomerID"], codes: [] }),
    own("hillstrom, visit", campaign!, { target: "visit", leaveOut: ["split", "conversion", "spend"], codes: [] }),
    own("clothes, recommended", clothes!, {
      target: "Recommended IND",
      leaveOut: ["split", "row", "Title", "Review Text", "Rating", "Clothing ID"],
      codes: [],
    }),
    kept("breast cancer", packaged("breast_cancer.csv").slice(1)),
    kept(
      "digits, odd",
      packaged("digits.csv.gz").map((row) => [...row.slice(0, -1), row.at(-1)! % 2]),
    ),
  ];
}

/** The numbers of a file in scikit-learn's wheel. */
function packaged(name: string): number[][] {
  const lib = join(dirname(dirname(peerPython())), "lib");
  const python = readdirSync(lib).find((folder) => folder.startsWith("python"))!;
  const bytes = readFileSync(join(lib, python, "site-packages", "sklearn", "datasets", "data", name));
  const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
  return text
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number));
}

function kept(name: string, rows: readonly (readonly number[])[]): NamedTable {
  const cols = rows[0]!.length - 1;
  const data = Float32Array.from(rows.flatMap((row) => row.slice(0, -1)));
  const targets = rows.map((row) => row.at(-1)!);
  const [fold] = stratifiedKFold(targets, { folds: 5, seed: 0 });
  return {
    name,
    x: { layout: "dense", rows: rows.length, cols, data },
    targets,
    categorical: [],
    test: Array.from(fold!.test),
  };
}
