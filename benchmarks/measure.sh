#!/bin/bash
# Measures the tables of docs/performance.md: `make benchmarks` on an idle machine, some 12 minutes.
# `benchmarks/measure.sh prepare` exports and converts the networks, which needs no idle machine and is
# done once; without it, measuring does that first.
set -euo pipefail
cd "$(dirname "$0")/.."

networks="OctResNet50 OctMobileNetV1"
exports=${EXPORTS:-output/benchmarks}
rounds=${ROUNDS:-10}
precisions=fp32,int8
if grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo; then precisions=fp32,bf16,int8; fi
quick=
if [ "${1:-}" = prepare ]; then rounds=1; quick=yes; fi

measure() {  # name, options
    local file=benchmarks/$1.json
    if [ -n "$quick" ]; then file=$exports/$1.json; fi
    mkdir -p "$exports"
    # The load of what ran before fades within a minute.
    paddleclas benchmark $networks --exports "$exports" --repeats "$rounds" --json "$file" "${@:2}"
}

measure engines --engine all --precision "$precisions" --batch-size 1,8
measure sizes --engine openvino --image-size 32,64,96,160,320
if [ -z "$quick" ]; then
    measure threads --engine openvino,onnxruntime,paddle --threads 2 --batch-size 8
fi
measure forms --form both --profile --batch-size 1,8
if [ -z "$quick" ]; then
    measure training --train-step
    python docs/tables.py
fi
