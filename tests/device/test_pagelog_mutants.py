# boards: unix
"""SPEC 5: the power-cut test bites: without checksums, or acknowledging before the commit, it fails."""

import logcuts
from cutlab import Failed
from microtetherdb.storage import file_medium as filelog, frames, page_log as pagelog, recovery, region_medium as region


def fails(kind):
    try:
        logcuts.run(kind)
    except Failed as e:
        return str(e)
    raise AssertionError("not noticed on " + kind)


# Frames and commits are not checked.
modules = (frames, pagelog, recovery, region)
kept = [m.crc32 for m in modules]
for m in modules:
    m.crc32 = lambda data, seed=0: 0
print("no checksums:", fails("region"))
for m, crc32 in zip(modules, kept):
    m.crc32 = crc32

# A commit is acknowledged before it is on the medium: that happens with the next one.
for kind, medium in (("region", region.RegionMedium), ("lfs", filelog.FileMedium), ("fat", filelog.FileMedium)):
    commit, sync, close = pagelog.PageLog.commit, medium.sync, medium.close

    def late_commit(log, force=False):
        sync(log.medium)
        commit(log, force)

    def late_close(m):
        if m.end:
            sync(m)
        close(m)

    pagelog.PageLog.commit = late_commit
    medium.sync = lambda self: None
    medium.close = late_close
    print("acknowledged too early:", fails(kind))
    pagelog.PageLog.commit, medium.sync, medium.close = commit, sync, close

logcuts.run("region")
print("OK")
