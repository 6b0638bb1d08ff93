// generations.createWithFiles: streams (sent in chunks, without a length), repeated `input` parts, and blobs.
import fs from "node:fs";
import { client, failure, given, print } from "./common.mjs";

const sync = client();
const stream = (path) => fs.createReadStream(path);
const blob = (path) => new Blob([fs.readFileSync(path)]);

print({
    streams: await sync.generations.createWithFiles(stream(given.video), stream(given.audio), {
        model: "lipsync-2",
        options: { sync_mode: "cut_off" },
        webhookUrl: given.webhook,
    }),
    parts: await sync.generations.createWithFiles(stream(given.video), undefined, {
        model: "lipsync-2",
        input: [{ type: "video" }, { type: "audio", url: given.audioUrl, refId: "line" }],
    }),
    addresses: await sync.generations.createWithFiles(undefined, undefined, {
        model: "lipsync-2",
        input: [
            { type: "video", url: given.videoUrl },
            { type: "audio", url: given.audioUrl },
        ],
    }),
    blobs: await sync.generations.createWithFiles(blob(given.video), blob(given.audio), { model: "lipsync-2" }),
    nothing: await failure(sync.generations.createWithFiles(undefined, undefined, { model: "lipsync-2" })),
});
