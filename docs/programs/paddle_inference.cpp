// An exported network in Paddle Inference: classify inference.json inference.pdiparams SIDE < image
// image: one preprocessed image, float32, (3, SIDE, SIDE). Prints the likeliest class and its probability.
#include <paddle_inference_api.h>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

int main(int, char** argv) {
    paddle_infer::Config config(argv[1], argv[2]);
    config.EnableNewExecutor();  // under PIR EnableMemoryOptim needs it
    config.EnableMemoryOptim();
    auto network = paddle_infer::CreatePredictor(config);
    int side = std::atoi(argv[3]);
    std::vector<float> image(3 * side * side);
    std::cin.read(reinterpret_cast<char*>(image.data()), image.size() * sizeof(float));
    auto input = network->GetInputHandle(network->GetInputNames()[0]);
    input->Reshape({1, 3, side, side});
    input->CopyFromCpu(image.data());
    network->Run();
    auto output = network->GetOutputHandle(network->GetOutputNames()[0]);
    std::vector<float> scores(output->shape()[1]);
    output->CopyToCpu(scores.data());
    auto best = std::max_element(scores.begin(), scores.end());
    std::cout << best - scores.begin() << " " << *best << std::endl;
}
