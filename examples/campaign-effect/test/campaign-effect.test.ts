import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { qiniAuc, upliftAtK } from "@mmub/metrics";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCampaign, readCampaign } from "../src/campaign.js";
import { classTransform, twoModels } from "../src/uplift-models.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-campaign-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("both models find whom the e-mail moves, better than sending it to anyone", async () => {
  const customers = makeCampaign(4000, 7);
  const [train, held] = [customers.slice(0, 2800), customers.slice(2800)];
  for (const model of [twoModels, classTransform]) {
    const data = {
      outcome: held.map(({ visited }) => visited),
      treated: held.map(({ email }) => email !== null),
      uplift: await model(train, held, 7),
    };
    expect(qiniAuc(data)).toBeGreaterThan(0.1);
    // Half of the customers are moved, by 0.25.
    expect(upliftAtK(data, { k: 0.3 })).toBeGreaterThan(0.17);
  }
});

test("reads a campaign", async () => {
  const lines = [
    "recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend,split",
    "10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,1,0,0.0,train",
    "6,3) $200 - $350,329.08,1,1,Rural,1,Web,No E-Mail,0,0,0.0,test",
  ];
  await writeFile(join(folder, "hillstrom.csv"), `${lines.join("\n")}\n`);
  const [first, second] = await readCampaign(folder);
  expect(first).toEqual({
    known: { recency: 10, history: 142.44, mens: 1, womens: 0, newbie: 0, zone: "Surburban", channel: "Phone" },
    email: "Womens E-Mail",
    visited: true,
    split: "train",
  });
  expect([second!.email, second!.visited, second!.split]).toEqual([null, false, "test"]);
});
