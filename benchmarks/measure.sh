#!/bin/bash
# Measures the tables of docs/performance.md: `make benchmarks` on an idle machine, some 12 minutes.
# `benchmarks/measure.sh prepare` exports and converts the networks, which needs no idle machine and is
# done once; without it, measuring does that first.
set -euo pipefail
cd "$(dirname "$0")/.."

networks="OctResNet50 OctMobileNetV1"
exports=${EXPORTS:-output/benchmarks}
rounds=${ROUNDS:-8}
precisions=fp32,int8
if grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo; then precisions=fp32,bf16,int8; fi
measure() {  # name, options
    paddleclas benchmark $networks --exports "$exports" --repeats "$rounds" --warmup 3 \
        --json "benchmarks/$1.json" "${@:2}"
}

prepare() {  # options
    paddleclas benchmark $networks --exports "$exports" --repeats 1 --warmup 1 "$@"
}

if [ "${1:-}" = prepare ]; then
    prepare --engine all --precision "$precisions"
    prepare --engine openvino --image-size 32,64,96,160,320
    prepare --form both
    exit
fi
measure engines --engine all --precision "$precisions" --batch-size 1,8
measure sizes --engine openvino --image-size 32,64,96,160,320
measure threads --engine openvino,onnxruntime,paddle --threads 2 --batch-size 8
measure forms --form both --profile --batch-size 1,8
measure training --train-step
networks=OctResNet50 measure training-profile --train-step --profile
python docs/tables.py
