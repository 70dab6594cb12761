import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { labelCounts } from "./label-counts.js";
import { renderPng } from "./render-png.js";
import { themes } from "./theme.js";

const plot = labelCounts(["buy", "leave", "buy"], ["buy", "buy", "buy"]);

describe("renderPng", () => {
  test("gives a picture of the plot's size times the scale, on the theme's page", async () => {
    for (const [theme, scale] of [
      ["light", 1],
      ["dark", 2],
    ] as const) {
      const bytes = await renderPng(plot, { theme, scale });
      const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      expect(info.width).toBe(480 * scale);
      const page = themes[theme].page.match(/[0-9a-f]{2}/g)!.map((part) => Number.parseInt(part, 16));
      expect([...data.subarray(0, 3)]).toEqual(page);
    }
  });

  test("writes its words and draws its bars", async () => {
    const dark = async (spec: typeof plot) => {
      const { data, info } = await sharp(await renderPng(spec, { scale: 1 }))
        .greyscale()
        .raw()
        .toBuffer({ resolveWithObject: true });
      // Of the title alone, at the top left.
      return data.filter((value, i) => Math.floor(i / info.width) < 22 && i % info.width < 220 && value < 100).length;
    };
    expect(await dark(plot)).toBeGreaterThan(300);
    expect(await dark({ ...plot, title: { text: " " } })).toBeLessThan(50);
    const accent = [0x1f, 0x5f, 0xa8];
    const { data } = await sharp(await renderPng(plot))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    let bars = 0;
    for (let i = 0; i < data.length; i += 3) if (accent.every((value, c) => data[i + c] === value)) bars++;
    expect(bars).toBeGreaterThan(10_000);
  });

  test("a transparent background stays so", async () => {
    const { data } = await sharp(await renderPng(plot, { background: "transparent", scale: 1 }))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(data[3]).toBe(0);
  });

  test("letters that no font has are an error, not boxes", async () => {
    const chinese = await renderPng(labelCounts(["买"], ["买"], { title: "买" })).then(
      (bytes) => bytes.length,
      (error) => error,
    );
    // Machines differ: this one has such a font, or it says that it has none.
    if (typeof chinese === "number") expect(chinese).toBeGreaterThan(1000);
    else
      expect(chinese).toMatchObject({ code: "missing-library", message: expect.stringContaining('the letter "买"') });
  });

  test("bad input is named", async () => {
    await expect(renderPng(plot, { scale: 0 })).rejects.toMatchObject({ code: "invalid-params" });
    await expect(renderPng(plot, { fonts: ["/no/such.ttf"] })).rejects.toThrow("font 0 is");
    await expect(renderPng(plot, { background: "no colour" })).rejects.toMatchObject({ code: "invalid-params" });
    await expect(renderPng(null as never)).rejects.toMatchObject({ code: "invalid-input" });
  });
});
