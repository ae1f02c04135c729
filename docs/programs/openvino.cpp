// An exported network in OpenVINO: classify openvino/model.xml < image
// image: one preprocessed image, float32, (C, H, W). Prints the likeliest class and its probability.
#include <algorithm>
#include <iostream>
#include <openvino/openvino.hpp>

int main(int, char** argv) {
    ov::Core core;
    // By itself OpenVINO computes in bfloat16 where the processor has it.
    auto network = core.compile_model(argv[1], "CPU", ov::hint::inference_precision(ov::element::f32));
    auto shape = network.input().get_partial_shape();  // the batch is open
    shape[0] = 1;
    ov::Tensor image(ov::element::f32, shape.to_shape());
    std::cin.read(static_cast<char*>(image.data()), image.get_byte_size());
    auto request = network.create_infer_request();
    request.set_input_tensor(image);
    request.infer();
    auto output = request.get_output_tensor();
    const float* scores = output.data<float>();
    auto best = std::max_element(scores, scores + output.get_size());
    std::cout << best - scores << " " << *best << std::endl;
}
