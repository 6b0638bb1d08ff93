// Runs a program out of the documentation, `given.source`, where it finds the official SDK.
import { unlink, writeFile } from "node:fs/promises";
import { given } from "./common.mjs";

const file = `${process.env.SDK}/document-${process.pid}.mjs`;
const said = [];
console.log = (text) => said.push(text);
await writeFile(file, given.source);
try {
    await import(file);
} finally {
    await unlink(file);
}
process.stdout.write(JSON.stringify(said));
