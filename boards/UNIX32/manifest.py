include("../../manifest.py")
module("norflash.py", base_path="../../ports/unix/modules")
module("_mtdb_board.py")
