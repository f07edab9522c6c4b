# These boards have their own slots and no network, and C (ports/record) in the place of records/plain.py; other ports' slots, HTTP
# and what only stock firmware needs stay out. So do collections: the slots have no room for all.
unneeded = ("collections", "ota/http.py", "ota/slot_esp32.py", "ota/slot_file.py", "records/plain.py", "storage/stock.py")
include("../../manifest.py", without=unneeded, opt=3)
freeze("$(PORT_DIR)/modules", "rp2.py")
module("_boot.py", base_path="../../ports/rp2/modules")
module("_mtdb_board.py")
