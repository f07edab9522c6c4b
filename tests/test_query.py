"""Queries against MongoDB's manual, Python's `re` and a plain order of values (SPEC section 4)."""

import importlib
import os
import random
import re
import runpy
import sys
import types
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "tests" / "conformance"
NIGHTLY = os.environ.get("MTDB_NIGHTLY") == "1"


def _host(name):
    """Import a module of the package that does not need `btree` into CPython."""
    if "micropython" not in sys.modules:
        sys.modules["micropython"] = types.ModuleType("micropython")
        sys.modules["micropython"].const = lambda x: x
    if "microtetherdb" not in sys.modules:
        package = types.ModuleType("microtetherdb")
        package.__path__ = [str(ROOT / "microtetherdb")]
        sys.modules["microtetherdb"] = package
    return importlib.import_module("microtetherdb." + name)


order, regex = _host("order"), _host("regex")


def test_conformance_on_cpython(capsys, monkeypatch):
    for name in ("project", "sort", "update"):
        _host(name)
    monkeypatch.setattr(sys, "argv", ["run.py", str(TABLES)])
    runpy.run_path(str(TABLES / "run.py"))
    out = capsys.readouterr().out
    assert out.endswith(" 0 wrong\n") and int(out.split()[0]) > 2000, out


@pytest.mark.parametrize("board", ["unix", "unix32"])
def test_conformance_on_the_image(run, board):
    out = run(TABLES / "run.py", board, args=(TABLES,), heap="8M")
    assert out.endswith(" 0 wrong\n") and int(out.split()[0]) > 4000, out


def test_query_over_5000_records_with_20_kb_free(run):
    script = ROOT / "tests" / "device" / "query_low_ram.py"
    run(script, "unix32", heap="4M", args=("make",))
    assert run(script, "unix32", heap="96K", args=("run",)).splitlines()[-1] == "2500 20 67"


@pytest.mark.skipif(not NIGHTLY, reason="long")
@pytest.mark.parametrize("seed", range(100, 130))
@pytest.mark.parametrize("script", ["test_query_prefilter.py", "test_index_property.py"])
def test_more_seeds(run, script, seed):
    assert run(ROOT / "tests" / "device" / script, "unix", args=(seed, 1000), heap="8M", timeout=300).endswith("OK\n")


# Regular expressions

_ATOMS = ("a", "b", ".", "[ab]", "[^a]", "\\d", "\\w", "\\b", "^", "$", "\\n", "A", " ", "\\Z", "\\B", "[[:alpha:]]")


def _pattern(rnd, depth=0):
    r = rnd.random()
    if depth > 3 or r < 0.4:
        return rnd.choice(_ATOMS)
    if r < 0.6:
        return _pattern(rnd, depth + 1) + _pattern(rnd, depth + 1)
    if r < 0.7:
        return "(%s|%s)" % (_pattern(rnd, depth + 1), _pattern(rnd, depth + 1))
    if r < 0.8:
        return "(?:%s)%s" % (_pattern(rnd, depth + 1), rnd.choice(["*", "+", "?", "{1,2}", "{2}", "*?", "{0,}"]))
    return _pattern(rnd, depth + 1) + _pattern(rnd, depth + 1)


def test_regex_finds_what_re_finds():
    rnd = random.Random(5)
    n = 0
    for _ in range(6000):
        p = _pattern(rnd)
        if rnd.random() < 0.3:
            p = "".join(rnd.choice("ab1") for _ in range(3)) + p
        if rnd.random() < 0.2:
            p = "^" + p
        options = "".join(x for x in "ims" if rnd.random() < 0.25)
        flags = sum(getattr(re, x.upper()) for x in options)
        theirs = re.compile(p.replace("\\Z", r"(?=\n?\Z)").replace("[[:alpha:]]", "[a-zA-Z]"), flags)
        ours = regex.Regex(p, options)
        for _ in range(4):
            text = "".join(rnd.choice("abA1 \n") for _ in range(rnd.randrange(9)))
            if not text and "\\B" in p:
                continue  # Python before 3.14 differs from Perl there
            n += 1
            found = bool(theirs.search(text))
            assert ours.search(text) is found, (p, options, text)
            assert not found or (ours.literal in text and text.startswith(ours.prefix)), (p, text)
    assert n > 20000


# Order of values: encodings compare as the values do

_numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-20, 20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-50, 50).map(lambda n: n / 4),
    st.integers(2**53 - 3, 2**53 + 3),
    st.floats(2.0**53, 2.0**54),
)
_scalars = st.one_of(st.none(), st.booleans(), _numbers, st.text("ab\0\u00e9", max_size=4), st.text(max_size=80))
_values = st.recursive(
    _scalars, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(st.sampled_from("abc"), v, max_size=3)), max_leaves=8
)


def _compare(a, b):
    # MongoDB's order, written down plainly: -1, 0, 1.
    ka, kb = order.kind(a), order.kind(b)
    if ka != kb:
        return -1 if ka < kb else 1
    if ka == 2:
        a, b = Fraction(a), Fraction(b)
    elif ka == 3:
        a, b = a.encode(), b.encode()
    elif ka == 4:
        for (n, v), (m, w) in zip(a.items(), b.items()):
            for x, y in ((order.kind(v), order.kind(w)), (n.encode(), m.encode())):
                if x != y:
                    return -1 if x < y else 1
            c = _compare(v, w)
            if c:
                return c
        a, b = len(a), len(b)
    elif ka == 5:
        for v, w in zip(a, b):
            c = _compare(v, w)
            if c:
                return c
        a, b = len(a), len(b)
    elif ka == 1:
        return 0
    return (a > b) - (a < b)


@settings(max_examples=4000 if NIGHTLY else 600, deadline=None, derandomize=True)
@given(_values, _values)
def test_encoding_keeps_the_order_of_all_values(a, b):
    x, y = order.encode(a), order.encode(b)
    assert (x > y) - (x < y) == _compare(a, b)


@settings(max_examples=4000 if NIGHTLY else 600, deadline=None, derandomize=True)
@given(_scalars, _scalars)
def test_index_entries_keep_the_order_and_fit(a, b):
    (x, whole_x), (y, whole_y) = order.entry(a), order.entry(b)
    assert len(x) <= 56 and len(y) <= 56
    c = _compare(a, b)
    # What follows an entry is the user key: none may be the beginning of another.
    if whole_x and whole_y:
        assert (x > y) - (x < y) == c and (c == 0 or not x.startswith(y) and not y.startswith(x))
    else:
        assert (x > y) - (x < y) in (c, 0)
        assert x == y or not x.startswith(y) and not y.startswith(x)
