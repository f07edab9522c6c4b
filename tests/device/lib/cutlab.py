"""Power cuts at every program and erase of a workload, in one process.

In front of each flash operation the device is copied with that operation torn, the copy is
opened as after a power cut, and what it holds is compared with the model: the last acknowledged
state, or a later state of the same history. Then the workload goes on. With `depth` 2 the
recovery and what follows it are cut in the same way, after every `sample`-th cut at every
`stride`-th operation; 1 and 1: after every cut at every operation. The seed chooses which, and
how operations are torn.
"""

import gc
import sys

import vfs
from flashsim import Flash
from nightly import COARSER, NIGHTLY


class Failed(BaseException):
    """A cut broke a promise. Not an Exception, so that the code under test cannot catch it."""


class Medium:
    """How a database is put on a simulated device: `target(flash)` mounts and returns its name."""

    serial = 0

    def __init__(self, kind):
        self.kind = kind

    def new(self, blocks):
        if self.kind == "fat":
            flash = Flash(blocks * 8, 512, atomic=True)
            vfs.VfsFat.mkfs(flash)
        else:
            flash = Flash(blocks)
            if self.kind == "lfs":
                vfs.VfsLfs2.mkfs(flash, progsize=256)
        flash.ops = 0
        return flash

    def mount(self, flash):
        if self.kind == "region":
            return flash, None
        # Each copy has its place: file objects of a cut one may live on until they are collected.
        Medium.serial += 1
        where = "/cut%d" % Medium.serial
        vfs.mount(vfs.VfsFat(flash) if self.kind == "fat" else vfs.VfsLfs2(flash, progsize=256), where)
        return where + "/x.db", where

    def unmount(self, where):
        if where:
            vfs.umount(where)


class Lab:
    """Runs `workload(history, target)` on a device; `history.did(key, value)`, `history.flushed()`.

    `read(target)` opens what is there and returns its contents as a dict, leaving it open as
    far as the medium is concerned; `more(target, changes)` opens it, changes it, closes it, opens
    it again and returns the contents. Both raise if anything is wrong.
    """

    def __init__(self, kind, blocks, read, more, seed=1, depth=1, sample=7, stride=3, value=b"the cut"):
        self.value = value
        self.medium = Medium(kind)
        self.flash = self.medium.new(blocks)
        self.flash.seed = self.seed = seed
        self.read = read
        self.more = more
        self.depth = depth
        self.sample = sample
        self.stride = stride
        self.nth = (
            (1 if sys.maxsize > 1 << 32 else COARSER) if sys.platform == "linux" else 7 if NIGHTLY else 53
        )  # which operations are cut: a microcontroller is slow
        self.cuts = self.second = 0
        self.acknowledged = {}
        self.queue = []
        self.changes = []  # since then: lists of (key, value), value None: deleted; None: all
        self.tears = {"region": ("prefix", "bits", "byte"), "fat": ("none",)}.get(kind, ("prefix", "bits"))

    def __str__(self):
        return "%s: %d cuts of %d operations, then %d during recovery (after each %d. cut, each %d. operation, seed %d)" % (
            self.medium.kind, self.cuts, self.flash.ops, self.second, self.sample, self.stride, self.seed
        )  # fmt: skip

    # The history

    def did(self, *changes):
        self._drain()
        self.changes.append(changes)

    def flushed(self):
        self._drain()
        apply(self.acknowledged, self.changes)
        self.changes = []

    def went_round(self, medium):
        """Space must have been reclaimed in the workload: `seq` counts sectors, or files."""
        if medium.seq <= (self.flash.blocks if self.medium.kind == "region" else 1):
            raise Failed("no compaction in the workload")

    def allowed(self, contents):
        """Tell whether `contents` is the acknowledged state or a later one."""
        state = self.acknowledged.copy()
        if contents == state:
            return True
        for change in self.changes:
            apply(state, (change,))
            if contents == state:
                return True
        return False

    # Cuts

    def run(self, workload):
        target, where = self.medium.mount(self.flash)
        self.flash.watch = self._watch
        workload(self, target)
        self._drain()
        self.flash.watch = None
        self.medium.unmount(where)
        self._judge(self.flash.copy(), "at the end")

    def _watch(self, flash, n):
        if n % self.nth:
            return
        flash.watch = None
        for copy, tear in flash.copies(self.tears if n % 3 else self.tears[:1] + ("none",)):
            self.cuts += 1
            deep = self.depth > 1 and (self.cuts + self.seed) % self.sample == 0
            self._soon(self._judge, copy, "operation %d, %s" % (n, tear), deep)
        flash.watch = self._watch
        if not n % 16:
            gc.collect()

    def _soon(self, judge, copy, *args):
        # FatFs has one buffer for long names: it is not to be used within its own writes. A microcontroller's stack is too small for it.
        if self.medium.kind == "fat" or sys.platform != "linux":
            self.queue.append((judge, copy, args, self.acknowledged.copy(), self.changes[:]))
        else:
            judge(copy, *args)

    def _drain(self):
        watch, self.flash.watch = self.flash.watch, None
        now = self.acknowledged, self.changes
        while self.queue:
            judge, copy, args, self.acknowledged, self.changes = self.queue.pop()
            judge(copy, *args)
        self.acknowledged, self.changes = now
        self.flash.watch = watch

    def _judge(self, flash, what, deep=False):
        if deep:
            flash.watch = lambda f, n: self._second(f, n, what)
        target, where = self.medium.mount(flash)
        try:
            contents = self.read(target)
            if not self.allowed(contents):
                raise AssertionError("not a state that was: " + describe(contents, self.acknowledged))
            flash.watch = None if not deep else flash.watch
            contents = self.more(target, [("zz-after", self.value)])
            if not contents.get("zz-after") == self.value:
                raise AssertionError("what was put after the cut is not there")
            del contents["zz-after"]
            if not self.allowed(contents):
                raise AssertionError("changed by going on: " + describe(contents, self.acknowledged))
        except Exception as e:
            sys.print_exception(e)
            raise Failed("%s, %s, seed %d" % (self.medium.kind, what, self.seed))
        self.medium.unmount(where)

    def _second(self, flash, n, what):
        watch = flash.watch
        flash.watch = None
        if (n + self.seed) % self.stride == 0:
            for copy, tear in flash.copies(self.tears[n // self.stride % len(self.tears) :][:1]):
                self.second += 1
                self._soon(self._after_second, copy, "%s, then %d, %s" % (what, n, tear))
        flash.watch = watch

    def _after_second(self, flash, what):
        target, where = self.medium.mount(flash)
        try:
            contents = self.read(target)
            for key in ("zz-after", "n"):  # what `more` puts
                contents.pop(key, None)
            if not self.allowed(contents):
                raise AssertionError("not a state that was: " + describe(contents, self.acknowledged))
        except Exception as e:
            sys.print_exception(e)
            raise Failed("%s, %s, seed %d" % (self.medium.kind, what, self.seed))
        self.medium.unmount(where)


def apply(state, changes):
    for change in changes:
        for key, value in change:
            if key is None:
                state.clear()
            elif value is None:
                state.pop(key, None)
            else:
                state[key] = value


def describe(contents, state):
    lost = [k for k in state if k not in contents]
    extra = [k for k in contents if k not in state]
    other = [k for k in contents if k in state and contents[k] != state[k]]
    return "%d keys, acknowledged %d; missing %s, more %s, other %s" % (
        len(contents),
        len(state),
        lost[:5],
        extra[:5],
        other[:5],
    )
