"""The commented settings file says what the server does."""

from __future__ import annotations

import tomllib
from pathlib import Path

from engine.config import Config, load_config, render_template
from engine.config.describe import environment_name, sections
from engine.config.model import ProviderSettings


def test_the_template_means_the_defaults(tmp_path: Path) -> None:
    """Starting with the printed file is the same as starting without any, but for where its folders are."""
    (tmp_path / "signalbox.toml").write_text(render_template(), encoding="utf-8")
    config = load_config(tmp_path / "signalbox.toml")

    assert Config.model_validate(tomllib.loads(render_template()), strict=True) == Config()
    assert config.server == Config().server
    assert config.rules.dir == tmp_path / "rules"


def test_every_key_is_there_with_its_meaning() -> None:
    """No setting is without its description, its variable and its default."""
    text = render_template()

    for name, section in sections():
        for key, field in section.model_fields.items():
            assert field.description, f"{name}.{key}"
            assert environment_name(name, key) in text
            assert f"\n{key} = " in text


def test_the_example_of_a_provider_works_once_its_comment_is_taken_away() -> None:
    """Every key of a provider is there, with what it means."""
    lines = render_template().split("[providers.carrier-a]")[1].split("\n\n")[0].splitlines()[1:]
    example = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines))

    assert list(ProviderSettings.model_fields) == list(example)
    assert ProviderSettings(type="sandbox", channel="sms") == ProviderSettings.model_validate(example, strict=True)


def test_it_fits_on_a_terminal() -> None:
    """No line is longer than 120 characters."""
    assert max(map(len, render_template().splitlines())) <= 120
