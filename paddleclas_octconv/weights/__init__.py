"""Weights from files: read safely, cut from a vanilla twin's, checked against the network."""

# Set to 1: the user trusts weights, whatever loading them runs.
TRUST_VARIABLE = "PADDLECLAS_OCTCONV_TRUST_WEIGHTS"
# What the option pretrained calls those that PaddleClas publishes of a network's vanilla twin.
VANILLA = "vanilla"
