# These boards have their own slots; those of other ports stay out, and what only stock firmware needs.
include("../../manifest.py", without=("ota/slot_esp32.py", "ota/slot_file.py", "stock.py"))
freeze("$(PORT_DIR)/modules", "rp2.py")
module("_boot.py", base_path="../../ports/rp2/modules")
module("_mtdb_board.py")
