// ONNX Runtime as a browser runs it: WebAssembly.
//
// title: onnxruntime-web (wasm)
// installs: onnxruntime-web@1.30.0
import { readFileSync } from "node:fs";
import ort from "onnxruntime-web";
import { main } from "./harness.mjs";

ort.env.wasm.numThreads = 1;

await main(async (model, shape) => {
  const session = await ort.InferenceSession.create(readFileSync(model), {
    executionProviders: ["wasm"],
  });
  const [source] = session.inputNames;
  const [target] = session.outputNames;
  return async (numbers) => {
    const given = new ort.Tensor("float32", numbers, shape);
    return (await session.run({ [source]: given }))[target].data;
  };
});
