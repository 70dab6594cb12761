// CMU-MOSI with three modalities, as its quality sets read it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dense } from "@mmub/core";
import { parseCsv, readNpy } from "./files.js";

export const mosiFiles = ["meta.csv", "text.npy", "audio.npy", "video.npy"] as const;

export function readMosi(folder: string) {
  const utterances = parseCsv(readFileSync(join(folder, "meta.csv"), "utf8"));
  const rowsOf = (split: string) =>
    Uint32Array.from(utterances.flatMap((utterance, row) => (utterance.split === split ? [row] : [])));
  const matrix = (name: string): Dense => ({ layout: "dense", ...readNpy(join(folder, `${name}.npy`)) });
  return {
    labels: utterances.map(({ label }) => label!),
    train: rowsOf("train"),
    test: rowsOf("test"),
    videoOf: (row: number) => utterances[row]?.video_id,
    transcripts: utterances.map(({ transcript }) => transcript!),
    modalities: { text: matrix("text"), audio: matrix("audio"), video: matrix("video") },
  };
}
