# boards: unix unix32
# SPEC section 6: two threads on one database; DBLock after lock_timeout. The emulated RP2040 has one core.
import _thread
import os
import time
from microtetherdb import MicroTetherDB, DBLock
from expect import raises

for file in (False, True):
    db = MicroTetherDB("th.db", in_memory=not file, ram_percentage=50, lock_timeout=600)  # a busy machine may let a thread wait
    done = []
    failed = []

    def work(me):
        model = {}
        try:
            for i in range(600):
                k = "%d-%d" % (me, i * 7 % 50)
                r = i % 5
                if r < 2:
                    db.put(k, {"me": me, "i": i}, tags=["t%d" % me] if r else None)
                    model[k] = i
                elif r == 2:
                    assert db.delete(k) == (1 if k in model else 0)
                    model.pop(k, None)
                elif r == 3:
                    got = db.get(k)
                    assert (got["i"] if got else None) == model.get(k)
                elif i % 25 == 4:
                    db.put_batch([("%d-b%d" % (me, j), {"i": i}) for j in range(3)])
                    assert len([1 for k in db.keys(prefix="%d-b" % me)]) == 3
            for k, i in model.items():
                assert db[k]["i"] == i
            done.append((me, len(model)))
        except BaseException as e:
            failed.append(e)
            done.append((me, 0))
            raise

    for me in range(2):
        _thread.start_new_thread(work, (me,))
    while len(done) < 2:
        time.sleep_ms(5)
    assert not failed, failed
    assert len(db) == sum(n for _, n in done) + 6, (len(db), done)
    db.close()
    if file:
        os.remove("th.db")

# a purge counts what it removes: nothing that another thread puts meanwhile is missed
db = MicroTetherDB(ram_percentage=50, lock_timeout=600)
done = []


def fill():
    try:
        for i in range(6000):
            db.put("k%d" % i, i)
    finally:
        done.append(True)


_thread.start_new_thread(fill, ())
removed = 0
while not done:
    removed += db.delete(purge=True)
assert removed + len(db) == 6000, (removed, len(db))
db.close()

db = MicroTetherDB(lock_timeout=0.2)
db._lock.acquire()  # as another thread's long operation would
t = time.ticks_ms()
raises(DBLock, "lock_timeout", db.put, 1)
assert time.ticks_diff(time.ticks_ms(), t) >= 200
db._lock.release()
db.put(1)
db.close()
print("OK")
