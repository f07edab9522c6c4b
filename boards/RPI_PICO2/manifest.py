# These boards have their own slots and no network; other ports' slots, HTTP and what only stock firmware needs stay out.
include("../../manifest.py", without=("ota/http.py", "ota/slot_esp32.py", "ota/slot_file.py", "storage/patches.py", "storage/stock.py"), opt=3)
freeze("$(PORT_DIR)/modules", "rp2.py")
module("_boot.py", base_path="../../ports/rp2/modules")
module("_mtdb_board.py")
