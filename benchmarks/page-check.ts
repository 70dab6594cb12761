// What a report must be in a real browser: Chromium opens it at phone and desk-top width, in light and dark, and axe-core, a reader with a keyboard,
// and a printer look at it. CHROMIUM_PATH says where the browser is, else /usr/bin/chromium.
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import puppeteer, { type Page } from "puppeteer-core";

const limits = { bytes: 3_000_000, openMs: 1000 };
const widths = { phone: 390, desk: 1280 };

export interface PageReport {
  readonly bytes: number;
  /** The slowest of the four openings. */
  readonly openMs: number;
  readonly pictures: number;
  readonly clips: number;
  readonly printedPages: number;
  /** What is wrong, in words; empty where all is well. */
  readonly faults: readonly string[];
}

/** Opens the report at `path`; with `shots`, screenshots and what would be printed are left in that folder. */
export async function checkPage(path: string, shots?: string): Promise<PageReport> {
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
  });
  try {
    const faults: string[] = [];
    const { size: bytes } = await stat(path);
    if (bytes >= limits.bytes) faults.push(`it has ${bytes} bytes, want less than ${limits.bytes}`);
    if (shots) await mkdir(shots, { recursive: true });
    let openMs = 0;
    let media = { pictures: 0, clips: 0 };
    let printedPages = 0;
    for (const [device, width] of Object.entries(widths))
      for (const theme of ["light", "dark"] as const) {
        const where = `${device}, ${theme}`;
        const page = await browser.newPage();
        page.on("console", (message) => {
          if (["error", "warn"].includes(message.type())) faults.push(`${where}: the console says ${message.text()}`);
        });
        page.on("pageerror", (error) => faults.push(`${where}: ${String(error)}`));
        page.on("request", (request) => {
          if (!/^(file|data):/.test(request.url())) faults.push(`${where}: it loads ${request.url()}`);
        });
        await page.setViewport({ width, height: 900, deviceScaleFactor: device === "phone" ? 2 : 1 });
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
        await page.goto(pathToFileURL(path).href, { waitUntil: "load" });
        openMs = Math.max(openMs, await opened(page));
        for (const fault of await axeFaults(page)) faults.push(`${where}: ${fault}`);
        for (const fault of await layoutFaults(page)) faults.push(`${where}: ${fault}`);
        if (device === "desk" && theme === "light") {
          media = await playAll(page, faults);
          for (const fault of await keyboardFaults(page)) faults.push(fault);
          const pdf = await page.pdf({ format: "A4", preferCSSPageSize: true });
          printedPages =
            Buffer.from(pdf)
              .toString("latin1")
              .match(/\/Type\s*\/Page\b/g)?.length ?? 0;
          if (shots) await writeFile(join(shots, "printed.pdf"), pdf);
        }
        if (shots) await page.screenshot({ path: join(shots, `${device}-${theme}.png`), fullPage: true });
        await page.close();
      }
    if (openMs >= limits.openMs) faults.push(`it opens in ${Math.round(openMs)} ms, want less than ${limits.openMs}`);
    return { bytes, openMs, ...media, printedPages, faults };
  } finally {
    await browser.close();
  }
}

// What runs in the page is text: these sources know no document.

/** Milliseconds from the start of the navigation until everything was loaded and painted. */
async function opened(page: Page): Promise<number> {
  const ms = await page.evaluate(`Math.max(
    performance.getEntriesByType("navigation")[0].loadEventEnd,
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  )`);
  return Math.round(ms as number);
}

interface AxeViolation {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

async function axeFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
    readonly violations: readonly AxeViolation[];
  };
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical" || impact === "moderate")
    .map(({ id, impact, help, nodes }) => `axe, ${impact}: ${help} (${id}) at ${nodes[0]?.target.join(" ")}`);
}

/** Whether anything sticks out of the page. */
async function layoutFaults(page: Page): Promise<string[]> {
  const [whole, seen] = (await page.evaluate(
    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
  )) as [number, number];
  return whole > seen ? [`the page is ${whole} px wide in a window of ${seen}`] : [];
}

async function playAll(page: Page, faults: string[]): Promise<{ pictures: number; clips: number }> {
  const { blank, silent, ...found } = (await page.evaluate(`(async () => {
    const pictures = [...document.querySelectorAll("img")];
    const clips = [...document.querySelectorAll("audio")];
    const silent = [];
    for (const clip of clips) {
      try {
        await clip.play();
        for (let wait = 0; wait < 50 && clip.currentTime === 0; wait++) await new Promise((done) => setTimeout(done, 100));
        if (!(clip.currentTime > 0 && Number.isFinite(clip.duration))) silent.push(clip.ariaLabel);
        clip.pause();
        clip.currentTime = 0;
      } catch (error) {
        silent.push(clip.ariaLabel + ": " + error);
      }
    }
    const blank = pictures.filter(({ naturalWidth }) => naturalWidth === 0).map(({ alt }) => alt);
    return { pictures: pictures.length, clips: clips.length, blank, silent };
  })()`)) as { pictures: number; clips: number; blank: string[]; silent: string[] };
  for (const alt of blank) faults.push(`the picture "${alt}" is not shown`);
  for (const label of silent) faults.push(`the clip "${label}" does not play`);
  return found;
}

/** The first stop of the Tab key leads past the contents; where the focus is can be seen at every stop. */
async function keyboardFaults(page: Page): Promise<string[]> {
  const faults: string[] = [];
  for (let stop = 0; stop < 200; stop++) {
    await page.keyboard.press("Tab");
    const [tag, outline] = (await page.evaluate(
      "[document.activeElement.outerHTML.slice(0, 60), getComputedStyle(document.activeElement).outlineStyle]",
    )) as [string, string];
    if (tag.startsWith("<body")) break;
    if (stop === 0 && !tag.includes("skip"))
      faults.push(`the first Tab leads to ${tag}, want the link that skips the contents`);
    // The parts of a player draw their focus themselves.
    if (outline === "none" && !tag.startsWith("<audio")) faults.push(`the focus cannot be seen on ${tag}`);
  }
  return faults;
}
