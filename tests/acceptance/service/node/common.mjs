// What the scripts share: the official SDK, a client for the server under test, and answers as JSON.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.SDK}/`);
export const sdk = require("@sync.so/sdk");
export const base = process.env.BASE_URL;
export const key = process.env.API_KEY;
export const given = JSON.parse(process.env.GIVEN ?? "{}");

export const client = (apiKey = key, baseUrl = base) => new sdk.SyncClient({ baseUrl, apiKey });

// Which of the SDK's error classes a call ends in, and what it holds.
export async function failure(call) {
    try {
        return { value: await call };
    } catch (error) {
        return { error: error.constructor.name, statusCode: error.statusCode, body: error.body };
    }
}

export const print = (answer) => process.stdout.write(JSON.stringify(answer));
