"""The configuration: one file, read once, and every mistake is named with file, key and value."""

from pathlib import Path

import pytest

from milepost_agent.config import AgentConfig, ConfigError, read_config

LEAST = """
[device]
id = "van-01"
[receiver]
port = "/dev/ttyUSB0"
[broker]
host = "broker.example.org"
[buffer]
path = "/var/lib/milepost/buffer.sqlite"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is written."""
    return tmp_path / "agent.toml"


def read(path: Path, text: str, **environment: str) -> AgentConfig:
    """Write a file and read it."""
    path.write_text(text, encoding="utf-8")
    return read_config(path, environment)


def test_least_configuration_has_defaults(path: Path) -> None:
    """Four keys are enough; everything else has a default."""
    config = read(path, LEAST)
    assert (config.address.shard, config.address.device) == (0, "van-01")
    assert (config.receiver.baud, config.broker.port, config.broker.keepalive_s) == (0, 1883, 15)
    assert config.buffer.path == Path("/var/lib/milepost/buffer.sqlite")
    assert (config.buffer.max_mb, config.uplink.tick_s, config.status.path) == (150.0, 5.0, "")


def test_environment_overrides_the_file(path: Path) -> None:
    """Every key can be given by the environment, whose texts are read as the key's type."""
    config = read(
        path,
        LEAST + "[uplink]\ntick_s = 1\n",
        MILEPOST_AGENT_DEVICE_ID="van-02",
        MILEPOST_AGENT_DEVICE_SHARD="63",
        MILEPOST_AGENT_BUFFER_MAX_MB="0.5",
        MILEPOST_AGENT_BUFFER_PATH="/tmp/b",
        MILEPOST_AGENT_UPLINK_TICK_S="60",
        MILEPOST_AGENT_STATUS_PATH="/run/status",
        MILEPOST_CLOCK="anything",
    )
    assert (config.address.shard, config.address.device) == (63, "van-02")
    assert (config.buffer.max_mb, config.buffer.path) == (0.5, Path("/tmp/b"))
    assert (config.uplink.tick_s, config.status.path) == (60.0, "/run/status")


def test_environment_gives_what_the_file_leaves_out(path: Path) -> None:
    """A deployment may keep its secrets and names out of the file altogether."""
    config = read(path, LEAST.replace('id = "van-01"', ""), MILEPOST_AGENT_DEVICE_ID="van-03")
    assert config.device.id == "van-03"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('[device]\nid = "van-01"|', "[device]: id is missing"),
        ('host = "broker.example.org"|', "[broker]: host is missing"),
        ("[device]|[devcie]", "unknown section [devcie]"),
        ("[device]|[device]\ncolour = 1", "[device]: unknown key 'colour'"),
        ("[device]|tick_s = 5\n[device]", "unknown section [tick_s]"),
        ("[device]|uplink = 5\n[device]", "[uplink] is not a table"),
        ("[device]|[[uplink]]\n[device]", "[uplink] is not a table"),
        ('id = "van-01"|id = 7', "[device] id is not a text"),
        ('id = "van-01"|id = "van.01"', "device id 'van.01'"),
        ('id = "van-01"|id = ""', "device id ''"),
        ('id = "van-01"|id = "van-01"\nshard = 64', "shard 64 is not in 0 to 63"),
        ('id = "van-01"|id = "van-01"\nshard = "1"', "[device] shard is not a whole number"),
        ('id = "van-01"|id = "van-01"\nshard = true', "[device] shard is not a whole number"),
        ('id = "van-01"|id = "van-01"\nshard = 1.0', "[device] shard is not a whole number"),
        ('path = "/var|max_mb = "1"\npath = "/var', "[buffer] max_mb is not a number"),
        ('path = "/var|max_mb = true\npath = "/var', "[buffer] max_mb is not a number"),
        ('path = "/var|max_mb = 0.05\npath = "/var', "[buffer] max_mb = 0.05 is not in"),
        ('path = "/var|max_mb = nan\npath = "/var', "[buffer] max_mb = nan is not in"),
        ('path = "/var|max_mb = inf\npath = "/var', "[buffer] max_mb = inf is not in"),
        (f'path = "/var|max_mb = 1{"0" * 400}\npath = "/var', "[buffer] max_mb is not a number"),
        ("[buffer]|[uplink]\ntick_s = 0\n[buffer]", "[uplink] tick_s = 0.0 is not in 0.05 to 3600"),
        ("[buffer]|port = 0\n[buffer]", "[broker] port = 0 is not in 1 to 65535"),
        ("[buffer]|port = 65536\n[buffer]", "[broker] port = 65536 is not in"),
        ("[buffer]|keepalive_s = 1\n[buffer]", "[broker] keepalive_s = 1 is not in"),
        ("[broker]|baud = 1\n[broker]", "[receiver] baud = 1 is neither 0 nor in 300"),
        ("[broker]|[broker", "is not TOML"),
        ("[broker]|[device]\n[broker]", "is not TOML"),
    ],
)
def test_mistake_is_named(path: Path, change: str, said: str) -> None:
    """Each mistake is one error of one line that names the file and what is wrong in it."""
    old, _, new = change.partition("|")
    assert old in LEAST
    with pytest.raises(ConfigError) as caught:
        read(path, LEAST.replace(old, new, 1))
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "10.0.0.1",
        "::1",
        "2001:db8:0:1::7",
        "fe80::1%eth0",
        "b\u00fccher.example",
        "a_b",
    ],
)
def test_host_may_be_a_name_or_an_address(path: Path, host: str) -> None:
    """Names, IPv4 and IPv6 addresses are hosts."""
    assert read(path, LEAST.replace("broker.example.org", host)).broker.host == host


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "tcp://broker",
        "broker:1883",
        "broker/x",
        "user@broker",
        "bro ker",
        "[::1]",
        "a..b",
        "x" * 64,
        "1:2:3",
    ],
)
def test_host_of_another_form_is_refused(path: Path, host: str) -> None:
    """A URL, a host with a port, and what no resolver takes are named as what they are not."""
    with pytest.raises(ConfigError, match="is not a host name or an address"):
        read(path, LEAST.replace("broker.example.org", host))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MILEPOST_AGENT_BROKER_PORT", "x"),
        ("MILEPOST_AGENT_BROKER_PORT", ""),
        ("MILEPOST_AGENT_BROKER_PORT", "1883.0"),
        ("MILEPOST_AGENT_BUFFER_MAX_MB", "nan"),
        ("MILEPOST_AGENT_DEVICE_ID", "a b"),
    ],
)
def test_mistake_in_the_environment_is_named(path: Path, name: str, text: str) -> None:
    """An override is judged as strictly as the file."""
    with pytest.raises(ConfigError):
        read(path, LEAST, **{name: text})


def test_file_that_cannot_be_read_is_named(path: Path) -> None:
    """A missing file, a folder and a file that is no text are one error each."""
    with pytest.raises(ConfigError, match="No such file"):
        read_config(path, {})
    with pytest.raises(ConfigError, match="Is a directory"):
        read_config(path.parent, {})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_config(path, {})
