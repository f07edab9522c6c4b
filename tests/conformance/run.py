# Runs the tables on MicroPython and on CPython: python run.py FOLDER. Prints what differs, then a count.
import sys

from microtetherdb import match, order
from microtetherdb.errors import QueryError


def lines(name):
    with open(name) as f:
        for line in f:
            yield order.loads(line)


def main(folder):
    bad = n = 0
    for case in lines(folder + "/filters.jsonl"):
        if "q" not in case:
            continue
        f = match.compile(case["q"])
        for expected, name in ((True, "yes"), (False, "no")):
            for doc in case[name]:
                n += 1
                if f.match(doc) is not expected:
                    bad += 1
                    print("%s: %r on %r" % (name, case["q"], doc))
    for case in lines(folder + "/errors.jsonl"):
        n += 1
        try:
            match.compile(case["q"])
            bad += 1
            print("no error: %r" % (case["q"],))
        except QueryError as e:
            if case["op"] not in str(e):
                bad += 1
                print("%r: %s does not name %s" % (case["q"], e, case["op"]))
    print("%d cases, %d wrong" % (n, bad))


main(sys.argv[1])
