"""PaddleClas configs: finding, reading, overriding and checking them, without importing Paddle."""

from .load import load_config
from .locate import find_config, shipped_configs

__all__ = ["find_config", "load_config", "shipped_configs"]
