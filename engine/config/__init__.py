"""Settings: what can be set (`model`), where it is read from (`load`), and the commented file of it (`template`)."""

from engine.config.load import load_config
from engine.config.model import Config
from engine.config.template import render_template

__all__ = ["Config", "load_config", "render_template"]
