include("../../ports/esp32/manifest.py")
module("_mtdb_board.py")
