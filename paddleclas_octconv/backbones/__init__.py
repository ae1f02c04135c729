"""OctConv backbones, one family a file; ``catalogue`` lists them without importing Paddle."""
