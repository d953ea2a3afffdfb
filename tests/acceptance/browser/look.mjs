// Looks at pages in a browser, as readers with different eyes and hands do; prints what is wrong, page by page.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [root, executablePath, ...paths] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const wrong = {};

async function look(name, options, see) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("status of 404")) said.push(message.text());
  });
  page.on("pageerror", (problem) => said.push(String(problem)));
  page.on("request", (request) => request.url().startsWith(root) || said.push(`asks for ${request.url()}`));
  try {
    said.push(...(await see(page, context)));
  } catch (problem) {
    said.push(String(problem));
  }
  if (said.length) wrong[name] = said;
  await context.close();
}

// What axe finds, and whether anything is wider than the screen.
async function audit(page, path) {
  await page.goto(root + path);
  const findings = await page.evaluate(`${axe}; axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }).then((done) => done.violations.map((one) => one.id + ": " + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")))`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  return over > 0 ? [...findings, `${over} pixels wider than the screen`] : findings;
}

// Whatever can be clicked (but on the page of ids, which is a thousand links) is reached by Tab, and shows that it is.
async function reach(page, path) {
  await page.goto(root + path);
  const expected = await page.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")];
    const radios = new Set();
    const seen = all.filter((one) => one.checkVisibility({ visibilityProperty: true })).filter((one) => {
      if (one.type !== "radio") return true;
      return !radios.has(one.name) && radios.add(one.name); // a group is one stop
    });
    seen.forEach((one, place) => (one.dataset.place = one.type === "radio" ? "radio" : place));
    return seen.length;
  });
  const reached = new Set();
  const dark = [];
  for (let presses = 0; presses < expected + 5; presses++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      const place = one.type === "radio" ? "radio" : one.dataset.place;
      return { place, html: one.outerHTML.slice(0, 120), outline: getComputedStyle(one).outlineStyle };
    });
    if (at.place === undefined) continue;
    reached.add(at.place);
    if (at.outline === "none") dark.push(`no sign of focus on ${at.html}`);
  }
  return reached.size === expected ? dark : [...dark, `${reached.size} of ${expected} can be reached by Tab`];
}

async function choose(page, path) {
  await page.goto(root + path);
  const shown = () => page.locator("figure.code:visible code[data-language]").evaluateAll((all) => [...new Set(all.map((one) => one.dataset.language))].join());
  const found = [];
  if ((await shown()) !== "curl") found.push(`shows ${await shown()} at first`);
  await page.locator("#in-curl").focus();
  await page.keyboard.press("ArrowRight");
  if ((await shown()) !== "python") found.push(`shows ${await shown()} for Python`);
  return found;
}

async function bare(page, path) {
  await page.goto(root + path);
  const found = await page.locator("button.copy:visible").count() ? ["shows buttons that do nothing"] : [];
  if ((await page.locator("main").innerText()).length < 200) found.push("is empty");
  return found;
}

async function copy(page, context, path) {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(root + path);
  await page.locator("button.copy").first().click();
  await page.waitForFunction(() => document.getElementById("told").textContent === "Copied");
  const id = await page.evaluate(() => navigator.clipboard.readText());
  await page.locator("button[data-copy-code]:visible").first().click();
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith("curl "));
  return id === (await page.locator(".main-id code").innerText()) ? [] : [`copied ${id}`];
}

const looks = [];
const phone = { width: 390, height: 844 };
const desk = { width: 1280, height: 900 };
for (const path of paths) {
  const isPlain = path === "/models/ids" || path === "/models/nothing"; // nothing on them that the others lack
  for (const colorScheme of isPlain ? ["light"] : ["light", "dark"]) {
    for (const viewport of colorScheme === "light" && !isPlain ? [desk, phone] : [desk]) {
      looks.push(() => look(`${path}, ${colorScheme}, ${viewport.width}`, { colorScheme, viewport }, (page) => audit(page, path)));
    }
  }
  if (path !== "/models/ids") looks.push(() => look(`${path} by keyboard`, { viewport: desk }, (page) => reach(page, path)));
  looks.push(() => look(`${path} without scripts`, { javaScriptEnabled: false }, (page) => bare(page, path)));
}
const model = paths.find((path) => /^\/models\/.+\//.test(path));
looks.push(() => look("languages", {}, (page) => choose(page, model)));
looks.push(() => look("languages without scripts", { javaScriptEnabled: false }, (page) => choose(page, model)));
const work = async () => {
  while (looks.length) await looks.shift()();
};
await Promise.all([work(), work(), work(), work()]); // mostly waiting
await look("copying", {}, (page, context) => copy(page, context, model));
await browser.close();
console.log(JSON.stringify(wrong));
