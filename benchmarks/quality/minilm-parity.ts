import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sentenceEncoder } from "@mmub/text";
import { sentences } from "../data.js";
import type { QualitySet, Score } from "../quality.js";
import { cache, peerEnv, peerPython, peers } from "../venv.js";
import { weights } from "../weights.js";

/** What tokenizers differ in: scripts, signs of several code points, spaces, long words, long texts, nothing. */
const odd = [
  "",
  " \t\n ",
  "Café CAFÉ cafe\u0301 naïve ﬁne Ⅷ ½ ①",
  "价格很好，物流很快！下次还来。",
  "とても良い商品でした。配送も早い！",
  "배송이 빨라요 👍🏽👨‍👩‍👧‍👦🇩🇪",
  "الخدمة ممتازة والسعر جيد",
  "שירות מצוין",
  "सेवा अच्छी है",
  "Straße, İstanbul, ΣΊΣΥΦΟΣ",
  "e-mail: a.b@example.com, https://example.com/a?b=c#d +1 (555) 010-9999 $12.50 50%",
  "don't can't I'm #tag @user :-) ;) <br/> &amp; [CLS] [MASK] [SEP]",
  "null\u0000byte zero\u200bwidth soft\u00adhyphen no\u00a0break \ufeffmark \u202eturned",
  "a".repeat(99),
  "a".repeat(101),
  "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
  "!".repeat(300),
  "🎉".repeat(300),
  "The parcel was late and the box was open. ".repeat(100),
];

export const set: QualitySet = {
  files: [],
  published: {},
  async read() {
    const { "model.onnx": model, "tokenizer.json": tokenizer } = weights("minilm");
    const texts = [...odd, ...readFileSync(sentences(), "utf8").split("\n")];
    const [input, output] = ["parity.json", "parity.f32"].map((name) => join(cache, "data", name)) as [string, string];
    mkdirSync(join(cache, "data"), { recursive: true });
    writeFileSync(input, JSON.stringify(texts));
    const script = join(peers, "sentence_encoder.py");
    const { status } = spawnSync(peerPython(), [script, input, output], { env: peerEnv(), stdio: ["ignore", 2, 2] });
    if (status !== 0) throw new Error(`${script} ended with ${status}`);
    const want = new Float32Array(new Uint8Array(readFileSync(output)).buffer);

    return async function* (): AsyncGenerator<Score> {
      const fitted = await sentenceEncoder({ model, tokenizer }).fit([]);
      const { data, cols } = await fitted.transform(texts);
      await fitted.dispose?.();
      const cosines = texts.map((_, row) => {
        let sum = 0;
        for (let i = row * cols; i < (row + 1) * cols; i++) sum += data[i]! * want[i]!;
        return sum;
      });
      const least = cosines.indexOf(Math.min(...cosines));
      console.error(`least cosine ${cosines[least]} of ${JSON.stringify(texts[least]!.slice(0, 60))}`);
      yield { method: "beside Python's", metric: "least cosine", value: cosines[least]! };
      yield {
        method: "beside Python's",
        metric: "share above 0.9999",
        value: cosines.filter((cosine) => cosine >= 0.9999).length / cosines.length,
      };
    };
  },
};
