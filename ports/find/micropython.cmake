# A faster search in bytes and str for MicroPython's cmake ports: see find.c. ports/btree/micropython.cmake includes this.
set_source_files_properties(${MICROPY_DIR}/py/objstr.c PROPERTIES
    COMPILE_OPTIONS "-include;${CMAKE_CURRENT_LIST_DIR}/weak.h"
    OBJECT_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/weak.h
)

add_library(usermod_mtdb_find INTERFACE)
target_sources(usermod_mtdb_find INTERFACE ${CMAKE_CURRENT_LIST_DIR}/find.c)
target_link_libraries(usermod INTERFACE usermod_mtdb_find)
