// generations.create and .estimateCost, what comes back, and a refusal with its field.
import { client, failure, given, print } from "./common.mjs";

const sync = client();
print({
    created: await sync.generations.create(given.body),
    cost: await sync.generations.estimateCost(given.body),
    refused: await failure(sync.generations.create(given.wrong)),
});
