#!/bin/bash
# Measures octavised networks beside the vanilla ones on an idle machine: OpenVINO and Paddle
# Inference, batch 1 and 8, in turns, one thread; in an environment with the extra [openvino].
set -euo pipefail
cd "$(dirname "$0")/../.."

networks=${NETWORKS:-ResNet50_vd ResNet18_vd PPHGNet_tiny PPHGNetV2_B0 PPLCNet_x1_0 MobileNetV3_large_x1_0}
exports=${EXPORTS:-output/benchmarks/octavize}
mkdir -p "$exports"
octave=()
for network in $networks; do octave+=("Octave:$network"); done
paddleclas benchmark "${octave[@]}" --engine openvino,paddle --batch-size 1,8 \
    --exports "$exports" --repeats "${ROUNDS:-10}" --json benchmarks/octavize/speed.json "$@"
