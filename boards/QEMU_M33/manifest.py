include("../../ports/qemu/manifest.py")
