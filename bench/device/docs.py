# What the benchmarks share: documents, a repeatable shuffle, the median.

ROOMS = ("kitchen", "attic", "cellar", "garden", "garage")


def synthetic(n):
    """n documents of about 80 bytes of JSON; fifty, again and again, so that the heap holds the database and not its source."""
    base = [
        {
            "sensor": "s%02d" % (i % 50),
            "room": ROOMS[i % 5],
            "n": i * 2 % 100,
            "temp": (i * 37 % 400) / 10,
            "hum": i * 7 % 100,
            "ok": i % 3 == 0,
        }
        for i in range(min(n, 50))
    ]
    return [base[i % 50] for i in range(n)]


def weather(path, n):
    """At most n daily readings of seattle-weather.csv."""
    out = []
    with open(path) as f:
        names = f.readline().strip().split(",")
        for line in f:
            d = {}
            for name, text in zip(names, line.strip().split(",")):
                try:
                    d[name] = float(text)
                except ValueError:
                    d[name] = text
            out.append(d)
            if len(out) == n:
                break
    return out


def shuffled(items):
    """A copy in an order that is random, but the same each time (linear congruential generator)."""
    out = list(items)
    x = 12345
    for i in range(len(out) - 1, 0, -1):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        j = (x >> 8) % (i + 1)
        out[i], out[j] = out[j], out[i]
    return out


def median(values):
    values = sorted(values)
    n = len(values)
    return values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2
