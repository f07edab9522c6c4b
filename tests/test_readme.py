"""README: what it shows is executed, and prints what it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.M | re.S)
SCRIPTS = [text for kind, text in BLOCKS if kind == "python" and ">>>" not in text]
SESSIONS = [text for kind, text in BLOCKS if kind == "python" and ">>>" in text]


@pytest.mark.parametrize("session", SESSIONS)
def test_repl_sessions_print_what_the_readme_shows(run, session):
    code, expected = [], []
    for line in session.splitlines():
        if line.startswith(">>> "):
            text = line[4:].split("    #")[0].strip()
            try:
                compile(text, "README", "eval")
                code.append("_r = %s\nif _r is not None: print(repr(_r))" % text)
            except SyntaxError:
                code.append(text)
        else:
            expected.append(line)
    output = run("\n".join(code)).splitlines()
    assert output == expected


def test_scripts_print_what_they_should(run):
    outputs = [run(text) for text in SCRIPTS]
    assert outputs == ["31 [28, 29, 30]\n", "{'text': 'frost'}\nNone\n"]


def _table(text, heading):
    rows = re.findall(r"^\|(.*)\|$", text[text.index(heading) :].partition("\n\n")[0], re.M)
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in row.split("|")] for row in rows)}


def test_figures_are_those_of_the_page_on_performance():
    measured = _table((ROOT / "docs" / "performance.md").read_text(), "| what | put, us |")
    rows = _table(README, "| 500 readings |")
    columns = [measured["what"].index(name) for name in rows.pop("500 readings")[:3]]
    del rows["--"]
    assert len(rows) == 5
    for name, cells in rows.items():
        assert cells[:3] == [measured[name][i] for i in columns], name


def test_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^make ([a-z-]+)", "\n".join(text for kind, text in BLOCKS if kind == "sh"), re.M)
    assert len(targets) > 6
    for target in targets:
        assert re.search(r"^%s:" % target, makefile, re.M), target
    assert len(makefile.splitlines()) < 150


def test_links_lead_somewhere():
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "boards/README.md",
        "docs/firmware.md",
        "docs/start.md",
        "docs/third-party.md",
        "docs/threads.md",
        "docs/time.md",
        "examples/README.md",
    ):
        path = ROOT / name
        for link in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
            assert (path.parent / link).exists(), (name, link)


def test_programs_of_the_pages_on_time_and_threads(run):
    def blocks(name):
        return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / name).read_text(), re.M | re.S)

    clock, again = blocks("time.md")
    assert clock.startswith("import ntptime")
    assert run(again) == "True\nNone\nTrue\n"
    averages, loop = blocks("threads.md")
    assert run(averages) == "2.0\n7.0\n12.0\n17.0\n"
    assert run(loop + "with MicroTetherDB('app.db', in_memory=False) as db:\n    print(db['started'])\n") == "True\n"
    # Ctrl-C in it closes the database
    stopped = loop.replace("await asyncio.sleep(0.1)", "raise KeyboardInterrupt #")
    lines = stopped[stopped.index("with ") :].splitlines()
    text = stopped[: stopped.index("with ")] + "try:\n    " + "\n    ".join(lines) + "\nexcept KeyboardInterrupt:\n    pass\n"
    assert run(text + "with MicroTetherDB('app.db', in_memory=False) as db:\n    print(db['started'])\n") == "True\n"


def test_the_program_of_the_page_on_mongodb(run):
    text = (ROOT / "docs" / "mongodb.md").read_text()
    lines = run(re.search(r"^```python\n(.*?)^```", text, re.M | re.S).group(1)).splitlines()
    assert (
        len(lines) == 3 and "attic" in lines[0] and "hall" in lines[1] and lines[2].startswith("3 ") and lines[2].endswith("['rooms']")
    ), lines


def test_every_key_of_stats_and_every_argument_of_the_constructor_is_explained(run):
    code = """
import microtetherdb
from microtetherdb import MicroTetherDB
for how in ({}, {"filename": "s.db", "in_memory": False}, {"filename": "flash:", "in_memory": False}):
    with MicroTetherDB(**how) as db:
        print(" ".join(db.stats()))
print(" ".join(microtetherdb.defaults))
"""
    reference = (ROOT / "docs" / "api.md").read_text()
    stats = reference[reference.index("#### `stats()`") :].partition("\n### ")[0]
    opening = reference[: reference.index("#### `close()`")]
    lines = run(code).splitlines()
    for name in " ".join(lines[:3]).split():
        assert "`%s`" % name in stats, name
    for name in lines[3].split():
        assert "- `%s`" % name in opening or "`%s` (" % name in opening, name


def test_texts_are_wrapped():
    """At 100 columns; tables, code and generated headings aside."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]:
        text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)
        long = [line for line in text.splitlines() if len(line) > 100 and line[0] not in "|#" and " " in line.strip()]
        assert not long, (path.name, long)
