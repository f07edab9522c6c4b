# libffi and TLS are submodules or system libraries that the image does not need; btree comes from ports/btree.
MICROPY_PY_FFI = 0
MICROPY_PY_SSL = 0
MICROPY_PY_BTREE = 0
