"""Regular expressions for `$regex`: tells whether a text contains a match, in time linear in the text.

MicroPython's `re` backtracks (a pattern such as `(a+)+$` hangs it), recurses for each character,
and has no flags. A filter only asks whether there is a match, so the pattern becomes Thompson's
automaton (K. Thompson, CACM 11(6), 1968) whose sets of states are remembered as they are met.

Perl's syntax as far as it is regular: `. [] [^] [[:alpha:]] | () (?:) (?<name>) * + ? {m,n}` (also with `?`),
`^ $ \\A \\z \\Z \\b \\B \\d \\D \\w \\W \\s \\S \\n \\r \\t \\f \\v \\xHH \\uHHHH`, `(?imsx)` at the start. Flags `i m s x`.
Refused with `QueryError`: back references, look-around, possessive quantifiers, `\\p`, and
what is longer than 256 characters or 300 states, or takes too much work. MicroPython's `i` and `\\w` know ASCII letters only.
"""

from micropython import const

from .regex_parser import AT, GROUP, LOOP, SET, STATES, WORD, bad, parse

_LENGTH = const(256)
_REMEMBER = const(400)
_COMPILE = const(3000)  # items built, repeats and all
_WORK = const(100000)  # nodes visited besides _EACH for each character: what is found again in the table of states costs nothing
_EACH = const(32)

# Nodes of the automaton besides SET and AT.
_SPLIT = const(4)
_MATCH = const(5)


class Regex:
    """`Regex(pattern, flags="")`: `.search(text) -> bool`. Raises `QueryError` for what is not supported.

    `literal`: the longest text that every match contains, or "". `prefix`: the text that every
    matching string begins with, or "".
    """

    def __init__(self, pattern, flags=""):
        if not isinstance(pattern, str):
            bad("takes a string")
        if "\0" in pattern:
            bad("pattern with a NUL; write \\x00")
        if len(pattern) > _LENGTH:
            bad("pattern of %d characters, at most %d" % (len(pattern), _LENGTH))
        if pattern.startswith("(?") and ")" in pattern:
            inner = pattern[2 : pattern.find(")")]
            if inner and not inner.strip("imsx"):
                flags += inner
                pattern = pattern[len(inner) + 3 :]
        for f in flags:
            if f not in "imsx":
                bad("$options has no " + f)
        alts = parse(pattern, flags)
        self._fold = "i" in flags
        self._ops = []
        self._left = _COMPILE
        self._begin = self._alternatives(alts, self._node((_MATCH,)))
        self._left = _WORK
        self._whole = self._find_literals(alts)
        self._reset()

    def _find_literals(self, alts):
        # Sets literal and prefix; returns the text when the pattern is nothing but literal.
        self.literal = self.prefix = ""
        if len(alts) > 1 or self._fold:
            return None
        items = alts[0]
        anchored = bool(items) and items[0] == (AT, "A")
        run = ""
        start = 1 if anchored else 0
        for i in range(start, len(items) + 1):
            item = items[i] if i < len(items) else None
            if item and item[0] == SET and not item[1] and len(item[2]) == 1 and item[2][0][0] == item[2][0][1]:
                run += chr(item[2][0][0])
                continue
            if anchored and i - len(run) == 1:
                self.prefix = run
            if len(run) > len(self.literal):
                self.literal = run
            run = ""
        if len(items) - start == len(self.literal):
            return (anchored, self.literal)
        return None

    # Construction: the automaton is built from its end to its beginning.

    def _node(self, op):
        ops = self._ops
        if len(ops) >= STATES:
            bad("more than %d states" % STATES)
        ops.append(op)
        return len(ops) - 1

    def _spend(self, n):
        self._left -= n
        if self._left < 0:
            bad("too much work; ask for fewer repeats")

    def _alternatives(self, alts, to):
        begin = None
        for items in alts:
            at = to
            for i in range(len(items) - 1, -1, -1):
                at = self._item(items[i], at)
            begin = at if begin is None else self._node((_SPLIT, begin, at))
        return begin

    def _item(self, item, to):
        self._spend(1)
        op = item[0]
        if op == GROUP:
            return self._alternatives(item[1], to)
        if op != LOOP:
            return self._node((op, to) + item[1:])
        _, inner, least, most = item
        if most is None:
            loop = self._node(None)
            self._ops[loop] = (_SPLIT, self._item(inner, loop), to)
            to = loop
        else:
            end = to
            for _ in range(most - least):
                to = self._node((_SPLIT, self._item(inner, to), end))
        for _ in range(least):
            to = self._item(inner, to)
        return to

    # Matching. A state is a dict: character -> next state; 0 -> (nodes, character before it).

    def _reset(self):
        self._states = {}
        self._known = 0
        self._first = self._state((), "")

    def _state(self, nodes, before):
        # Of the character before, only what assertions can see makes a difference.
        before = before if before in ("", "\n") else "a" if _in(ord(before), WORD) else " "
        key = (nodes, before)
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = {0: key}
        return state

    def _closure(self, nodes, before, c, last):
        # All nodes reachable without a character, or None when a match is among them.
        ops = self._ops
        todo = list(nodes)
        todo.append(self._begin)
        seen = set()
        out = []
        while todo:
            n = todo.pop()
            if n in seen:
                continue
            seen.add(n)
            op = ops[n]
            kind = op[0]
            if kind == SET:
                out.append(op)
            elif kind == _SPLIT:
                todo.append(op[1])
                todo.append(op[2])
            elif kind == _MATCH:
                return None
            elif _holds(op[2], before, c, last):
                todo.append(op[1])
        self._spend(len(seen))
        return out

    def _step(self, state, c, last):
        nodes, before = state[0]
        reached = self._closure(nodes, before, c, last)
        if reached is None:
            return True
        if c == "":
            return False
        codes = [ord(c)]
        if self._fold:
            codes = [ord(c), ord(c.lower()[0]), ord(c.upper()[0])]
        out = set()
        for op in reached:
            if op[1] in out:
                continue
            hit = False
            for code in codes:
                if _in(code, op[3]):
                    hit = True
                    break
            if hit != op[2]:
                out.add(op[1])
        if self._known > _REMEMBER:
            self._reset()
        self._known += 1 + len(out) // 8
        return self._state(tuple(sorted(out)), c)

    def search(self, text):
        """Tell whether `text` contains a match."""
        if self._whole is not None:
            anchored, literal = self._whole
            return text.startswith(literal) if anchored else literal in text
        self._left = min(self._left, _WORK) + _EACH * len(text)
        state = self._first
        ends = text.endswith("\n")
        for c in text[:-1] if ends else text:
            following = state.get(c)
            if following is None:
                following = state[c] = self._step(state, c, False)
            if following is True:
                return True
            state = following
        if ends:  # `$` holds before it: not to be remembered for others
            state = self._step(state, "\n", True)
            if state is True:
                return True
        return self._step(state, "", True)


def _in(code, ranges):
    for first, last in ranges:
        if first <= code <= last:
            return True
    return False


def _holds(what, before, c, last):
    # Whether an assertion holds between two characters ("" at the ends).
    if what == "A":
        return before == ""
    if what == "m":
        return before == "" or before == "\n" and c != ""
    if what == "z":
        return c == ""
    if what == "Z":
        return c == "" or (last and c == "\n")
    if what == "$":
        return c == "" or c == "\n"
    edge = (before != "" and _in(ord(before), WORD)) != (c != "" and _in(ord(c), WORD))
    return edge == (what == "b")
