# What the ESP32 boards freeze beside their own module: the library, and what boots the port and mounts its file system.
include("../../manifest.py", without=("ota/slot_rp2.py",))
freeze("$(PORT_DIR)/modules", ("_boot.py", "espnow.py", "flashbdev.py", "inisetup.py"))

# micropython-lib is absent from MicroPython's packaged sources; with a full checkout (MPY_DIR=) its networking modules are
# frozen too, as in MicroPython's own images.
try:
    require("bundle-networking")
except Exception as e:
    print("not frozen: bundle-networking (%s)" % e)
