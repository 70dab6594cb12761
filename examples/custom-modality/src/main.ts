import { random } from "@mmub/core";
import { concat, pipeline } from "@mmub/fusion";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { heartRate } from "./heart-rate.js";

// Made here: tired members have a higher pulse at rest and write so; a third of them wear no band, a third write nothing.
const numbers = random(7);
const members = Array.from({ length: 300 }, (_, member) => {
  const tired = member % 2 === 0;
  const resting = (tired ? 68 : 60) + 5 * numbers.normal();
  const pulse = Array.from({ length: 240 }, () => resting + 30 * numbers.next() ** 4);
  const words = tired ? ["slept badly", "worn out", "long day"] : ["great run", "slept well", "new best"];
  const note = `${words[numbers.integer(3)]} ${["again", "today", "so far"][numbers.integer(3)]}`;
  return {
    sample: { pulse: numbers.next() < 1 / 3 ? null : pulse, note: numbers.next() < 1 / 3 ? null : note },
    state: tired ? ("tired" as const) : ("rested" as const),
  };
});
const [seen, fresh] = [members.slice(0, 200), members.slice(200)];

const wellbeing = pipeline({
  modalities: { pulse: heartRate(), note: tfidf() },
  fuser: concat({ scale: "standard" }),
  model: logisticRegression<"tired" | "rested">(),
});
const fitted = await wellbeing.fit(
  seen.map(({ sample }) => sample),
  seen.map(({ state }) => state),
  { seed: 7 },
);
const { labels } = await fitted.predict(fresh.map(({ sample }) => sample));
const right = labels.filter((label, row) => label === fresh[row]?.state).length;
console.log(`tired or rested: right for ${right} of ${fresh.length} new members, 50 by chance`);
