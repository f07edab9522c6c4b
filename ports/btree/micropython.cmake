# The btree module as a user C module for MicroPython's cmake ports (rp2, esp32).
#
#   -DUSER_C_MODULES=<this file>        -DMTDB_DB1_DIR=<db1-compat>/db
#
# MICROPY_PY_BTREE stays off in cmake (the port's own rules would want a submodule); the board's
# mpconfigboard.cmake defines it for the compiler and the QSTR scan instead, since definitions on a user
# module do not reach the latter:
#   list(APPEND MICROPY_DEF_BOARD MICROPY_PY_BTREE=1 MICROPY_STREAMS_POSIX_API=1)
# (esp32 has the second one on already).
if(NOT EXISTS ${MTDB_DB1_DIR}/btree/bt_open.c)
    message(FATAL_ERROR "MTDB_DB1_DIR must name the \"db\" folder of db1-compat's sources")
endif()

# The esp32 port switches its own btree on just before it includes this file, and links the target that its rules would make.
if(MICROPY_PY_BTREE)
    set(MICROPY_PY_BTREE OFF)
    add_library(micropy_extmod_btree INTERFACE)
endif()

set(MTDB_BTREE_INC ${CMAKE_CURRENT_LIST_DIR}/include ${MTDB_DB1_DIR})

# Berkeley DB: K&R C, and queue heads that are used as if they were elements.
add_library(mtdb_db1 OBJECT)
foreach(name close conv delete get open overflow page put search seq split utils)
    target_sources(mtdb_db1 PRIVATE ${MTDB_DB1_DIR}/btree/bt_${name}.c)
endforeach()
target_sources(mtdb_db1 PRIVATE ${MTDB_DB1_DIR}/mpool/mpool.c)
target_include_directories(mtdb_db1 PRIVATE ${MTDB_BTREE_INC})
target_compile_options(mtdb_db1 PRIVATE -w -fno-strict-aliasing -ffunction-sections -fdata-sections)

add_library(usermod_mtdb_btree INTERFACE)
target_sources(usermod_mtdb_btree INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/glue.c
    ${MICROPY_DIR}/extmod/modbtree.c
)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/glue.c PROPERTIES COMPILE_OPTIONS -fno-strict-aliasing)
target_include_directories(usermod_mtdb_btree INTERFACE ${MTDB_BTREE_INC})
target_link_libraries(usermod_mtdb_btree INTERFACE $<TARGET_OBJECTS:mtdb_db1>)
target_link_libraries(usermod INTERFACE usermod_mtdb_btree)

include(${CMAKE_CURRENT_LIST_DIR}/../find/micropython.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/../record/micropython.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/../patch/micropython.cmake)
