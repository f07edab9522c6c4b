# Faster search in bytes and str for MicroPython's cmake ports: see first_bytes.h. ports/btree/micropython.cmake includes this.
set_source_files_properties(${MICROPY_DIR}/py/objstr.c PROPERTIES
    COMPILE_OPTIONS "-include;${CMAKE_CURRENT_LIST_DIR}/first_bytes.h"
    OBJECT_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/first_bytes.h
)
