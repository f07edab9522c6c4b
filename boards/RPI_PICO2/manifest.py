include("../../manifest.py")
freeze("$(PORT_DIR)/modules", "rp2.py")
module("_boot.py", base_path="../../ports/rp2/modules")
module("_mtdb_board.py")
