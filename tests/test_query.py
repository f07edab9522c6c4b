"""Queries against MongoDB's manual, Python's `re` and a plain order of values (SPEC section 4)."""

import importlib
import json
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


order, ordered_json = _host("query.value_order"), _host("query.ordered_json")
regex, strict_json = _host("query.regex"), _host("records.strict_json")
QueryError = _host("errors").QueryError
_json_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())


def test_conformance_on_cpython(capsys, monkeypatch):
    for name in ("query.projection", "query.sort", "update.operators"):
        _host(name)
    monkeypatch.setattr(sys, "argv", ["run.py", str(TABLES)])
    runpy.run_path(str(TABLES / "run.py"))
    out = capsys.readouterr().out
    assert out.endswith(" 0 wrong\n") and int(out.split()[0]) > 2000, out


@pytest.mark.parametrize("board", ["unix", "unix32"])
def test_conformance_on_the_image(run, board):
    out = run(TABLES / "run.py", board, args=(TABLES,), heap="8M")
    assert out.endswith(" 0 wrong\n") and int(out.split()[0]) > 4000, out


@pytest.mark.parametrize("board", ["m33", "rv32"])
def test_conformance_on_a_microcontroller(run, board):
    """With a device's floats and ints; the tables lie on its RAM disk. Each of the two takes every other line, nightly all."""
    files = {p.name: p.read_bytes() for p in TABLES.glob("*.jsonl")}
    if not NIGHTLY:
        files = {n: b"".join(data.splitlines(True)[board == "m33" :: 2]) for n, data in files.items()}
    out = run((TABLES / "run.py").read_text(), board, files=files, heap="4m")
    assert out.endswith(" 0 wrong\n") and int(out.split()[0]) > (4000 if NIGHTLY else 2000), out


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
        # Perl's `\Z`, and its `^` with `m`, which is not behind a newline that ends the text.
        caret = r"(?:\A|(?<=\n)(?=[\s\S]))" if "m" in options else "^"
        theirs = p.replace("[^", "[!").replace("^", caret).replace("[!", "[^")
        theirs = re.compile(theirs.replace("\\Z", r"(?=\n?\Z)").replace("[[:alpha:]]", "[a-zA-Z]"), flags)
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


_SPACES = ("", " ", "\t ", "\n", " #c|(\n", "(?#c)")


def test_regex_with_x_ignores_white_space_and_comments_before_quantifiers_too():
    rnd = random.Random(6)
    for _ in range(1500):
        pieces = []  # alternately an atom and what follows it
        for _ in range(rnd.randrange(1, 4)):
            pieces += [rnd.choice(("a", "b", "[ab]", "(a|b)", "\\ ")), rnd.choice(("", "*", "+", "?", "{2}", "{1,2}", "|"))]
        spaced = "".join(piece + rnd.choice(_SPACES) for piece in pieces)
        plain, loose = regex.Regex("".join(pieces)), regex.Regex(spaced, "x")
        for _ in range(5):
            text = "".join(rnd.choice("ab ") for _ in range(rnd.randrange(6)))
            assert loose.search(text) is plain.search(text), (spaced, text)
    for pattern in ("a +*", "a+ *", "a{2} {2}", "a???", "^ *", "(?#c)+", " +", "a(?#c"):
        with pytest.raises(QueryError, match="regex"):
            regex.Regex(pattern, "x")


# Nothing that passes the limits of length and states may take long: the work is counted, whatever the clock says.
_HEAVY = (
    ("((((((){300}){300}){300}){300}){300})", ""),
    ("(((((){9}(){9}){99}){99}){99}){99}", ""),
    ("((((^{0,1}|){99}){99}){99}){99}", ""),
    ("((((|){5}){300}){300}){300}", ""),
    ("(((((\\b){1}){300}){300}){300}){300}", ""),
    ("(((((a{0}){300}){300}){300}){300}){300}", ""),
    ("(a?){60}a{60}", ("a" * 59 + "b") * 60),
    ("(a|b|ab){60}c{60}", "abaab" * 1600),
    ("(.?){99}(a.?){50}$", "abcdefghijklmnop" * 500),
    ("(x?x?x?){40}z", "xy" * 4000),
)


@pytest.mark.parametrize("pattern, text", _HEAVY)
def test_regex_has_a_budget_of_work(pattern, text, monkeypatch):
    items, nodes = [0], [0]
    item, closure = regex.Regex._item, regex.Regex._closure

    def counted_item(*args):
        items[0] += 1
        return item(*args)

    def counted_closure(self, *args):
        nodes[0] += len(self._ops)
        return closure(self, *args)

    monkeypatch.setattr(regex.Regex, "_item", counted_item)
    monkeypatch.setattr(regex.Regex, "_closure", counted_closure)
    try:
        regex.Regex(pattern).search(text)
    except QueryError as e:
        assert "$regex" in str(e)
    assert items[0] <= 3001 and nodes[0] < 2 * (100000 + 32 * len(text)) + 1000


def test_regex_budget_is_enough_for_texts_of_8_kb():
    for pattern in (
        "a.{0,20}z",
        "^(\\w+\\.)*\\w+@(\\w+\\.)+\\w+$",
        "(error|warn|fail|alarm|fire|smoke|water).*(kitchen|hall|attic|cellar)",
        "(a+)+$",
    ):
        for text in ("abcdefa zy" * 800, "a@b." * 2000, "the fire in the hall went out " * 270, "".join(map(chr, range(97, 117))) * 400):
            ours = regex.Regex(pattern)
            for _ in range(3):
                assert ours.search(text) in (True, False)


# JSON text from outside: what CPython's strict parser takes, and nothing else


def _unique(pairs):
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _their_json(text):
    # (whether it is JSON, its value); lone surrogates are not.
    def constant(name):
        raise ValueError

    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=constant)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return False, None
    return True, value


_TEXTS = (
    '{"a":{"$gt":[1,"]}"]},"$limit":1}',
    ' { "n" : -0.5e-3 , "m":[ ] , "o" : { } } ',
    '[true,false,null,0,-0,10,1.0,1E5,1e+2,0.0]',
    '{"\\u00e9\\ud83d\\ude00":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000x","b":"\u20ac\U0001f600"}',
    '{"_id":"k","data":{"v":[[1],[{"x":{}}]]},"tags":["a"],"ttl":1.5}',
    '"\\\\"', '""', "7", "null", "01", "-", "1.", ".5", "1e", "+1", "- 1", "NaN", "Infinity", "tru", "nullx", "[1 2]", '{"a" 1}', '{a:1}', "{'a':1}",
    '{"n":}', '{"n":1,}', "[,]", "[1,]", "{,}", '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\\uZZZZ"', '"\\u12"', '"\\x"', '"\\ud83d"', '"\\ude00"',
    '"\\ud83dx\\ude00"', '"\\ud83d\\ud83d\\ude00"', '"\\ud83d\\u0041"', '"\\u00\\\\41"', '"a\tb"', '"a\nb"', "\ufeff{}", "{}\0", "{}x", "{}{}", "[]]", "1,2", "//c\n1", "", " ",
    "\x0b1", "1\xa0",
)  # fmt: skip


def _agree(text):
    good, value = _their_json(text)
    try:
        ours = strict_json.parse(text)
    except ValueError:
        assert not good, text
        return
    assert good, text
    assert json.dumps(ours) == json.dumps(value), text


def test_json_text_is_parsed_as_strictly_as_cpython_does():
    rnd = random.Random(7)
    for text in _TEXTS:
        _agree(text)
        for at in range(len(text)):
            _agree(text[:at])
            _agree(text[at:])
            _agree(text[:at] + text[at + 1 :])
            for _ in range(8):
                c = rnd.choice('{}[],:"\\ 0123456789-+.eEtrufalsn\n\0\u00e9')
                _agree(text[:at] + c + text[at + rnd.randrange(2) :])
    for _ in range(20000):
        _agree("".join(rnd.choice('{}[],:"\\a01-.e ') for _ in range(rnd.randrange(9))))


@settings(max_examples=4000 if NIGHTLY else 300, deadline=None, derandomize=True)
@given(
    st.recursive(_json_scalars, lambda v: st.one_of(st.lists(v), st.dictionaries(st.text(), v)), max_leaves=20),
    st.booleans(),
    st.sampled_from((None, 1)),
)
def test_json_text_of_any_value_is_parsed(value, ascii, indent):
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    assert json.dumps(strict_json.parse(text)) == json.dumps(strict_json.parse(text.encode())) == json.dumps(value)


def test_json_text_has_limits():
    assert strict_json.parse("[" * 64 + "]" * 64)
    for text in ("[" * 65 + "]" * 65, "[" * 20000, '{"a":' * 20000, "1" * 8193, "1" * 20000 + ".5"):
        with pytest.raises(ValueError):
            strict_json.parse(text)
    for raw in (b'"\xff"', b'"\xe9t\xe9"', b"\xff", b'{"\xc3":1}', b'"\xed\xa0\x80"', b'"\xc0\x80"'):
        with pytest.raises(ValueError):
            strict_json.parse(raw)
    assert len(strict_json.parse('"' + "\\n\\\\" * 100000 + '"')) == 200000


# Sorts by several paths: the keys that MongoDB's index on them would have


def _elements(doc, path):
    # [(element of the array or None, value)] at "f" or "f.g", as one array at most is on it.
    first, _, second = path.partition(".")
    v = doc.get(first)
    if not isinstance(v, list):
        return None, v.get(second) if second and isinstance(v, dict) else None if second else v
    return v, second


def _best(doc, spec):
    # The sort key of a document, written down plainly: one row for each element of the array that paths lead into.
    plain = [_elements(doc, path) for path, _ in spec]
    arrays = [a for a, _ in plain if a is not None]
    if any(a is not arrays[0] for a in arrays):
        return None
    rows = []
    for e in (arrays[0] or [b"empty"]) if arrays else [None]:
        if arrays and not isinstance(e, dict) and all(a is None or v for a, v in plain):
            continue  # nothing of this element is asked for
        row = []
        for a, v in plain:
            if a is None:
                row.append(order.encode(v))
            elif not v:
                row.append(b"\x08" if e == b"empty" else order.encode(e))
            else:
                row.append(order.encode(e.get(v) if isinstance(e, dict) else None))
        rows.append(row)
    rows = rows or [[order.encode(None if a is not None else v) for a, v in plain]]
    return rows


def test_sort_by_several_paths_keeps_the_fields_of_an_element_together():
    sort = _host("query.sort")
    rnd = random.Random(8)

    def element():
        return rnd.choice((1, "s", None, {}, *({k: rnd.randrange(4) for k in "xy" if rnd.random() < 0.8} for _ in range(8))))

    def value():
        return rnd.choice((rnd.randrange(3), element(), [element() for _ in range(rnd.randrange(4))], [element() for _ in range(3)]))

    parallel = 0
    for _ in range(3000):
        paths = rnd.sample(("a.x", "a.y", "a", "b", "b.x"), rnd.randrange(2, 4))
        spec = [(path, rnd.choice((1, -1))) for path in paths]
        docs = [{k: value() for k in "ab" if rnd.random() < 0.8} for _ in range(2)]
        sorter = sort.Sorter(sort.parse(spec), 0)
        models = [_best(doc, spec) for doc in docs]
        if None in models:
            parallel += 1
            with pytest.raises(QueryError, match="sort"):
                for i, doc in enumerate(docs):
                    sorter.add(doc, i)
            continue
        for i, doc in enumerate(docs):
            sorter.add(doc, i)

        def less(p, q):
            for x, y, (_, way) in zip(p, q, spec):
                if x != y:
                    return (x < y) == (way > 0)
            return False

        best = []
        for rows in models:
            least = rows[0]
            for row in rows:
                least = row if less(row, least) else least
            best.append(least)
        assert sorter.items == ([1, 0] if less(best[1], best[0]) else [0, 1]), (spec, docs)
    assert parallel > 100


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
