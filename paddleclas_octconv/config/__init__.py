"""PaddleClas configs: finding, reading, overriding and checking them, without importing Paddle."""

from .find import find_config, shipped_configs
from .load import load_config

__all__ = ["find_config", "load_config", "shipped_configs"]
