"""Settings: flags before variables before the file before defaults; what is not right is refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from sixin.server.config import Settings, SettingsRefused, described, load_settings
from tests.reference.pages import PAGES


def test_a_flag_wins_over_a_variable_a_variable_over_the_file_the_file_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "sixin.toml"
    file.write_text('port = 1\nhost = "file"\ndata = "file"\n')
    settings = load_settings({"port": "3", "host": None}, {"SIXIN_PORT": "2", "SIXIN_HOST": "variable"}, file)
    assert (settings.port, settings.host, settings.data, settings.bus) == (3, "variable", "file", "local")


def test_text_is_read_as_the_type_of_the_field() -> None:
    settings = load_settings(
        {"hello_timeout_s": "0.5", "origins": "https://a.example, https://b.example,"},
        {"SIXIN_CACHE": "false", "SIXIN_PORT": "0", "SIXIN_DEMO": "1"},
    )
    assert settings.hello_timeout_s == 0.5
    assert settings.origins == ("https://a.example", "https://b.example")
    assert (settings.cache, settings.port, settings.demo) == (False, 0, True)


@pytest.mark.parametrize(
    ("flags", "environ", "toml", "named"),
    [
        ({"port": "70000"}, {}, "", ["port", "the flags"]),
        ({"port": "eighty"}, {}, "", ["port", "the flags"]),
        ({}, {"SIXIN_PORT": "-1"}, "", ["port", "the environment"]),
        ({}, {"SIXIN_CACHE": "perhaps"}, "", ["cache", "the environment"]),
        ({"port": "80"}, {}, "port = 70000", ["port", "sixin.toml"]),
        ({}, {}, "prot = 80", ["prot", "sixin.toml"]),
        ({}, {}, 'users = "some"', ["users", "sixin.toml"]),
        ({}, {}, "port = ", ["sixin.toml", "TOML"]),
        ({}, {}, "buffer_bytes_max = 1", ["buffer_bytes_max", "sixin.toml"]),
    ],
)
def test_a_setting_that_is_not_right_is_refused_by_name_and_source(
    tmp_path: Path, flags: dict[str, str], environ: dict[str, str], toml: str, named: list[str]
) -> None:
    file = tmp_path / "sixin.toml"
    file.write_text(toml)
    with pytest.raises(SettingsRefused) as refused:
        load_settings(flags, environ, file)
    assert all(part in str(refused.value) for part in named)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"absent\.toml"):
        load_settings(file=tmp_path / "absent.toml")


def test_every_setting_is_described_and_its_default_is_valid() -> None:
    assert [name for name, *_ in described()] == list(Settings.__struct_fields__)
    assert all(text.endswith(".") for *_, text in described())
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_says_what_the_code_says(path: Path) -> None:
    assert path.read_text("utf-8") == PAGES[path](), "run `make docs`"


def test_the_command_refuses_a_wrong_setting_with_one_line_and_code_2(tmp_path: Path) -> None:
    environ = {**os.environ, "SIXIN_PORT": "none"}
    ended = subprocess.run(
        [sys.executable, "-m", "sixin.cli.main", "serve", "--data", str(tmp_path)],
        env=environ, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("sixin: ")
    assert "port" in ended.stderr
    assert ended.stderr.count("\n") == 1
