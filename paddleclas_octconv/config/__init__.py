"""PaddleClas configs: finding, reading, overriding and checking them, without importing Paddle."""

from .config import Config
from .find import find_config, shipped_configs
from .load import load_config

__all__ = ["Config", "find_config", "load_config", "shipped_configs"]
