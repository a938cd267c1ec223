"""The configuration: what is read, and the one line that says what is wrong."""

import os
from pathlib import Path

import pytest

from milepost_collector.config import CollectorConfig, ConfigError, read_config


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine's environment gets into a test."""
    for name in os.environ:
        if name.startswith("MILEPOST_") and "__" in name:
            monkeypatch.delenv(name)


def test_config_without_a_file_is_the_defaults() -> None:
    """Without file and environment every key has its default."""
    config = read_config(None)
    assert config.model_dump() == CollectorConfig().model_dump()
    assert (config.database.dsn, config.broker.host, config.web.port) == ("", "", 8080)


def test_config_from_a_file_holds_its_values(tmp_path: Path) -> None:
    """Every section is read; keys that are not named keep their defaults."""
    path = tmp_path / "c.toml"
    path.write_text(
        '[database]\ndsn = "postgresql://a@b/c"\n[broker]\nhost = "mq"\nkeepalive_s = 30\n'
        '[embedded]\nfolder = "/x"\nbroker = "nats"\n[web]\nport = 0\n[fences]\nfile = "f.json"\n'
        '[rules]\nfile = "r.json"\n'
        '[events]\nmqtt = false\nmqtt_start = "end"\n'
        '[jetstream]\nurl = "nats://a:4222,tls://me:secret@b"\npartitions = 3\n'
    )
    config = read_config(path)
    assert config.database.dsn == "postgresql://a@b/c"
    assert (config.broker.host, config.broker.port, config.broker.keepalive_s) == ("mq", 1883, 30)
    assert (config.embedded.folder, config.embedded.broker) == (Path("/x"), "nats")
    assert (config.web.host, config.web.port) == ("127.0.0.1", 0)
    assert (config.fences.file, config.rules.file) == (Path("f.json"), Path("r.json"))
    assert (config.events.mqtt, config.events.mqtt_start) == (False, "end")
    assert config.jetstream.url == "nats://a:4222,tls://me:secret@b"
    assert (config.jetstream.stream, config.jetstream.partitions) == ("MILEPOST", 3)


def test_config_from_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable overrides its key of the file and leaves the others."""
    path = tmp_path / "c.toml"
    path.write_text('[web]\nhost = "::1"\nport = 1\n')
    monkeypatch.setenv("MILEPOST_WEB__PORT", "2")
    monkeypatch.setenv("MILEPOST_DATABASE__DSN", "host=here")
    config = read_config(path)
    assert (config.web.host, config.web.port) == ("::1", 2)
    assert config.database.dsn == "host=here"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[web]\nprot = 5", "unknown key 'web.prot'"),
        ("[webb]\nport = 5", "unknown key 'webb'"),
        ("port = 5", "unknown key 'port'"),
        ("[web]\nport = 70000", "web.port = 70000: Input should be less than or equal to 65535"),
        ("[web]\nport = -1", "web.port = -1: Input should be greater than or equal to 0"),
        (
            '[web]\nport = "x"',
            "web.port = 'x': Input should be a valid integer, unable to parse string as an integer",
        ),
        ("web = 5", "web = 5: Input should be a valid dictionary or instance of WebConfig"),
        ("[broker]\nport = 0", "broker.port = 0: Input should be greater than or equal to 1"),
        (
            '[broker]\nhost = "a b"',
            "broker.host = 'a b': String should match pattern '^[A-Za-z0-9_.:\\[\\]-]*$'",
        ),
        (
            '[embedded]\nbroker = "emqx"',
            "embedded.broker = 'emqx': String should match pattern '^(|mosquitto|nats)$'",
        ),
        (
            '[database]\ndsn = "host=x password=secret what"',
            'database.dsn: missing "=" after "what" in connection info string',
        ),
        (
            '[database]\ndsn = "nonsense=1 password=secret"',
            'database.dsn: invalid connection option "nonsense"',
        ),
        (
            '[events]\nmqtt_start = "now"',
            "events.mqtt_start = 'now': Input should be 'beginning' or 'end'",
        ),
        (
            '[jetstream]\nurl = "nats://a:1,http://me:secret@b"',
            "jetstream.url: address 2 is not nats://host:port or tls://host:port",
        ),
        (
            '[jetstream]\nurl = "nats://me:secret@b:99999"',
            "jetstream.url: address 1 is not nats://host:port or tls://host:port",
        ),
        (
            '[jetstream]\nurl = "nats://"',
            "jetstream.url: address 1 is not nats://host:port or tls://host:port",
        ),
        (
            '[jetstream]\nstream = "a.b"',
            "jetstream.stream = 'a.b': String should match pattern '^[A-Za-z0-9_-]{1,64}$'",
        ),
        (
            '[jetstream]\nsubject_prefix = "a.>"',
            "jetstream.subject_prefix = 'a.>': String should match pattern "
            "'^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$'",
        ),
        (
            "[jetstream]\npartitions = 0",
            "jetstream.partitions = 0: Input should be greater than or equal to 1",
        ),
        (
            "[jetstream]\nduplicate_window_s = 86401",
            "jetstream.duplicate_window_s = 86401: Input should be less than or equal to 86400",
        ),
    ],
)
def test_config_with_a_wrong_value_names_file_key_and_value(
    tmp_path: Path, text: str, line: str
) -> None:
    """What cannot be used is told in one line; a connection string is not repeated."""
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    assert str(raised.value) == f"{path}: {line}"


@pytest.mark.parametrize("content", [b"[web", b"\xff\xfe", b"a = ", b"\x00"])
def test_config_that_is_not_toml_says_so(tmp_path: Path, content: bytes) -> None:
    """A file of another format is named as that."""
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    assert str(raised.value).startswith(f"{path} is not TOML: ")


def test_config_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A missing file and a folder are named with the reason."""
    with pytest.raises(ConfigError) as raised:
        read_config(tmp_path / "none.toml")
    assert str(raised.value) == f"{tmp_path}/none.toml: No such file or directory"
    with pytest.raises(ConfigError) as raised:
        read_config(tmp_path)
    assert str(raised.value) == f"{tmp_path}: Is a directory"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "MILEPOST_WEB__PORT",
            "x",
            "environment: web.port = 'x': Input should be a valid integer, unable to parse string "
            "as an integer",
        ),
        ("MILEPOST_WEB__PROT", "5", "environment: unknown key 'web.prot'"),
        (
            "MILEPOST_WEB",
            "8080",
            "environment: web = 8080: Input should be a valid dictionary or instance of WebConfig",
        ),
        (
            "MILEPOST_WEB",
            "here",
            'environment: error parsing value for field "web" from source "EnvSettingsSource"',
        ),
    ],
)
def test_config_with_a_wrong_environment_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    """A variable that cannot be used is told in one line."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        read_config(None)
    assert str(raised.value) == line


def test_config_leaves_foreign_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are no key of the file are no error: others share the prefix."""
    monkeypatch.setenv("MILEPOST_CLOCK", "0,1")
    assert read_config(None).model_dump() == CollectorConfig().model_dump()
