// batch.create (checked only, and for real), .get and .list.
import fs from "node:fs";
import { client, failure, given, print } from "./common.mjs";

const sync = client();
const created = given.really
    ? await sync.batch.create(fs.createReadStream(given.file), { webhook_url: given.webhook })
    : null;
print({
    checked: await sync.batch.create(fs.createReadStream(given.file), { dry_run: true }),
    created,
    refused: await failure(sync.batch.create(fs.createReadStream(given.broken), { dry_run: true })),
    one: await sync.batch.get(created?.id ?? given.id),
    list: await sync.batch.list({ created_after: "2024-01-01T00:00:00Z" }),
    unknown: await failure(sync.batch.get(given.unknown)),
});
