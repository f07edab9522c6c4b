"""RAM, code size, flash counts and instruction counts stay within bench/budgets.json. None of them is a time."""

import shutil
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import budgets


@pytest.mark.parametrize("group", sorted(budgets.MEASURES))
def test_figures_stay_within_their_budgets(group):
    if group in ("instructions", "shapes") and not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    limits = budgets.load()
    found = budgets.MEASURES[group]()
    assert found or group in ("code", "m33"), "nothing was measured"
    exceeded = budgets.over(limits, found)
    assert not exceeded, "over budget (to accept, change bench/budgets.json: bench/budgets.py --write):\n" + "\n".join(exceeded)


def test_a_figure_over_its_budget_is_named():
    limits = {"tolerance": {"ram": 0.05}, "budgets": {"ram: import": 2000}}
    assert budgets.over(limits, {"ram: import": 2100}) == []
    assert budgets.over(limits, {"ram: import": 2101}) == ["ram: import: 2101, budget 2000 + 5 %"]
    assert budgets.over(limits, {"ram: other": 1}) == ["ram: other: 1, no budget"]
