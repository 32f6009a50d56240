"""The flags of every setting, made from the settings themselves."""

import argparse
import os
from pathlib import Path

from sixin.server.config import Settings, described, load_settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`, and a flag for each setting."""
    parser.add_argument("--config", metavar="FILE", type=Path, help="a TOML file with any of these settings")
    group = parser.add_argument_group("settings (also as SIXIN_… variables, and as keys of the file)")
    for name, kind, default, description in described():
        flag = "--" + name.replace("_", "-")
        help_text = f"{description} [{default!r}]".replace("%", "%%")
        if kind is bool:
            group.add_argument(flag, dest=name, action=argparse.BooleanOptionalAction, default=None, help=help_text)
        else:
            group.add_argument(flag, dest=name, default=None, help=help_text, metavar="VALUE")


def settings_of(args: argparse.Namespace, **preset: object) -> Settings:
    """The settings of this call; `preset` stands in for defaults. Raises `SettingsRefused`."""
    flags = {name: getattr(args, name, None) for name in Settings.__struct_fields__}
    for name, value in preset.items():
        if flags[name] is None and f"SIXIN_{name.upper()}" not in os.environ:
            flags[name] = value
    return load_settings(flags, os.environ, args.config)
