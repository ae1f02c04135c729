"""OctConv backbones: one family a file. The names stand here so that nobody needs paddle to list them."""

FAMILIES = {
    "oct_mobilenet_v1": (
        "OctMobileNetV1_x0_25",
        "OctMobileNetV1_x0_5",
        "OctMobileNetV1_x0_75",
        "OctMobileNetV1",
    ),
    "oct_resnet": (
        "OctResNet26",
        "OctResNet50",
        "OctResNet101",
        "OctResNet152",
        "OctResNet200",
    ),
}
