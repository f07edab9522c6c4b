"""docs/api.md is what the docstrings and the stubs say, and says everything (issue "library", 9)."""

import ast

import apidoc
import pytest

METHODS = sorted(n for n in apidoc.stubs()[0]["MicroTetherDB"] if not n.startswith("_") and not n.endswith("_async"))


def test_the_reference_is_up_to_date():
    assert apidoc.OUT.read_text() == apidoc.render(), "run: python3 ci/apidoc.py"


@pytest.mark.parametrize("name", METHODS)
def test_every_public_method_has_a_docstring_and_is_in_the_reference(name):
    text = ast.get_docstring(apidoc.implementation(name))
    assert text and text.rstrip().count(".") and "#### `%s(" % name in apidoc.OUT.read_text()


def test_every_special_method_is_in_the_reference():
    special = {
        n for n in apidoc.stubs()[0]["MicroTetherDB"] if n.startswith("__") and n not in ("__init__", "__exit__", "__aenter__", "__aexit__")
    }
    assert special | {"__repr__"} == {name for _, name, _ in apidoc.PROTOCOL}


def test_every_argument_of_a_method_is_told_of_in_its_docstring_or_is_plain():
    # what needs no words: keys, documents and filters
    plain = {
        "key",
        "q",
        "keys",
        "changes",
        "path",
        "stream",
        "default",
        "items",
        "purge",
        "ttl",
        "start",
        "end",
        "prefix",
        "sort",
        "skip",
        "limit",
        "fields",
        "ttls",
        "tags",
    }
    for name in METHODS:
        text = ast.get_docstring(apidoc.implementation(name))
        for argument, _ in apidoc.parameters(apidoc.implementation(name)):
            assert argument in plain or argument.lstrip("*") in text or argument in ("*args", "**kw"), (name, argument)
