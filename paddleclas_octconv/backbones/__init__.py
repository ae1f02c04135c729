"""OctConv backbones, one family a file; their names stand here: listing them needs no paddle."""

FAMILIES = {
    "oct_resnet": (
        "OctResNet26",
        "OctResNet50",
        "OctResNet101",
        "OctResNet152",
        "OctResNet200",
        "OctResNeXt50_32x4d",
        "OctResNeXt101_32x4d",
        "OctSE_ResNet50",
        "OctSE_ResNet152",
    ),
    "oct_mobilenet_v1": (
        "OctMobileNetV1_x0_25",
        "OctMobileNetV1_x0_5",
        "OctMobileNetV1_x0_75",
        "OctMobileNetV1",
    ),
    "oct_mobilenet_v2": (
        "OctMobileNetV2_x0_5",
        "OctMobileNetV2_x0_75",
        "OctMobileNetV2",
        "OctMobileNetV2_x1_125",
    ),
    "oct_densenet": ("OctDenseNet121",),
}
