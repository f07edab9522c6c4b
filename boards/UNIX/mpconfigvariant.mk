# libffi is a system library that the image does not need; TLS (Mbed TLS) is for updates; btree comes from ports/btree.
MICROPY_PY_FFI = 0
MICROPY_PY_BTREE = 0
