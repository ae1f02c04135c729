// An exported network in ONNX Runtime: classify inference.onnx < image
// image: one preprocessed image, float32, (C, H, W). Prints the likeliest class and its probability.
#include <onnxruntime_cxx_api.h>
#include <algorithm>
#include <functional>
#include <iostream>
#include <numeric>
#include <vector>

int main(int, char** argv) {
    Ort::Env env(ORT_LOGGING_LEVEL_ERROR);
    Ort::Session network(env, argv[1], Ort::SessionOptions());
    Ort::AllocatorWithDefaultOptions allocator;
    auto input = network.GetInputNameAllocated(0, allocator);
    auto output = network.GetOutputNameAllocated(0, allocator);
    const char *from[] = {input.get()}, *to[] = {output.get()};
    auto type = network.GetInputTypeInfo(0);
    auto shape = type.GetTensorTypeAndShapeInfo().GetShape();
    shape[0] = 1;  // the batch is open
    std::vector<float> pixels(std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<>()));
    std::cin.read(reinterpret_cast<char*>(pixels.data()), pixels.size() * sizeof(float));
    auto image = Ort::Value::CreateTensor<float>(
        Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault), pixels.data(),
        pixels.size(), shape.data(), shape.size());
    auto given = network.Run(Ort::RunOptions(), from, &image, 1, to, 1);
    const float* scores = given[0].GetTensorData<float>();
    auto best = std::max_element(scores, scores + given[0].GetTensorTypeAndShapeInfo().GetElementCount());
    std::cout << best - scores << " " << *best << std::endl;
}
