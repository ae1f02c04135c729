// What harness.py does, for routes in JavaScript; images.json has the images' shape, images.bin
// their numbers.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const WARMUP = 3;

export async function main(openModel) {
  const folder = process.argv[2];
  const read = (name) => readFileSync(join(folder, name));
  const job = JSON.parse(read("job.json"));
  const numbers = new Float32Array(new Uint8Array(read("images.bin")).buffer);
  const [count, ...sides] = job.shape;
  const length = numbers.length / count;
  const image = (index) => numbers.slice(index * length, (index + 1) * length);
  const results = {};
  const opened = {};
  for (const [name, model] of Object.entries(job.models)) {
    try {
      const run = await openModel(model, [1, ...sides]);
      const outputs = [];
      for (let index = 0; index < count; index++) outputs.push([...(await run(image(index)))]);
      opened[name] = run;
      results[name] = { outputs };
    } catch (error) {
      results[name] = { error: String(error).split("\n")[0] };
    }
  }
  const durations = {};
  for (let turn = 0; turn < (job.turns && WARMUP + job.turns); turn++) {
    for (const [name, run] of Object.entries(opened)) {
      const start = performance.now();
      await run(image(turn % count));
      (durations[name] ??= []).push(performance.now() - start);
    }
  }
  for (const [name, taken] of Object.entries(durations)) {
    const sorted = taken.slice(WARMUP).sort((one, other) => one - other);
    results[name].ms = sorted[sorted.length >> 1];
  }
  writeFileSync(join(folder, "result.json"), JSON.stringify(results));
}
