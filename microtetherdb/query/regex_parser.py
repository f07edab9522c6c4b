"""Parser of regular expressions; regex.py says what the syntax is.

A parsed pattern is a list of alternatives; each is a list of items:
`(SET, negated, [(first, last), ...])` a character, `(AT, letter)` an assertion, `(GROUP, alternatives)`,
`(LOOP, item, least, most or None)`.
"""

from micropython import const

from ..errors import QueryError

STATES = const(300)
_DEPTH = const(10)

SET = const(0)
AT = const(1)
GROUP = const(2)
LOOP = const(3)

_TOP = const(0x110000)
_DIGIT = ((48, 57),)
WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
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
    "word": WORD,
}


def bad(reason):
    """Raise `QueryError`."""
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


def parse(text, flags):
    """Return the alternatives of a pattern; raises `QueryError` for what is malformed or not supported."""
    parser = _Parser(text, flags)
    alternatives = parser.alternatives(0)
    if parser.at < len(text):
        bad("unbalanced )")
    return alternatives


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
            bad("ends in " + what)
        c = self.text[self.at]
        self.at += 1
        return c

    def alternatives(self, depth):
        if depth > _DEPTH:
            bad("groups nested deeper than %d" % _DEPTH)
        alts = [[]]
        while True:
            self.skip()
            c = self.peek()
            if c == "" or c == ")":
                return alts
            self.at += 1
            if c == "|":
                alts.append([])
                continue
            alts[-1].append(self.quantified(self.item(c, depth)))

    def skip(self):
        # Comments and, with `x`, white space: also before a quantifier.
        extended = "x" in self.flags
        while True:
            if self.eat("(?#"):
                while self.need("a comment") != ")":
                    pass
            elif extended and self.eat("#"):
                while self.peek() not in ("", "\n"):
                    self.at += 1
            elif extended and self.at < len(self.text) and self.peek() in " \t\n\r\f\v":
                self.at += 1
            else:
                return

    def item(self, c, depth):
        if c == "(":
            if self.eat("?"):
                if self.eat("P<") or (self.peek() == "<" and self.text[self.at + 1 : self.at + 2] not in ("=", "!")):
                    while self.need("a group's name") != ">":
                        pass
                elif not self.eat(":"):
                    bad("(?%s is not supported" % self.text[self.at : self.at + 2])
            alts = self.alternatives(depth + 1)
            if not self.eat(")"):
                bad("unbalanced (")
            return (GROUP, alts)
        if c == "[":
            return self.klass()
        if c == ".":
            return (SET, False, [(0, _TOP)] if "s" in self.flags else [(0, 9), (11, _TOP)])
        if c == "^":
            return (AT, "m" if "m" in self.flags else "A")
        if c == "$":
            return (AT, "$" if "m" in self.flags else "Z")
        if c == "\\":
            e = self.need("a backslash")
            if e in "AzZbB":
                return (AT, e)
            return (SET, False, self.escape(e))
        if c in "*+?":
            bad("nothing to repeat before " + c)
        return (SET, False, [(ord(c), ord(c))])

    def escape(self, e):
        # The ranges that an escaped character stands for.
        low = e.lower()
        if low in "dws":
            ranges = _DIGIT if low == "d" else WORD if low == "w" else _SPACE
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
            code = int(digits, 16) if digits and not digits.strip("0123456789abcdefABCDEF") else _TOP
            if code >= _TOP:
                bad("\\%s without the hexadecimal digits of a character" % e)
        elif "0" <= e <= "9":
            bad("back references are not supported")
        elif "a" <= low <= "z":
            bad("\\%s is not supported" % e)
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
                    bad("unknown class [:%s:]" % name)
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
                    bad("range out of order in []")
                ranges.append((low, high))
        return (SET, negated, ranges)

    def quantified(self, item):
        while True:
            self.skip()
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
                    bad("{%d,%d} is out of order" % (least, most))
                if max(least, most or 0) > STATES:
                    bad("repeats more than %d times" % STATES)
                self.at = end
            else:
                return item
            self.at += 1
            if item[0] == AT:
                bad("nothing to repeat before " + c)
            if self.eat("+"):
                bad("possessive quantifiers are not supported")
            if item[0] == LOOP:
                bad("multiple repeat")
            self.eat("?")  # lazy or greedy does not matter: only whether there is a match
            item = (LOOP, item, least, most)
