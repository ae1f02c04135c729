// ONNX Runtime in Node.js.
//
// title: onnxruntime-node
// installs: onnxruntime-node@1.30.0
import ort from "onnxruntime-node";
import { main } from "./harness.mjs";

await main(async (model, shape) => {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
  const [source] = session.inputNames;
  const [target] = session.outputNames;
  return async (numbers) => {
    const given = new ort.Tensor("float32", numbers, shape);
    return (await session.run({ [source]: given }))[target].data;
  };
});
