// generations.create with the SDK's own retries.
import { client, failure, given, print } from "./common.mjs";

print(
    await failure(
        client().generations.create(given.body, {
            maxRetries: given.maxRetries,
            headers: given.idempotencyKey ? { "Idempotency-Key": given.idempotencyKey } : {},
        }),
    ),
);
