"""The web app's files over HTTP: packed, kept where that is safe, and seen when somebody edits them."""

import gzip
import re
import shutil
from pathlib import Path

import pytest

from sixin.server.gateway.pages import ROOT, edition_of
from tests.server.house import House

PACKED = {"Accept-Encoding": "gzip"}


async def test_a_second_visit_asks_for_the_index_alone(house: House) -> None:
    async with house.client.get(house.url, headers=PACKED) as response:
        assert response.headers["Cache-Control"] == "no-cache"
        index, etag = await response.text(), response.headers["ETag"]
    named = re.findall(r'(?:href|src)="(/[^"]+)"', index)
    assert len(named) > 40
    for path in named:
        async with house.client.get(house.url + path, headers=PACKED) as response:
            assert response.status == 200, path
            assert "immutable" in response.headers["Cache-Control"], path
    async with house.client.get(house.url, headers={**PACKED, "If-None-Match": etag}) as response:
        assert (response.status, await response.read()) == (304, b"")


async def test_what_a_browser_shows_as_a_page_has_a_policy(house: House) -> None:
    for path, is_page in (("/", True), ("/icon.svg", True), ("/app/main.js", False), ("/styles/chat.css", False)):
        async with house.client.get(house.url + path) as response:
            assert ("Content-Security-Policy" in response.headers) is is_page, path
            assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_what_another_edition_named_is_given_as_it_now_is_and_not_kept(house: House) -> None:
    async with house.client.get(f"{house.url}/~0123456789abcdef/app/main.js") as response:
        assert (response.status, response.headers["Cache-Control"]) == (200, "no-cache")
        assert await response.read() == (ROOT / "app/main.js").read_bytes()


async def test_a_packed_file_is_the_file(house: House) -> None:
    for headers, packed in ((PACKED, True), ({"Accept-Encoding": "identity"}, False)):
        async with house.client.get(f"{house.url}/sdk/index.js", headers=headers) as response:
            assert ("Content-Encoding" in response.headers) is packed
            assert response.headers["Content-Type"].startswith("text/javascript")
            assert response.headers["Vary"] == "Accept-Encoding"
            assert await response.read() == (ROOT / "sdk/index.js").read_bytes()


@pytest.mark.parametrize("path", ["/~x/../../pyproject.toml", "/%2e%2e/version.py", "/sdk", "/nothing.js", "/~x/no.js"])
async def test_only_files_of_the_app_are_served(house: House, path: str) -> None:
    async with house.client.get(house.url + path) as response:
        assert response.status == 404


def test_an_edit_makes_another_edition_and_nothing_else_does(tmp_path: Path) -> None:
    root = shutil.copytree(ROOT, tmp_path / "web")
    first = edition_of(root)
    assert edition_of(root, first) is first
    (root / "app" / "main.js").write_text("// new\n")
    second = edition_of(root, first)
    assert second.digest != first.digest
    assert second.pages["app/main.js"].plain == b"// new\n"
    assert edition_of(shutil.copytree(root, tmp_path / "elsewhere")).digest == second.digest


def test_what_is_packed_unpacks_to_what_was_there() -> None:
    pages = edition_of(ROOT).pages
    assert sum(page.packed is not None for page in pages.values()) > 40
    for page in pages.values():
        assert page.packed is None or gzip.decompress(page.packed) == page.plain
