"""Every function of Paddle, PaddleClas or Python that is replaced, each with its reason."""
