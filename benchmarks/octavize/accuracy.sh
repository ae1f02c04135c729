#!/bin/bash
# Octavised against vanilla networks on CIFAR-10: the same recipe, steps and starts (alpha 0 is the
# vanilla network, from which the octave one is cut), three seeds, 32x32. Needs the data set in
# dataset/cifar10 ('paddleclas prepare cifar10'); goes on where it was stopped.
set -euo pipefail
cd "$(dirname "$0")/../.."

paddleclas compare CIFAR10/Octave/ResNet18_vd.yaml CIFAR10/Octave/PPLCNet_x1_0.yaml \
    --alphas 0,0.5 --seeds 1,2,3 --epochs "${EPOCHS:-5}" --image-size "${SIZE:-32}" \
    --subset "${SUBSET:-5000}" --eval-subset "${EVAL:-5000}" --jobs 2 \
    --output "${OUTPUT:-output/octavize}" -o Global.device=cpu \
    -o "Global.eval_interval=${EPOCHS:-5}" "$@"
