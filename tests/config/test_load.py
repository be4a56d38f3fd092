"""Settings from file, environment and flags: what outranks what, and every complaint word for word."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config, load_config
from engine.errors import ConfigurationError


def loaded(tmp_path: Path, text: str, **sources: Any) -> Config:
    """The settings of a file with this text."""
    (tmp_path / "signalbox.toml").write_text(text, encoding="utf-8")
    return load_config(tmp_path / "signalbox.toml", **sources)


def complaints(tmp_path: Path, text: str = "", **sources: Any) -> str:
    """What is wrong with a file of this text, without the folder it is in."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **sources)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_nothing_set_is_the_default() -> None:
    """Without any source the server runs by its defaults."""
    assert Config() == load_config()


def test_a_flag_outranks_the_environment_and_that_the_file(tmp_path: Path) -> None:
    """The later source wins, key by key."""
    config = loaded(
        tmp_path,
        "[server]\nport = 1\nmax_batch = 1\nmax_calls = 1\n",
        environment={"SIGNALBOX_SERVER_PORT": "2", "SIGNALBOX_SERVER_MAX_BATCH": "2"},
        flags={("server", "port"): ("--port", 3)},
    )

    assert (config.server.port, config.server.max_batch, config.server.max_calls) == (3, 2, 1)


def test_a_path_in_the_file_counts_from_the_file(tmp_path: Path) -> None:
    """A settings file can be moved together with its folders; what the environment says counts from here."""
    config = loaded(
        tmp_path,
        '[rules]\ndir = "r"\ntests_dir = "/t"\n',
        environment={"SIGNALBOX_DATA_DIR": "d"},
    )

    assert (tmp_path / "r", Path("/t"), Path("d")) == (config.rules.dir, config.rules.tests_dir, config.data.dir)


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    """SIGNALBOX_CONFIG stands in for --config."""
    (tmp_path / "a.toml").write_text("[server]\nport = 7\n")

    assert load_config(environment={"SIGNALBOX_CONFIG": str(tmp_path / "a.toml")}).server.port == 7


def test_texts_of_the_environment_become_what_the_setting_is() -> None:
    """Numbers and truth values can be set by variables, and a variable set to nothing is not set."""
    config = load_config(
        environment={
            "SIGNALBOX_RULES_DEV": "true",
            "SIGNALBOX_SERVER_STOP_GRACE_S": "1.5",
            "SIGNALBOX_SERVER_PORT": "",
            "SIGNALBOX_LOG_LEVEL": "debug",
        }
    )

    assert (
        config.rules.dev,
        config.server.stop_grace_s,
        config.server.port,
        config.log.level,
    ) == (True, 1.5, 50051, "debug")


def test_providers_are_tables_of_the_files_own_naming(tmp_path: Path) -> None:
    """They keep the order of the file, in which they are tried; what an adapter has to know is passed on as it is."""
    config = loaded(
        tmp_path,
        "[providers.second]\ntype = 'sandbox'\nchannel = 'sms'\n"
        "[providers.first]\ntype = 'acme'\nchannel = 'sms'\nrate = 20\n"
        "[providers.first.options]\nkeys = ['a', {b = 1}]\n",
    )

    assert list(config.providers) == ["second", "first"]
    assert config.providers["first"].options == {"keys": ["a", {"b": 1}]}
    assert (
        config.providers["first"].rate,
        config.providers["first"].concurrency,
        config.providers["second"].timeout_ms,
    ) == (20.0, 0, 0)


def test_no_variable_reaches_into_a_provider(tmp_path: Path) -> None:
    """Their names are no part of any variable, so one that tries is told where providers are set."""
    sentence = "SIGNALBOX_PROVIDERS_A_TYPE: providers are set in the settings file, in a table [providers.<name>] each"

    assert sentence == complaints(tmp_path, environment={"SIGNALBOX_PROVIDERS_A_TYPE": "sandbox"})


def test_categories_are_a_list_or_words_with_commas(tmp_path: Path) -> None:
    """A file has lists, a variable has a text."""
    wanted = ("MARKETING", "SERVICE")

    assert wanted == loaded(tmp_path, "[worker]\nsend_again = ['MARKETING', 'SERVICE']\n").worker.send_again
    assert wanted == load_config(environment={"SIGNALBOX_WORKER_SEND_AGAIN": "MARKETING, SERVICE"}).worker.send_again


def test_the_name_localhost_means_the_loopback_address() -> None:
    """What the name resolves to elsewhere does not matter."""
    assert load_config(environment={"SIGNALBOX_SERVER_HOST": "localhost"}).server.host == "127.0.0.1"


OPEN = (
    "; there is no gate that asks for credentials yet, so every other address would let anybody on the network decide"
)
LOOPBACK = "expected a loopback address: 127.0.0.1, ::1 or localhost"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "2001:db8::1", "::ffff:10.0.0.1"])
def test_an_address_that_others_can_reach_is_refused_with_the_reason(tmp_path: Path, host: str) -> None:
    """No source gets around it, and each is told why."""
    wanted = f'server.host is "{host}"; {LOOPBACK}{OPEN}'

    assert f"signalbox.toml: {wanted}" == complaints(tmp_path, f'[server]\nhost = "{host}"\n')
    assert f"SIGNALBOX_SERVER_HOST: {wanted}" == complaints(tmp_path, environment={"SIGNALBOX_SERVER_HOST": host})
    assert f"--host: {wanted}" == complaints(tmp_path, flags={("server", "host"): ("--host", host)})


@pytest.mark.parametrize("host", ["example.com", "127.1", "*", "", "127.0.0.1:80", "localhost.example.com"])
def test_a_name_that_is_no_address_is_refused(tmp_path: Path, host: str) -> None:
    """Names are not looked up, since what they resolve to may change."""
    assert f'--host: server.host is "{host}"; {LOOPBACK}' == complaints(
        tmp_path, flags={("server", "host"): ("--host", host)}
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[server]\nprot = 1", "server.prot is not a setting; did you mean port?"),
        ("[server]\ndir = 'x'", "server.dir is not a setting; did you mean rules.dir?"),
        ("[log]\nzzz = 1", "log.zzz is not a setting; [log] has level, format"),
        ("port = 1", "port is not a setting; did you mean server.port?"),
        ("[sever]\nport = 1", "sever is not a setting; did you mean server?"),
        (
            "zzz = 1",
            "zzz is not a setting; the tables are server, rules, data, state, records, clock, worker, breaker, "
            "providers, sandbox, time, telemetry, log",
        ),
        ("log = 'x'", 'log is "x"; expected a table: [log] and its keys below it'),
        ("[server]\nport = '1'", 'server.port is "1"; expected a whole number from 0 to 65535'),
        ("[server]\nport = 1.0", "server.port is 1.0; expected a whole number from 0 to 65535"),
        ("[server]\nport = true", "server.port is true; expected a whole number from 0 to 65535"),
        ("[server]\nport = 70000", "server.port is 70000; expected a whole number from 0 to 65535"),
        ("[server]\nport = {a = 1}", 'server.port is {"a": 1}; expected a whole number from 0 to 65535'),
        ("[server]\nmax_batch = 1001", "server.max_batch is 1001; expected a whole number from 1 to 1000"),
        ("[server]\nstop_grace_s = nan", "server.stop_grace_s is NaN; expected a number from 0 to 3600"),
        ("[rules]\ndev = 'yes'", 'rules.dev is "yes"; expected true or false'),
        ("[rules]\ndir = ''", 'rules.dir is ""; expected the path of a folder'),
        ("[data]\ndir = 1979-05-27", "data.dir is 1979-05-27; expected the path of a folder"),
        (
            "[time]\ndefault_zone = 'Asia/Shangai'",
            'time.default_zone is "Asia/Shangai"; expected the IANA name of a time zone, such as "Asia/Shanghai"; '
            "did you mean Asia/Shanghai?",
        ),
        (
            "[time]\ndefault_zone = '../../etc/passwd'",
            'time.default_zone is "../../etc/passwd"; expected the IANA name of a time zone, such as "Asia/Shanghai"',
        ),
        ("[telemetry]\nexporter = 'x'", 'telemetry.exporter is "x"; expected one of none, console, otlp'),
        (
            "[telemetry]\nendpoint = 'somewhere'",
            'telemetry.endpoint is "somewhere"; expected an address such as "http://127.0.0.1:4317"',
        ),
        ("[telemetry]\ntrace_ratio = 2", "telemetry.trace_ratio is 2; expected a number from 0 to 1"),
        (
            "[log]\nlevel = '" + "x" * 90 + "'",
            f'log.level is "{"x" * 59}…; expected one of debug, info, warning, error',
        ),
        (
            "[state]\nurl = 'http://me:secret@redis'",
            'state.url is "http://…@redis"; expected nothing, or an address such as "redis://10.0.0.5:6379/0"',
        ),
        (
            "[worker]\nsend_again = ['transactions']",
            'worker.send_again is ["transactions"]; expected a list of categories: ONE_TIME_PASSWORD, TRANSACTION, '
            "SERVICE, NOTIFICATION, REPAYMENT, MARKETING; did you mean TRANSACTION?",
        ),
        ("providers = 3", "providers is 3; expected a table: [providers.<name>] and its keys below it"),
        ("[providers]\na = 3", "providers.a is 3; expected a table: [providers.a] and its keys below it"),
        (
            "[providers.a]\ntype = 'x'",
            'providers.a.channel is missing; expected the name of a channel, such as "sms"',
        ),
        (
            "[providers.a]\ntype = 'x'\nchannel = 'c'\nrates = 1",
            "providers.a.rates is not a setting; did you mean rate?",
        ),
        (
            "[providers.a]\ntype = 'x'\nchannel = 'c'\nzzz = 1",
            "providers.a.zzz is not a setting; [providers.a] has type, channel, rate, concurrency, timeout_ms, options",
        ),
        (
            "[providers.a]\ntype = 'x'\nchannel = 'c'\noptions = 1",
            "providers.a.options is 1; expected a table with what the adapter has to know",
        ),
        (
            "[providers.'A b']\ntype = 'x'\nchannel = 'c'",
            '"A b" cannot name a provider; expected small letters, digits, "-" and "_", at most 63',
        ),
        ("[server", "not TOML: Expected ']' at the end of a table declaration (at end of document)"),
        ("port 1", "not TOML: Expected '=' after a key in a key/value pair (at line 1, column 6)"),
        ("a = " + "[" * 5000, "nested too deep, so this is no settings file"),
        ("#" * 1_048_577, "larger than 1 MiB, so this is no settings file"),
    ],
)
def test_each_mistake_has_its_own_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    """A complaint names the file and the key, what was found, what is expected and, where it can, the remedy."""
    assert f"signalbox.toml: {complaint}" == complaints(tmp_path, text)


def test_all_mistakes_of_all_sources_come_at_once(tmp_path: Path) -> None:
    """Nobody mends one mistake only to be told of the next."""
    assert complaints(
        tmp_path,
        "[server]\nport = -1\n[log]\ncolour = true\n",
        environment={"SIGNALBOX_SERVER_PROT": "1", "SIGNALBOX_RULES_DEV": "perhaps"},
        flags={("server", "port"): ("--port", 65536)},
    ).split("\n") == [
        "signalbox.toml: server.port is -1; expected a whole number from 0 to 65535",
        "signalbox.toml: log.colour is not a setting; [log] has level, format",
        'SIGNALBOX_RULES_DEV: rules.dev is "perhaps"; expected true or false',
        "SIGNALBOX_SERVER_PROT: not a setting; did you mean SIGNALBOX_SERVER_PORT?",
        "--port: server.port is 65536; expected a whole number from 0 to 65535",
    ]


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A missing file, a folder and a binary file each give their sentence."""
    (tmp_path / "binary.toml").write_bytes(b"a = '\xff'")
    sentences = []
    for name in ("missing.toml", "", "binary.toml"):
        with pytest.raises(ConfigurationError) as caught:
            load_config(tmp_path / name)
        sentences.append(str(caught.value))

    assert [
        f"{tmp_path}/missing.toml: cannot be read: No such file or directory",
        f"{tmp_path}: cannot be read: Is a directory",
        f"{tmp_path}/binary.toml: not UTF-8 text at byte 5",
    ] == sentences


def test_variables_of_others_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A cluster that names a service signalbox sets variables of its own; one that looks like ours earns a warning."""
    with caplog.at_level(logging.WARNING):
        config = load_config(
            environment={
                "SIGNALBOX_PORT_50051_TCP_ADDR": "10.0.0.1",
                "SIGNALBOX_SEVER_PORT": "7",
                "PATH": "/bin",
            }
        )

    assert Config() == config
    assert [record.getMessage() for record in caplog.records] == [
        "SIGNALBOX_SEVER_PORT is not a setting and was not read; did you mean SIGNALBOX_SERVER_PORT?"
    ]
