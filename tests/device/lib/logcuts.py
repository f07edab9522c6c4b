"""Workload of the power-cut tests of the page log: a tree, its commits, and what they must hold."""

import random

import btree
from cutlab import Lab
from microtetherdb.storage import page_log as pagelog


def _open(target):
    log = pagelog.open(target, 512, retry_delay=0)
    tree = btree.open(log, pagesize=512, cachesize=32)
    log.before_compaction = lambda: commit(log, tree)
    return log, tree


def commit(log, tree):
    tree.flush()
    if log.error:
        raise log.error
    log.commit()


def contents(log, tree):
    for page in range(log.pages):
        problem = log.check_page(page)
        assert problem is None, problem
    return {k.decode(): v for k, v in tree.items()}


def read(target):
    log, tree = _open(target)
    got = contents(log, tree)
    tree.close()
    log.medium.close()
    return got


def more(target, changes):
    log, tree = _open(target)
    for key, value in changes:
        tree[key.encode()] = value
    commit(log, tree)
    tree.close()
    log.close()
    return read(target)


def workload(lab, target, rounds):
    random.seed(5)
    log, tree = _open(target)

    def flush():
        commit(log, tree)
        lab.flushed()

    for i in range(rounds):
        key = "%04d" % (random.getrandbits(16) % 120)
        kind = random.getrandbits(4)
        log.reserve(4000)
        if kind < 3:
            present = key.encode() in tree
            if present:
                del tree[key.encode()]
                lab.did((key, None))
        elif kind < 5:
            batch = [("%04d" % random.getrandbits(7), b"batch %d" % i * 9) for _ in range(6)]
            for k, v in batch:
                tree[k.encode()] = v
            lab.did(*batch)
            flush()
        else:
            value = b"%d " % i * (200 if kind == 15 else 5 + random.getrandbits(4))
            tree[key.encode()] = value
            lab.did((key, value))
        if i % 10 == 9:
            flush()
        if i % 60 == 59:
            flush()
            tree.close()
            log.close()
            log, tree = _open(target)
        if i == rounds // 2:
            flush()
            tree.close()
            log.clear()
            tree = btree.open(log, pagesize=512, cachesize=32)
            log.before_compaction = lambda: commit(log, tree)
            lab.did((None, None))
            log.commit()
            lab.flushed()
        log.step()
    flush()
    lab.went_round(log.medium)
    tree.close()
    log.close()


def run(kind, long=False, seed=1, every=False):
    """Cut everywhere on a "region", "lfs" or "fat"; `every`: recovery too. Returns the lab."""
    blocks, rounds = {"region": (16 if long else 12, 260), "lfs": (32, 150), "fat": (64 if long else 32, 150)}[kind]
    sample, stride = (1, 1) if every else (5 if long else 23, 3)
    lab = Lab(kind, blocks, read, more, seed=seed, depth=2, sample=sample, stride=stride)
    lab.run(lambda lab, target: workload(lab, target, rounds * (4 if long else 1)))
    return lab
