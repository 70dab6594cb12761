import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  bootstrapInterval,
  type NamedUplift,
  qiniAuc,
  renderSvg,
  take,
  type UpliftData,
  upliftAtK,
  upliftAuc,
  upliftPlot,
} from "@mmub/metrics";
import { makeCampaign, readCampaign } from "./campaign.js";
import { classTransform, twoModels } from "./uplift-models.js";

const { values } = parseArgs({ options: { data: { type: "string" }, out: { type: "string" } } });
const customers = values.data ? await readCampaign(values.data) : makeCampaign(4000, 7);
const emails = [...new Set(customers.flatMap(({ email }) => email ?? []))].sort();
console.log(`${customers.length} customers, e-mails sent by chance: ${emails.join(", ")}\n`);

for (const email of emails) {
  const arm = customers.filter((customer) => customer.email === email || customer.email === null);
  const [train, test] = [arm.filter(({ split }) => split === "train"), arm.filter(({ split }) => split === "test")];
  const outcome = test.map(({ visited }) => visited);
  const treated = test.map((customer) => customer.email !== null);
  const rate = (of: boolean) => {
    const group = outcome.filter((_, i) => treated[i] === of);
    return group.filter(Boolean).length / group.length;
  };
  console.log(
    `${email}: sent to all it would bring ${percent(rate(true) - rate(false))} more of ${test.length} test customers`,
  );
  console.log("method            uplift of the top 30 % (95 % interval)   Qini    AUUC");
  const drawn: NamedUplift[] = [];
  for (const [name, model] of Object.entries({ "two models": twoModels, "class transform": classTransform })) {
    const data: UpliftData = { outcome, treated, uplift: await model(train, test, 7) };
    const top = bootstrapInterval(test.length, (rows) => upliftAtK(rowsOf(data, rows), { k: 0.3 }), {
      resamples: 200,
      seed: 7,
    });
    console.log(
      `${name.padEnd(18)}${percent(top.value)} (${percent(top.low)} to ${percent(top.high)})`.padEnd(58) +
        ` ${qiniAuc(data).toFixed(3)}   ${upliftAuc(data).toFixed(3)}`,
    );
    drawn.push({ name, data });
  }
  console.log();
  if (values.out) {
    await mkdir(values.out, { recursive: true });
    const path = join(values.out, `${email.replaceAll(/\W+/g, "-").toLowerCase()}.svg`);
    await writeFile(path, await renderSvg(upliftPlot(drawn, { title: `Visits gained by the ${email.toLowerCase()}` })));
    console.log(`The curves are in ${path}\n`);
  }
}

function rowsOf({ outcome, treated, uplift }: UpliftData, rows: Uint32Array): UpliftData {
  return {
    outcome: take(outcome as readonly boolean[], rows),
    treated: take(treated as readonly boolean[], rows),
    uplift: take(uplift as Float64Array, rows),
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
