# As on a microcontroller without a network.
include("../../manifest.py", without=("ota/http.py", "ota/slot_esp32.py", "stock.py"))
freeze("../../ports/qemu/modules", ("_boot.py", "ramdisk.py"))
module("_mtdb_board.py")
