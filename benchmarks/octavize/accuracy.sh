#!/bin/bash
# Octavised against vanilla networks on CIFAR-10: the same recipe, steps and starts (alpha 0 is the
# vanilla network, from which the octave one is cut), three seeds, 32x32. Needs the data set in
# dataset/cifar10 ('paddleclas prepare cifar10'); goes on where it was stopped.
set -euo pipefail
cd "$(dirname "$0")/../.."

paddleclas compare CIFAR10/Octave/ResNet18_vd.yaml CIFAR10/Octave/PPLCNet_x1_0.yaml \
    --alphas 0,0.5 --seeds 1,2,3 --epochs "${EPOCHS:-10}" --image-size "${SIZE:-32}" \
    --subset "${SUBSET:-10000}" --eval-subset "${EVAL:-2000}" --output "${OUTPUT:-output/octavize}" "$@"
