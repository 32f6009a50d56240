"""Tokens and the secret that signs them. What must not pass as a token: test_bad_input_tokens.py."""

import multiprocessing
import stat
from pathlib import Path

import jwt
import pytest

from sixin.core import errors
from sixin.core.ids import Uid
from sixin.core.limits import INT64_MAX
from sixin.server.app import make_node
from sixin.server.auth import SECRET_CHARS_MIN, Tokens, load_secret
from sixin.server.config import Settings, SettingsRefused
from tests.server.house import SECRET, TOKENS

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize("uid", [1, 1001, INT64_MAX])
def test_a_token_says_who_until_when(uid: int) -> None:
    token = TOKENS.mint(Uid(uid), now_s=NOW_S, ttl_s=60, device_id="phone", role="admin")
    identity = TOKENS.check(token, now_s=NOW_S)
    assert (identity.uid, identity.device_id, identity.role) == (uid, "phone", "admin")
    assert identity.expires_at_s == NOW_S + 60
    with pytest.raises(errors.Unauthenticated, match="expired"):
        TOKENS.check(token, now_s=NOW_S + 60)


def test_any_jwt_library_can_read_it_and_each_has_its_own_id() -> None:
    tokens = [TOKENS.mint(Uid(1001), now_s=NOW_S, ttl_s=60) for _ in range(2)]
    claims = [jwt.decode(t, SECRET, algorithms=["HS256"], options={"verify_exp": False}) for t in tokens]
    assert jwt.get_unverified_header(tokens[0])["alg"] == "HS256"
    assert {claim["sub"] for claim in claims} == {"1001"}
    assert claims[0]["jti"] != claims[1]["jti"]


@pytest.mark.parametrize("secret", ["", "short", "s" * (SECRET_CHARS_MIN - 1)])
def test_a_secret_that_is_too_short_is_refused(secret: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Tokens(secret)
    if secret:
        with pytest.raises(SettingsRefused, match="32 characters"):
            make_node(Settings(store="memory", data=str(tmp_path), secret=secret))


@pytest.mark.parametrize("place", ["a file", "a file/below"])
def test_a_folder_that_cannot_be_used_is_named_and_so_is_the_way_out(place: str, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(SettingsRefused, match=r"The data folder .*a file.* cannot be used \(Not a directory\).*--data"):
        make_node(Settings(store="memory", data=str(tmp_path / place)))


def test_there_is_no_default_secret(tmp_path: Path) -> None:
    secrets = {load_secret(tmp_path / name) for name in ("one", "two")}
    assert len(secrets) == 2
    assert all(len(secret) >= SECRET_CHARS_MIN for secret in secrets)


def test_a_generated_secret_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    secret = load_secret(data)
    assert load_secret(data) == secret
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert [file.name for file in data.iterdir()] == ["secret"]


def test_a_configured_secret_is_not_written_down(tmp_path: Path) -> None:
    assert load_secret(tmp_path / "data", SECRET) == SECRET
    assert not (tmp_path / "data").exists()


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingsRefused, match="secret"):
        make_node(Settings(store="memory", data=str(tmp_path)))


def test_servers_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        secrets = pool.map(load_secret, [tmp_path / "data"] * 32, chunksize=1)
    assert len(set(secrets)) == 1
