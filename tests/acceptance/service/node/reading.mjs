// generations.get and .list, assets.list and .get, models.list, and the errors of each.
import { client, failure, given, print, sdk } from "./common.mjs";

const sync = client();
const id = given.id;
const byName = Object.fromEntries(Object.entries(sdk.Sync).filter(([name]) => name.endsWith("Error")));
const isA = async (name, call) => {
    try {
        await call;
        return false;
    } catch (error) {
        return error instanceof byName[name];
    }
};

print({
    one: await sync.generations.get(id),
    arrays: await sync.generations.list({ status: ["COMPLETED", "FAILED"], ids: [id, given.other] }),
    single: await sync.generations.list({ ids: [id] }),
    none: await sync.generations.list({ status: ["REJECTED"], ids: [id] }),
    models: await sync.models.list(),
    assets: await sync.assets.list({ types: ["VIDEO", "AUDIO"], limit: 2, sortBy: "dateDesc" }),
    asset: await sync.assets.get(given.asset),
    unknown: await failure(sync.generations.get(given.unknown)),
    unknownIsNotFound: await isA("NotFoundError", sync.generations.get(given.unknown)),
    badKey: await failure(client("nonsense").models.list()),
    badKeyIsUnauthorized: await isA("UnauthorizedError", client("nonsense").models.list()),
});
