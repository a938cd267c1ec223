"""The example configurations are read by the programs that they are for."""

import re
from pathlib import Path

from milepost_agent.config import read_config as read_agent_config
from milepost_collector.config import read_config as read_collector_config

_COMMENTED = re.compile(r"^# (\[[a-z]+\]|[a-z_]+ = .*)$")
DEPLOY = Path(__file__).parents[2] / "deploy"


def uncommented(file: Path, folder: Path) -> Path:
    """Write a copy in which every key that shows its default is set to it."""
    lines = [_COMMENTED.sub(r"\1", line) for line in file.read_text().splitlines()]
    copy = folder / file.name
    copy.write_text("\n".join(lines))
    return copy


def test_agent_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    """The agent reads its example, also with every commented key set, and nothing changes."""
    example = DEPLOY / "agent.example.toml"

    config = read_agent_config(example, {})

    assert config == read_agent_config(uncommented(example, tmp_path), {})
    text = example.read_text()
    for key in ("shard", "baud", "keepalive_s", "max_mb", "tick_s", "path", "host", "port", "id"):
        assert f"{key} = " in text


def test_collector_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    """The collector reads its example, also with every commented key set, and nothing changes."""
    example = DEPLOY / "collector.example.toml"

    config = read_collector_config(example)

    again = read_collector_config(uncommented(example, tmp_path))
    assert again.model_dump() == config.model_dump()
    for section in type(config).model_fields:
        for key in type(getattr(config, section)).model_fields:
            assert f"{key} = " in example.read_text()
