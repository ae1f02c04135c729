"""The pages: links lead somewhere, commands exist, and both languages say the same."""

from __future__ import annotations

import importlib
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from paddleclas_octconv.cli import COMMANDS, Parser
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import find_config

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
CHINESE = [page for page in PAGES if page.stem.endswith("_ch")]

FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)((?: {4}.*\n(?:\n(?= {4}))?)+)")
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
TABLE = re.compile(r"<!-- table: .*?<!-- end -->\n", re.DOTALL)
COMMENT = re.compile(r"(?:^|\s+)# .*$", re.MULTILINE)
NUMBER = re.compile(r"(?<![A-Za-z\d])\d+(?:[.,×x]\d+)*")
CJK = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"


class Section(NamedTuple):
    """What a heading and the text up to the next one have in every language."""

    level: int
    title: str
    blocks: list[str]  # of code, without comments
    words: Counter  # in code letters
    links: Counter
    numbers: Counter
    rows: int  # of tables
    prose: str


def code_blocks(text: str) -> list[str]:
    found = [
        (match.start(), match[1]) for kind in (FENCED, INDENTED) for match in kind.finditer(text)
    ]
    return [COMMENT.sub("", block).rstrip() for _, block in sorted(found)]


def without_blocks(text: str) -> str:
    return INDENTED.sub("\n", FENCED.sub("\n", text))


def slug(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", CODE.sub(r"\1", title).lower()).replace(" ", "-")


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.*)$", without_blocks(text), re.MULTILINE)


def sections(text: str) -> list[Section]:
    """A page by its headings; tables made from data are left out, they are held elsewhere."""
    anchors = {f"#{slug(title)}": f"#{i}" for i, title in enumerate(headings(text))}
    hidden = FENCED.sub(lambda match: match[0].replace("\n# ", "\n#-"), TABLE.sub("\n", text))
    found = []
    for part in re.split(r"^(?=#+ )", hidden, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        marks, title = heading.split(" ", 1)
        prose = without_blocks(body)
        plain = LINK.sub("]", CODE.sub("`", prose))
        found.append(
            Section(
                len(marks),
                title,
                code_blocks(body),
                Counter(CODE.findall(prose)),
                Counter(anchors.get(to, to.replace("_ch.md", ".md")) for to in LINK.findall(prose)),
                Counter(NUMBER.findall(plain)),
                len(re.findall(r"^\|.*\|$", prose, re.MULTILINE)),
                plain,
            )
        )
    return found


def differences(english: str, chinese: str) -> list[str]:
    """What one of two pages has, and the other has not."""
    ours, theirs = sections(english), sections(chinese)
    if [each.level for each in ours] != [each.level for each in theirs]:
        return [f"headings: {[s.title for s in ours]}, {[s.title for s in theirs]}"]
    found = []
    for one, other in zip(ours, theirs):
        for name in ("blocks", "rows"):
            if getattr(one, name) != getattr(other, name):
                found.append(f"{one.title}: {name}: {getattr(one, name)}, {getattr(other, name)}")
        for name in ("words", "links", "numbers"):
            a, b = getattr(one, name), getattr(other, name)
            if a != b:
                found.append(f"{one.title}: {name}: only here {a - b}, only in Chinese {b - a}")
    return found


def misprints(chinese: str) -> list[str]:
    """Punctuation and spaces that Chinese is not printed with."""
    found = []
    for section in sections(chinese):
        text = re.sub(r"!?\[|[\]*]", "", section.prose)
        for pattern in (
            f"{CJK}\n{CJK}",  # shown as a space
            r"[\u4e00-\u9fff][,:;!?()]|[,:;!?)(][\u4e00-\u9fff]",
            r"[\u4e00-\u9fff][A-Za-z0-9`]|[A-Za-z0-9`%][\u4e00-\u9fff]",
        ):
            for match in re.finditer(pattern, text):
                found.append(text[max(0, match.start() - 10) : match.end() + 10])
    return found


def pair(chinese: Path) -> tuple[str, str]:
    english = chinese.with_name(chinese.name.replace("_ch.md", ".md"))
    return english.read_text(encoding="utf-8"), chinese.read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """The command lines of this package in a page's blocks, without those that show a form."""
    lines = "\n".join(code_blocks(text)).replace("\\\n", " ").splitlines()
    words = [shlex.split(line) for line in map(str.strip, lines) if line.startswith("paddleclas ")]
    return [
        line[1:] for line in words if line[1] in COMMANDS and not set("…[|") & set("".join(line))
    ]


def parser_of(command: str) -> Parser:
    parser = Parser(prog=f"paddleclas {command}", allow_abbrev=False)
    importlib.import_module(COMMANDS[command]).add_arguments(parser)
    return parser


def mistake(words: list[str]) -> str | None:
    """What is wrong with a command line: with its options, or the config that it names."""
    try:
        given, unknown = parser_of(words[0]).parse_known_args(words[1:])
        config = getattr(given, "config", None)
        if isinstance(config, str) and re.match("(CIFAR10|Digits|ImageNet)/", config):
            find_config(config)
    except OctConvError as error:
        return str(error)
    return f"unknown: {unknown}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(without_blocks(page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in map(slug, headings(target.read_text(encoding="utf-8"))), link


@pytest.mark.parametrize("name", ["README.md", "README_ch.md"])
def test_readme_leads_to_every_page(name):
    links = set(LINK.findall((ROOT / name).read_text(encoding="utf-8")))
    for page in ROOT.glob("docs/*.md"):
        both = {page.name, page.name.replace("_ch.md", ".md"), f"{page.stem}_ch.md"}
        assert links & {f"docs/{each}" for each in both}, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_those_of_the_command_line(page):
    mistakes = {" ".join(w): mistake(w) for w in commands(page.read_text(encoding="utf-8"))}
    assert not {line: wrong for line, wrong in mistakes.items() if wrong}


def test_options_belong_to_the_commands_that_readme_names():
    rows = re.findall(
        r"^\| (`-.*?) \| ([a-z, -]+) \|", pair(ROOT / "README_ch.md")[0], re.MULTILINE
    )
    assert len(rows) > 15
    for options, names in rows:
        for name in names.split(", "):
            known = parser_of(name)._option_string_actions
            for option in re.findall(r"(?<=[` ])--?[a-z][\w-]*", options):
                assert option in known, (name, option)


def test_there_are_chinese_pages():
    assert {page.name for page in CHINESE} >= {"README_ch.md", "tutorial_ch.md"}


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.name)
def test_both_languages_say_the_same(page):
    english, chinese = pair(page)
    assert not differences(english, chinese)
    assert f"({page.name})" in english.splitlines()[2]
    assert f"({page.name.replace('_ch', '')})" in chinese.splitlines()[2]


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.name)
def test_chinese_is_printed_as_chinese(page):
    assert not misprints(pair(page)[1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("### CIFAR-10", "#### CIFAR-10"),  # another level
        ("## 常见问题\n", ""),  # a section less
        ("--device cpu --epochs 1", "--epochs 1"),  # a command that has changed
        ("alpha=0.25)", "alpha=0.5)"),  # code that has changed
        ("`--onnx`、", ""),  # an option less
        ("(docs/octavize.md)", "(docs/models.md)"),
        ("(#cifar-10)", "(#使用)"),
        ("50,000", "60,000"),
        ("3.8 至 3.13", "3.8 至 3.11"),
        ("| `libgomp.so.1", "`libgomp.so.1"),  # a row less
    ],
)
def test_a_difference_is_seen(old, new):
    english, chinese = pair(ROOT / "README_ch.md")
    assert old in chinese
    assert differences(english, chinese.replace(old, new, 1))


@pytest.mark.parametrize(
    "text", ["安装，\n训练", "安装,训练", "安装pip 包", "用 `pip`安装", "安装(训练)"]
)
def test_a_misprint_is_seen(text):
    assert misprints(f"# 安装\n\n{text}\n")
    assert not misprints("# 安装\n\n用 `pip` 安装（3.2 版），\n[paddle](x.md) 训练。\n")


@pytest.mark.parametrize(
    "line", ["export --batch 2 -c a.yaml", "train -c Digits/Nothing", "train", "models --fast"]
)
def test_a_wrong_command_is_seen(line):
    assert commands(f"\n\n    paddleclas {line}   # a comment\n") == [line.split()]
    assert mistake(line.split())
