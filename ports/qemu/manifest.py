# What the QEMU boards freeze: the library, as on a microcontroller without a network, and what starts them.
include("../../manifest.py", without=("ota/http.py", "ota/slot_esp32.py", "ota/slot_rp2.py", "storage/stock.py"))
freeze("modules", ("_boot.py", "_mtdb_board.py", "ramdisk.py"))
