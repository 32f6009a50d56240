"""The vectors must not be skipped by accident where a change is judged."""

from pathlib import Path

import pytest

from tests import vectors


def test_missing_vectors_fail_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vectors, "FOLDERS", (tmp_path / "nothing",))
    monkeypatch.delenv("SIXIN_VECTORS", raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="SIXIN_VECTORS"):
        vectors.vector("ids")

    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        vectors.vector("ids")


def test_another_place_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ids.json").write_text('{"session_ids": []}')
    monkeypatch.setenv("SIXIN_VECTORS", str(tmp_path))
    assert vectors.vector("ids") == {"session_ids": []}

    monkeypatch.setenv("SIXIN_VECTORS", str(tmp_path / "nothing"))
    with pytest.raises(pytest.fail.Exception):
        vectors.vector("ids")
