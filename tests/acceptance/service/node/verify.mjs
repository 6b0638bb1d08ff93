// The documented JavaScript recipe: parse the body, serialise it again, and compare its HMAC with the header's.
import crypto from "node:crypto";
import { given, print } from "./common.mjs";

const fields = Object.fromEntries(given.signature.split(",").map((part) => part.split("=")));
const message = `${fields.t}.${JSON.stringify(JSON.parse(given.body))}`;
const expected = crypto.createHmac("sha256", given.secret).update(message).digest("hex");
print({ valid: crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(fields.v1)) });
