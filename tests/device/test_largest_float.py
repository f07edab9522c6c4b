# boards: unix unix32 m33 rv32
# heap: 190k
# SPEC section 2: no record ever holds infinity. Floats next to the largest, whose digits MicroPython's JSON reads back as infinity,
# are refused when they are put, in single and in double precision; all others are put.
import io

from nightly import FEW

from microtetherdb import MicroTetherDB

INF = float("inf")
power = 1.0
while power * 2 < INF:
    power *= 2
largest = power
step = power / 2
while largest + step < INF and largest + step > largest:
    largest += step
    step /= 2

values = [largest, power, 1e38, 0.99e38, 1.01e38, 3.4028e38, largest / 2, largest / 10]
x = largest
for _ in range(40):  # the neighbours, one after the other
    x -= step * 2
    values.append(x)
for digits in range(1, 18):  # and what people write
    for v in ("1.7976931348623157", "3.4028234663852886"):
        for e in ("e308", "e38", "e37"):
            x = float(v[: digits + 1] + e)
            if x < INF:
                values.append(x)
values += [-v for v in values]
if FEW:
    values = values[::15]

kept = refused = 0
with MicroTetherDB(ram_percentage=40) as db:

    def attempt(key, call):
        global kept, refused
        before = db.get(key)
        try:
            call()
        except ValueError as e:
            refused += 1
            assert "JSON" in str(e) or "too large" in str(e), e
            assert db.get(key) == before, key
        else:
            kept += 1
        text = str(db.get(key))
        assert "inf" not in text and "nan" not in text, text

    for v in values:
        db.put("u", {"n": v / 4, "l": [1]})
        db.put("m", {"n": 2.0})
        attempt("a", lambda: db.put("a", {"v": v}))
        attempt("b", lambda: db.put("b", v))
        attempt("c", lambda: db.put("c", {"a": {"b": [1, {"c": v}]}}))
        attempt("d", lambda: db.put("d", {"v": v}, ttl=100, tags=["t"]))
        attempt("e", lambda: db.put_batch([("e", {"v": v})]))
        attempt("f", lambda: db.put_batch([("g", {"v": 1.5}), ("f", {"v": v}), ("h", {"v": 2.5})]))
        attempt("u", lambda: db.update("u", {"v": v}))
        attempt("u", lambda: db.update("u", {"$mul": {"n": 4}}))
        attempt("u", lambda: db.update("u", {"$max": {"n": v}, "$min": {"o": v}}))
        attempt("u", lambda: db.update("u", {"$push": {"l": v}}))
        attempt("m", lambda: db.update("m", {"$inc": {"n": v}}))
        attempt("m", lambda: db.update_many({"n": 2}, {"$mul": {"n": v / 2}}))
        s = io.StringIO()
        n = db.dump(s)
        with MicroTetherDB(ram_percentage=20) as other:
            assert other.load(io.StringIO(s.getvalue())) == n
        attempt("a", lambda: db.load(io.StringIO('{"_id":"a","data":{"v":%r}}' % v)))
    assert kept > 12 * len(values) / 2, (kept, refused)
    db.put("a", {"v": power})  # not all that is large is refused
    db.put("a", {"v": -power * 1.5})
    assert abs(db["a"]["v"] / (-power * 1.5) - 1) < 1e-6  # to the digits that are written
print("OK")
