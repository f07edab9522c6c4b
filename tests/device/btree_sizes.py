# Every record size: for each sum of key and value from FIRST to LAST (step STEP), insert in both orders, then put and
# delete at random beside smaller records. Parameters come before this text: PAGE, FIRST, LAST, STEP, ROUNDS.
import btree
import io
import random


def check(db, model, what):
    # In order of keys, nothing missing, nothing invented.
    got = list(db.items())
    assert [k for k, _ in got] == sorted(model), what
    for k, v in got:
        assert model[k] == v, what


def size(total, pagesize):
    ksize = min(total, 3)
    keys = [b"%03d" % i for i in range(14)] if ksize == 3 else [b"0123456789"[i : i + ksize] for i in range(9)]
    for order in (1, -1):
        db = btree.open(io.BytesIO(), pagesize=pagesize, cachesize=1)
        model = {}
        for key in keys[::order]:
            db[key] = model[key] = bytes([65 + len(model)]) * (total - len(key))
        check(db, model, (total, order))
        db.close()
    db = btree.open(io.BytesIO(), pagesize=pagesize, cachesize=1)
    model = {}
    keys = [key for i in range(5) for key in keys[i::5]]
    for n in range(ROUNDS):
        key = random.choice(keys)
        dice = random.getrandbits(3)
        if dice < 3 and total > 6:
            # The same sum with a long key.
            key = (key + b"k" * total)[: min(total, 200)]
        if dice == 7 and key in model:
            del db[key]
            del model[key]
        elif dice == 6:
            db[key] = model[key] = b"s" * random.getrandbits(6)
        else:
            db[key] = model[key] = bytes([97 + n % 26]) * (total - len(key))
    check(db, model, total)
    for key in list(model):
        del db[key]
        del model[key]
        if random.getrandbits(2) == 0:
            check(db, model, total)
    check(db, model, total)
    db.close()


random.seed(PAGE)
for total in range(FIRST, LAST + 1, STEP):
    size(total, PAGE)
print("OK")
