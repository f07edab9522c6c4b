# This board has its own slots and no network, and C (ports/record, ports/patch) in the place of records/plain.py and
# storage/patches.py; other ports' slots, HTTP and what only stock firmware needs stay out. So do aggregation (18 KB) and collections
# (14 KB): slots cannot grow once devices are updated over the air, and 24 KB of them are kept for later releases.
unneeded = (
    "aggregation", "collections", "ota/http.py", "ota/slot_esp32.py", "ota/slot_file.py", "records/plain.py", "storage/patches.py",
    "storage/stock.py",
)  # fmt: skip
include("../../manifest.py", without=unneeded, opt=3)
freeze("$(PORT_DIR)/modules", "rp2.py")
module("_boot.py", base_path="../../ports/rp2/modules")
module("_mtdb_board.py")
