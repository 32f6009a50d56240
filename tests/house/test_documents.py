"""The documents hang together: both READMEs say one thing, every page can be found, every link arrives."""

import os.path
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from tests.house.repository import files, text_of

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*(\S*)[^\n]*\n(.*?)^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6}) ", re.MULTILINE)
COMMENT = re.compile(r"(^|(?<=\s))(#|//|--) .*$", re.MULTILINE)
INLINE_CODE = re.compile(r"(`+).+?\1")
LINK = re.compile(
    r"\]\(\s*<?([^)>\s]+)|<(?:img|a)\s[^>]*?(?:src|href)=[\"']([^\"']+)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#")

ENTRANCES = {"README.md", "README.zh.md", "docs/README.md", "docs/README.zh.md"}


def skeleton(page: str) -> list[str]:
    """Reduce a page to what a translation leaves alone: the levels of its headings, and its code.

    Comments in the code are for people and may be translated; so may a drawing, which is a block marked `text`.
    """
    code = [(match.start(), _code(match[2], match[3])) for match in FENCE.finditer(page)]
    prose = FENCE.sub(lambda match: " " * len(match[0]), page)
    headings = [(match.start(), match[1]) for match in HEADING.finditer(prose)]
    return [part for _, part in sorted(code + headings)]


def _code(language: str, body: str) -> str:
    if language == "text":
        return "text"

    lines = [line.rstrip() for line in COMMENT.sub("", body).splitlines()]
    return "\n".join([f"{language}:", *filter(None, lines)])


def targets(page: str, text: str) -> dict[str, str]:
    """Map the links of a page that stay in the repository to the files they lead to."""
    prose = INLINE_CODE.sub("", FENCE.sub("", text))
    links = [next(filter(None, groups)) for groups in LINK.findall(prose)]
    inside = [link for link in links if not ELSEWHERE.match(link)]
    files_meant = [Path(page).parent / re.split("[#?]", link)[0] for link in inside]
    return {link: os.path.normpath(file).lstrip("/") for link, file in zip(inside, files_meant, strict=True)}


def broken_links(pages: Mapping[str, str], existing: Collection[str]) -> list[str]:
    folders = {folder for path in existing for folder in _folders_above(path)}
    return [
        f"{page}: {link}"
        for page, text in pages.items()
        for link, target in targets(page, text).items()
        if target not in existing and target not in folders
    ]


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")
    return [".", *("/".join(parts[:depth]) for depth in range(1, len(parts)))]


def lost_in_docs(pages: Mapping[str, str], existing: Collection[str]) -> list[str]:
    """List what nobody finds: a page that no entrance names, a picture that no page shows."""
    named = {target for page, text in pages.items() if page in ENTRANCES for target in targets(page, text).values()}
    shown = {target for page, text in pages.items() for target in targets(page, text).values()}
    docs = [path for path in existing if path.startswith("docs/") and path not in ENTRANCES]
    return [path for path in docs if path not in (named if path.endswith(".md") else shown)]


def pages_of_this_repository() -> dict[str, str]:
    return {path: text for path in files() if path.endswith(".md") and (text := text_of(path)) is not None}


def test_both_readmes_have_the_same_headings_and_the_same_code() -> None:
    pages = pages_of_this_repository()
    if "README.zh.md" in pages:
        assert skeleton(pages["README.zh.md"]) == skeleton(pages["README.md"])


def test_every_link_arrives() -> None:
    assert broken_links(pages_of_this_repository(), files()) == []


def test_every_file_in_docs_is_found_from_an_entrance() -> None:
    assert lost_in_docs(pages_of_this_repository(), files()) == []


ENGLISH = """# Sixin
## Start
```sh
make run  # then open the page
```
```text
person -> server
```
"""


def test_a_translation_has_the_same_skeleton() -> None:
    chinese = """# 私信
## 开始
```sh
make run  # 然后打开网页
```
```text
人 -> 服务器
```
"""
    assert skeleton(chinese) == skeleton(ENGLISH)


@pytest.mark.parametrize(
    ("of", "by"),
    [
        pytest.param("make run", "make start", id="other code"),
        pytest.param("## Start\n", "", id="a heading less"),
        pytest.param("## Start", "### Start", id="a lower heading"),
        pytest.param("```sh", "```python", id="another language"),
        pytest.param("```text\nperson -> server\n```\n", "", id="a drawing less"),
    ],
)
def test_a_translation_that_differs_is_refused(of: str, by: str) -> None:
    assert of in ENGLISH
    assert skeleton(ENGLISH.replace(of, by)) != skeleton(ENGLISH)


@pytest.mark.parametrize(
    "link",
    [
        "[a](gone.md)",
        "[a](gone.md#part)",
        "![a](pictures/gone.png)",
        '[a](gone.md "title")',
        '<img width="3" src="gone.png">',
        "[a]: gone.md",
        "[a](../../outside.md)",
        "[a](README.md/)gone [b](gone/)",
    ],
)
def test_a_link_to_nowhere_is_refused(link: str) -> None:
    assert len(broken_links({"docs/README.md": link}, ["docs/README.md"])) == 1


@pytest.mark.parametrize(
    "link",
    [
        "[a](page.md#part)",
        "[a](../README.md)",
        "[a](decisions/)",
        "[a](/README.md)",
        "[a](..)",
        "[a](#here)",
        "[a](https://example.org/gone.md)",
        "[a](mailto:ann@example.org)",
        "`[a](gone.md)`",
        "```md\n[a](gone.md)\n```",
    ],
)
def test_a_link_that_arrives_is_accepted(link: str) -> None:
    existing = ["README.md", "docs/README.md", "docs/page.md", "docs/decisions/one.md"]
    page = "README.md" if "(/" in link else "docs/README.md"
    assert broken_links({page: link}, existing) == []


def test_a_page_that_only_another_page_names_is_lost() -> None:
    pages = {"README.md": "[docs](docs/found.md)", "docs/found.md": "[more](lost.md) ![](one.png)", "docs/lost.md": ""}
    assert lost_in_docs(pages, [*pages, "docs/one.png", "docs/two.png"]) == ["docs/lost.md", "docs/two.png"]
