# boards: unix
"""SPEC 5 (wear): erases spread evenly over a region: max/mean below 1.5 after 100,000 puts."""

import random

import btree
from flashsim import Flash
from microtetherdb.storage import page_log as pagelog

random.seed(6)
flash = Flash(24)
log = pagelog.open(flash, 512)
tree = btree.open(log, pagesize=512, cachesize=32)


def commit():
    assert not tree.flush() and log.error is None
    log.commit()


log.before_compaction = commit
for i in range(100000):
    log.reserve(1200)
    # mostly a few hot keys: static pages must not keep their sectors for themselves
    n = random.getrandbits(3) if i % 4 else random.getrandbits(7)
    tree[b"%06d" % n] = b"%06d" % i * 15
    if i % 20 == 19:
        commit()
    log.step()
mean = sum(flash.wear) / len(flash.wear)
print("erases", flash.erases, "max/mean", max(flash.wear) / mean, "min/mean", min(flash.wear) / mean)
assert max(flash.wear) / mean < 1.5
print("OK")
