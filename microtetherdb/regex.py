"""Regular expressions for `$regex`: tells whether a text contains a match, in time linear in the text.

MicroPython's `re` backtracks (a pattern such as `(a+)+$` hangs it), recurses for each character,
and has no flags. A filter only asks whether there is a match, so the pattern becomes Thompson's
automaton (K. Thompson, CACM 11(6), 1968) whose sets of states are remembered as they are met.

Perl's syntax as far as it is regular: `. [] [^] [[:alpha:]] | () (?:) (?<name>) * + ? {m,n}` (also with `?`),
`^ $ \\A \\z \\Z \\b \\B \\d \\D \\w \\W \\s \\S \\n \\r \\t \\f \\v \\xHH \\uHHHH`, `(?imsx)` at the start. Flags `i m s x`.
Refused with `QueryError`: back references, look-around, possessive quantifiers, `\\p`, and
what is longer than 256 characters or 300 states. MicroPython's `i` and `\\w` know ASCII letters only.
"""

from micropython import const
from .errors import QueryError

_LENGTH = const(256)
_STATES = const(300)
_DEPTH = const(10)
_REMEMBER = const(400)

# A parsed pattern is a list of alternatives; each is a list of items:
#   (_SET, negated, [(first, last), ...]) a character, (_AT, letter) an assertion,
#   (_GROUP, alternatives), (_LOOP, item, least, most or None).
_SET = const(0)
_AT = const(1)
_GROUP = const(2)
_LOOP = const(3)
_SPLIT = const(4)
_MATCH = const(5)

_TOP = const(0x110000)
_DIGIT = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ((9, 13), (32, 32))
_ESCAPES = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7, "e": 27, "0": 0}
_POSIX = {
    "alpha": ((65, 90), (97, 122)),
    "digit": _DIGIT,
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "upper": ((65, 90),),
    "lower": ((97, 122),),
    "space": _SPACE,
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "xdigit": ((48, 57), (65, 70), (97, 102)),
    "word": _WORD,
}


def _bad(reason):
    raise QueryError("$regex: " + reason)


def _outside(ranges):
    out = []
    at = 0
    for first, last in ranges:
        if first > at:
            out.append((at, first - 1))
        at = last + 1
    out.append((at, _TOP))
    return out


class _Parser:
    def __init__(self, text, flags):
        self.text = text
        self.at = 0
        self.flags = flags

    def peek(self):
        return self.text[self.at] if self.at < len(self.text) else ""

    def eat(self, s):
        if self.text.startswith(s, self.at):
            self.at += len(s)
            return True
        return False

    def need(self, what):
        if self.at >= len(self.text):
            _bad("ends in " + what)
        c = self.text[self.at]
        self.at += 1
        return c

    def alternatives(self, depth):
        if depth > _DEPTH:
            _bad("groups nested deeper than %d" % _DEPTH)
        alts = [[]]
        while True:
            c = self.peek()
            if c == "" or c == ")":
                return alts
            self.at += 1
            if c == "|":
                alts.append([])
                continue
            if "x" in self.flags:
                if c in " \t\n\r\f\v":
                    continue
                if c == "#":
                    while self.peek() not in ("", "\n"):
                        self.at += 1
                    continue
            item = self.item(c, depth)
            if item is not None:
                alts[-1].append(self.quantified(item))

    def item(self, c, depth):
        if c == "(":
            if self.eat("?"):
                if self.eat("#"):
                    while self.need("a comment") != ")":
                        pass
                    return None
                if self.eat("P<") or (self.peek() == "<" and self.text[self.at + 1 : self.at + 2] not in ("=", "!")):
                    while self.need("a group's name") != ">":
                        pass
                elif not self.eat(":"):
                    _bad("(?%s is not supported" % self.text[self.at : self.at + 2])
            alts = self.alternatives(depth + 1)
            if not self.eat(")"):
                _bad("unbalanced (")
            return (_GROUP, alts)
        if c == "[":
            return self.klass()
        if c == ".":
            return (_SET, False, [(0, _TOP)] if "s" in self.flags else [(0, 9), (11, _TOP)])
        if c == "^":
            return (_AT, "m" if "m" in self.flags else "A")
        if c == "$":
            return (_AT, "$" if "m" in self.flags else "Z")
        if c == "\\":
            e = self.need("a backslash")
            if e in "AzZbB":
                return (_AT, e)
            return (_SET, False, self.escape(e))
        if c in "*+?":
            _bad("nothing to repeat before " + c)
        return (_SET, False, [(ord(c), ord(c))])

    def escape(self, e):
        # The ranges that an escaped character stands for.
        low = e.lower()
        if low in "dws":
            ranges = _DIGIT if low == "d" else _WORD if low == "w" else _SPACE
            return list(ranges) if e == low else _outside(ranges)
        if e in _ESCAPES:
            code = _ESCAPES[e]
        elif e == "x" or e == "u":
            if self.eat("{"):
                end = self.text.find("}", self.at)
                digits = self.text[self.at : end] if end > 0 else ""
                self.at = end + 1
            else:
                n = 2 if e == "x" else 4
                digits = self.text[self.at : self.at + n]
                self.at += n
            try:
                code = int(digits, 16)
            except ValueError:
                _bad("\\%s without hexadecimal digits" % e)
        elif "0" <= e <= "9":
            _bad("back references are not supported")
        elif "a" <= low <= "z":
            _bad("\\%s is not supported" % e)
        else:
            code = ord(e)
        return [(code, code)]

    def klass(self):
        negated = self.eat("^")
        ranges = []
        first = True
        while True:
            c = self.need("a [ class")
            if c == "]" and not first:
                break
            first = False
            if c == "[" and self.eat(":"):
                end = self.text.find(":]", self.at)
                name = self.text[self.at : end] if end > 0 else ""
                if name not in _POSIX:
                    _bad("unknown class [:%s:]" % name)
                self.at = end + 2
                ranges.extend(_POSIX[name])
                continue
            if c == "\\":
                c = self.need("a backslash")
                found = [(8, 8)] if c == "b" else self.escape(c)
                ranges.extend(found)
                if len(found) > 1 or found[0][0] != found[0][1]:
                    continue
                low = found[0][0]
            else:
                low = ord(c)
                ranges.append((low, low))
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                c = self.need("a [ class")
                high = ord(c)
                if c == "\\":
                    found = self.escape(self.need("a backslash"))
                    high = found[0][1]
                if high < low:
                    _bad("range out of order in []")
                ranges.append((low, high))
        return (_SET, negated, ranges)

    def quantified(self, item):
        while True:
            c = self.peek()
            if c == "*":
                least, most = 0, None
            elif c == "+":
                least, most = 1, None
            elif c == "?":
                least, most = 0, 1
            elif c == "{":
                end = self.text.find("}", self.at)
                low, comma, high = self.text[self.at + 1 : end].partition(",") if end > 0 else ("", "", "")
                if not low.isdigit() or (high and not high.isdigit()):
                    return item  # Perl takes such a brace literally
                least = int(low)
                most = int(high) if high else None if comma else least
                if most is not None and most < least:
                    _bad("{%d,%d} is out of order" % (least, most))
                if max(least, most or 0) > _STATES:
                    _bad("repeats more than %d times" % _STATES)
                self.at = end
            else:
                return item
            self.at += 1
            if item[0] == _AT:
                _bad("nothing to repeat before " + c)
            if self.eat("+"):
                _bad("possessive quantifiers are not supported")
            if item[0] == _LOOP and c != "?" or self.peek() in ("*",):
                _bad("multiple repeat")
            self.eat("?")  # lazy or greedy does not matter: only whether there is a match
            item = (_LOOP, item, least, most)


class Regex:
    """`Regex(pattern, flags="")`: `.search(text) -> bool`. Raises `QueryError` for what is not supported.

    `literal`: the longest text that every match contains, or "". `prefix`: the text that every
    matching string begins with, or "".
    """

    def __init__(self, pattern, flags=""):
        if not isinstance(pattern, str):
            _bad("takes a string")
        if len(pattern) > _LENGTH:
            _bad("pattern of %d characters, at most %d" % (len(pattern), _LENGTH))
        if pattern.startswith("(?") and ")" in pattern:
            inner = pattern[2 : pattern.find(")")]
            if inner and not inner.strip("imsx"):
                flags += inner
                pattern = pattern[len(inner) + 3 :]
        for f in flags:
            if f not in "imsx":
                _bad("$options has no " + f)
        parser = _Parser(pattern, flags)
        alts = parser.alternatives(0)
        if parser.at < len(pattern):
            _bad("unbalanced )")
        self._fold = "i" in flags
        self._ops = []
        self._begin = self._alternatives(alts, self._node((_MATCH,)))
        self._whole = self._find_literals(alts)
        self._reset()

    def _find_literals(self, alts):
        # Sets literal and prefix; returns the text when the pattern is nothing but literal.
        self.literal = self.prefix = ""
        if len(alts) > 1 or self._fold:
            return None
        items = alts[0]
        anchored = bool(items) and items[0] == (_AT, "A")
        run = ""
        start = 1 if anchored else 0
        for i in range(start, len(items) + 1):
            item = items[i] if i < len(items) else None
            if item and item[0] == _SET and not item[1] and len(item[2]) == 1 and item[2][0][0] == item[2][0][1]:
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
        if len(ops) >= _STATES:
            _bad("more than %d states" % _STATES)
        ops.append(op)
        return len(ops) - 1

    def _alternatives(self, alts, to):
        begin = None
        for items in alts:
            at = to
            for i in range(len(items) - 1, -1, -1):
                at = self._item(items[i], at)
            begin = at if begin is None else self._node((_SPLIT, begin, at))
        return begin

    def _item(self, item, to):
        op = item[0]
        if op == _GROUP:
            return self._alternatives(item[1], to)
        if op != _LOOP:
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
        before = before if before in ("", "\n") else "a" if _in(ord(before), _WORD) else " "
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
            if kind == _SET:
                out.append(op)
            elif kind == _SPLIT:
                todo.append(op[1])
                todo.append(op[2])
            elif kind == _MATCH:
                return None
            elif _holds(op[2], before, c, last):
                todo.append(op[1])
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
        return before == "" or before == "\n"
    if what == "z":
        return c == ""
    if what == "Z":
        return c == "" or (last and c == "\n")
    if what == "$":
        return c == "" or c == "\n"
    edge = (before != "" and _in(ord(before), _WORD)) != (c != "" and _in(ord(c), _WORD))
    return edge == (what == "b")
