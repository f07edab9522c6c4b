# boards: unix unix32
# SPEC section 9: what the updater remembers is replaced whole or not at all, on littlefs and FAT, cut at every flash operation.
from cutlab import Medium
from microtetherdb.ota.slot import load, save

OLD = {"failed": ["1.0"], "security": 3, "trial": None}
NEW = {"failed": ["1.0", "2.0"], "security": 3, "trial": ["3.0", 4, "ota_1", True]}

for kind in ("lfs", "fat"):
    medium = Medium(kind)
    flash = medium.new(16)
    name, where = medium.mount(flash)
    save(name, OLD)
    assert load(name) == OLD and load(name + "x") == {}
    cuts = []

    def watch(flash, n):
        flash.watch = None
        for copy, tear in flash.copies(("none", "prefix", "bits", "all")):
            cuts.append((n, tear, copy))
        flash.watch = watch

    flash.watch = watch
    save(name, NEW)
    flash.watch = None
    assert load(name) == NEW
    medium.unmount(where)
    seen = []
    for n, tear, copy in cuts:
        name, where = medium.mount(copy)
        found = load(name)
        assert found in (OLD, NEW), (kind, n, tear, found)
        if found not in seen:
            seen.append(found)
        save(name, NEW)
        assert load(name) == NEW
        medium.unmount(where)
    assert len(cuts) >= 8 and len(seen) == 2, (kind, len(cuts), seen)
    print(kind, len(cuts), "cuts")
print("OK")
